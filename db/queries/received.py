"""The pictures first answered in a span of time, each with its current answer and what is needed to show it.

Received before a report and answered after it, a picture belongs to the next; answered anew, to none.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, union_all
from sqlalchemy.orm import Session

from db.models import Deployment, Media, Observation, Prediction, Review
from db.queries.events import number_events
from db.redlist import Category
from db.types import Decision, Method, ObservationType

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
    """Select the media of which a model or a human first said something in the span."""
    said = union_all(
        select(Prediction.media_id, Prediction.predicted_at.label("at")), select(Review.media_id, Review.at)
    ).subquery()
    return select(said.c.media_id).group_by(said.c.media_id).having(in_span(func.min(said.c.at), since, until))


def counted_answers(session: Session, since: datetime, until: datetime) -> list[Answer]:
    """Give the counted observations of the media first answered in the span, by capture time."""
    # of the media and the prediction these columns only: EXIF and probabilities are long
    media = (Media.time_status, Media.kept, Media.width, Media.height, Media.orientation, Media.received_at)
    rows = session.execute(
        select(Observation, *media, Prediction.gradcam, Prediction.model_id, Deployment.station)
        .join(Media, Observation.media_id == Media.id)
        .outerjoin(Prediction, Media.answered_by == Prediction.id)
        .outerjoin(Deployment, Observation.deployment_id == Deployment.id)
        .where(Media.id.in_(first_answered(since, until)), Observation.counted)
        .order_by(Observation.captured_at, Media.sha256)
    )
    return [_answer(row) for row in rows]


def events_of(answers: list[Answer], gap: timedelta) -> list[int]:
    """Give the number of the independent event that each answer belongs to, in their order."""
    import pandas as pd

    columns = {
        "deployment_id": pd.array([answer.deployment_id for answer in answers], dtype="Int64"),
        "label": pd.array([answer.label for answer in answers], dtype="string"),
        "captured_at": pd.to_datetime([answer.captured_at for answer in answers], utc=True),
    }
    return number_events(pd.DataFrame(columns), gap).tolist()


def with_people(session: Session, since: datetime, until: datetime) -> set[int]:
    """Give the media of the span in which anybody, model or human, has ever seen a person: never to be shown."""
    found = union_all(
        select(Observation.media_id).where(
            Observation.observation_type.in_([ObservationType.HUMAN, ObservationType.VEHICLE])
        ),
        select(Prediction.media_id).where(Prediction.background == "person"),
        select(Review.media_id).where(Review.label == "person"),
    ).subquery()
    return set(session.scalars(select(found.c.media_id).where(found.c.media_id.in_(first_answered(since, until)))))


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
        letters=tuple(Category(letter) for letter in (observation.category or "").split("–") if letter),
        worst=Category(observation.worst_category) if observation.worst_category else None,
        probability=observation.probability,
        reviewer=observation.classified_by if observation.classification_method is Method.HUMAN else None,
        captured_local=observation.captured_local,
        captured_at=observation.captured_at,
        time_status=row.time_status,
        kept=row.kept,
        gradcam=row.gradcam,
        width=row.height if turned else row.width,
        height=row.width if turned else row.height,
        received_at=row.received_at,
        model_id=row.model_id,
    )
