"""The counted pictures first answered in a span of time, as counts by all that a report tells them apart by."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from db.models import Deployment, Media, Observation, Prediction
from db.queries.events import letters_of
from db.queries.received import NO_STATION, first_answered
from db.redlist import Category
from db.types import Decision


@dataclass(frozen=True, slots=True)
class Tally:
    """How many pictures have all of this in common: some hundred rows, however many pictures there are."""

    station: str
    decision: Decision
    title: str
    letters: tuple[Category, ...]
    said: str | None  # the most probable species by the model, whatever the decision
    model_id: int | None  # of the prediction that is shown
    time_status: str  # of the camera's clock: ok (or set right by a table), missing or implausible
    earlier: bool  # received before the span
    pictures: int
    leading: int  # of them, those that no other row counts: of several animals in a picture one leads


def tally(session: Session, since: datetime, until: datetime) -> list[Tally]:
    """Count the counted observations of the media first answered in the span."""
    rows = (
        select(
            Deployment.station,
            Observation.decision,
            Observation.title,
            Observation.category,
            Prediction.label.label("said"),
            Prediction.model_id,
            case((Observation.time_source == "exif", "ok"), else_=Media.time_status).label("time_status"),
            (Media.received_at <= since).label("earlier"),
            Observation.media_id,
            case((Observation.leads, 1), else_=0).label("leads"),
        )
        .join(Media, Observation.media_id == Media.id)
        .outerjoin(Prediction, Observation.prediction_id == Prediction.id)
        .outerjoin(Deployment, Observation.deployment_id == Deployment.id)
        .where(Observation.media_id.in_(first_answered(since, until)), Observation.counted)
        .subquery()
    )
    *apart, media_id, leads = rows.c
    counted = (func.count(media_id.distinct()).label("pictures"), func.sum(leads).label("leading"))
    counts: Any = session.execute(select(*apart, *counted).group_by(*apart))
    return [
        Tally(
            station=row.station or NO_STATION,
            decision=row.decision,
            title=row.title or "",
            letters=letters_of(row.category),
            said=row.said,
            model_id=row.model_id,
            time_status=row.time_status,
            earlier=row.earlier,
            pictures=row.pictures,
            leading=row.leading,
        )
        for row in counts
    ]
