"""The pictures first answered in a span of time, each with its current answer and what is needed to show it.

Received before a report and answered after it, a picture belongs to the next; answered anew, to none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, literal_column, select, union
from sqlalchemy.orm import Session, aliased

from db.derive import WHOLE
from db.detected import PEOPLE
from db.models import Deployment, Detection, Link, Media, Observation, Prediction, Review
from db.queries.events import letters_of
from db.redlist import Category
from db.types import Box, Decision, LinkKind, LinkStatus, Method, ObservationType

NO_STATION = "(no station)"


@dataclass(frozen=True, slots=True)
class Answer:
    """One observation of a picture; ``letters`` are its category, or both ends of a span."""

    id: int  # of the observation
    media_id: int
    deployment_id: int | None
    station: str
    decision: Decision
    label: str | None
    title: str
    taxa: tuple[str, ...]
    letters: tuple[Category, ...]
    worst: Category | None
    probability: float | None
    reviewer: str | None  # where a human said it
    captured_local: datetime  # on the station's clock, no zone
    captured_at: datetime
    time_status: str  # of the camera's clock: ok, missing or implausible
    kept: str  # below the data folder, as gradcam
    gradcam: str | None
    width: int  # upright
    height: int
    box: Box | None  # of the animal that is shown
    received_at: datetime
    model_id: int | None  # of the prediction that is shown

    @property
    def threatened(self) -> bool:
        """Whether the worst that it can be is threatened."""
        return self.worst is not None and self.worst.threatened


def in_span(column: Any, since: datetime, until: datetime) -> ColumnElement[bool]:
    """Whether a time is after ``since`` and not after ``until``, so that spans in a row share nothing."""
    span: ColumnElement[bool] = (column > since) & (column <= until)
    return span


def first_answered(since: datetime, until: datetime) -> Select[tuple[int]]:
    """Select the media of which a model or a human first said something in the span.

    Those are among them in which the model first saw an animal closely, and says something else of it than it had said
    of the whole: nobody has been told of that.
    """
    by_model = select(Prediction.media_id).where(
        in_span(Prediction.predicted_at, since, until), ~said_until(Prediction.media_id, since)
    )
    by_human = select(Review.media_id).where(in_span(Review.at, since, until), ~said_until(Review.media_id, since))
    closely = _first_seen_closely(since, until)
    copies = select(Link.canonical_id).where(Link.media_id.in_(closely), Link.kind == LinkKind.SAME_PICTURE)
    said = union(by_model, by_human, closely, copies).subquery()
    return select(said.c.media_id)


def _first_seen_closely(since: datetime, until: datetime) -> Select[tuple[int]]:
    """Select the media of which the model said something else in the span of an animal, and had seen none before."""
    before, whole = aliased(Prediction), aliased(Prediction)
    earlier = exists().where(
        before.media_id == Prediction.media_id, before.region > WHOLE, before.predicted_at <= since
    )
    other = (whole.label != Prediction.label) | (whole.decision != Prediction.decision)
    looked_at: Select[tuple[int]] = select(Prediction.media_id)
    return (
        looked_at.join(Media, Prediction.media_id == Media.id)
        .join(whole, Media.answered_by == whole.id)
        # written out: a database uses a partial index only for what it can see
        .where(Prediction.region > literal_column("0"), in_span(Prediction.predicted_at, since, until), other, ~earlier)
    )


def said_until(media_id: Any, time: datetime) -> ColumnElement[bool]:
    """Whether a model or a human had said something by then of a media, or of another file of the very same picture."""

    def said(of: Any) -> ColumnElement[bool]:
        prediction, review = aliased(Prediction), aliased(Review)
        by_model = exists().where(prediction.media_id == of, prediction.predicted_at <= time)
        return by_model | exists().where(review.media_id == of, review.at <= time)

    return said(media_id) | _of_a_copy(media_id, said, Link.kind == LinkKind.SAME_PICTURE)


def shows_people(media_id: Any) -> ColumnElement[bool]:
    """Whether anybody, human, model or detector, ever saw people in a media or a copy: then it is never to be shown."""
    return _people(media_id) | _of_a_copy(media_id, _people, Link.status != LinkStatus.UNDONE)


def _of_a_copy(
    media_id: Any, holds: Callable[[Any], ColumnElement[bool]], which: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Whether something holds of a media that is linked with this one, on whichever side of the link it stands."""
    copy = exists().where(Link.canonical_id == media_id, which, holds(Link.media_id))
    return copy | exists().where(Link.media_id == media_id, which, holds(Link.canonical_id))


def _people(media_id: Any) -> ColumnElement[bool]:
    observation, prediction, review = aliased(Observation), aliased(Prediction), aliased(Review)
    detection = aliased(Detection)
    people = [ObservationType.HUMAN, ObservationType.VEHICLE]
    return (
        exists().where(observation.media_id == media_id, observation.observation_type.in_(people))
        | exists().where(prediction.media_id == media_id, prediction.background == "person")
        | exists().where(review.media_id == media_id, review.label == "person")
        | exists().where(detection.media_id == media_id, detection.category.in_(PEOPLE))
    )


def answers(session: Session, observation_ids: Sequence[int]) -> tuple[Answer, ...]:
    """Give some hundred observations with all that is needed to show them, in the order of ``observation_ids``."""
    # of the media and the prediction these columns only: EXIF and probabilities are long
    media = (Media.time_status, Media.kept, Media.width, Media.height, Media.orientation, Media.received_at)
    said = (Prediction.gradcam, Prediction.model_id, Prediction.box, Prediction.kept.label("crop"))
    rows = session.execute(
        select(Observation, *media, *said, Deployment.station)
        .join(Media, Observation.media_id == Media.id)
        .outerjoin(Prediction, Observation.prediction_id == Prediction.id)
        .outerjoin(Deployment, Observation.deployment_id == Deployment.id)
        .where(Observation.id.in_(observation_ids))
    )
    found = {row.Observation.id: _answer(row) for row in rows}
    return tuple(found[observation_id] for observation_id in observation_ids)


def _answer(row: Any) -> Answer:
    observation: Observation = row.Observation
    turned = row.orientation >= 5  # noqa: PLR2004  # EXIF: 5 to 8 lie on their side
    return Answer(
        id=observation.id,
        media_id=observation.media_id,
        deployment_id=observation.deployment_id,
        station=row.station or NO_STATION,
        decision=observation.decision,
        label=observation.label,
        title=observation.title or "",
        taxa=tuple(observation.taxa),
        letters=letters_of(observation.category),
        worst=Category(observation.worst_category) if observation.worst_category else None,
        probability=observation.probability,
        reviewer=observation.classified_by if observation.classification_method is Method.HUMAN else None,
        captured_local=observation.captured_local,
        captured_at=observation.captured_at,
        time_status=row.time_status,
        kept=row.crop or row.kept,
        gradcam=row.gradcam,
        width=row.height if turned else row.width,
        height=row.width if turned else row.height,
        box=box_of(row.box),
        received_at=row.received_at,
        model_id=row.model_id,
    )


def box_of(sides: Sequence[float] | None) -> Box | None:
    """Give the box that a model looked at; None where it looked at the whole picture."""
    if sides is None:
        return None
    left, top, width, height = sides
    return left, top, width, height
