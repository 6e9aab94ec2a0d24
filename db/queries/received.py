"""The pictures received in a span of time, each with its current answer and what is needed to show it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
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
    stale: bool

    @property
    def threatened(self) -> bool:
        """Whether the worst that it can be is threatened."""
        return self.worst is not None and self.worst.threatened


def in_span(column: Any, since: datetime, until: datetime) -> ColumnElement[bool]:
    """Whether a time is after ``since`` and not after ``until``, so that spans in a row share nothing."""
    span: ColumnElement[bool] = (column > since) & (column <= until)
    return span


def counted_answers(session: Session, since: datetime, until: datetime) -> list[Answer]:
    """Give the counted observations of the media received in the span, by capture time."""
    rows = session.execute(
        select(Observation, Media, Prediction.gradcam, Deployment.station)
        .join(Media, Observation.media_id == Media.id)
        .outerjoin(Prediction, Media.answered_by == Prediction.id)
        .outerjoin(Deployment, Observation.deployment_id == Deployment.id)
        .where(in_span(Media.received_at, since, until), Observation.counted)
        .order_by(Observation.captured_at, Media.sha256)
    )
    return [_answer(*row) for row in rows]


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
    recent = select(Media.id).where(in_span(Media.received_at, since, until))
    found = [
        select(Observation.media_id).where(
            Observation.observation_type.in_([ObservationType.HUMAN, ObservationType.VEHICLE])
        ),
        select(Prediction.media_id).where(Prediction.background == "person"),
        select(Review.media_id).where(Review.label == "person"),
    ]
    return {
        media_id for query in found for media_id in session.scalars(query.where(query.selected_columns[0].in_(recent)))
    }


def _answer(observation: Observation, media: Media, gradcam: str | None, station: str | None) -> Answer:
    turned = media.orientation >= 5  # noqa: PLR2004  # EXIF: 5 to 8 lie on their side
    return Answer(
        id=observation.id,
        media_id=media.id,
        deployment_id=observation.deployment_id,
        station=station or NO_STATION,
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
        time_status=media.time_status,
        kept=media.kept,
        gradcam=gradcam,
        width=media.height if turned else media.width,
        height=media.width if turned else media.height,
        stale=observation.stale,
    )
