"""Pictures in streams that never lie in memory whole: those that an export hands on, and those that it cannot."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, or_, select
from sqlalchemy.orm import Session

from db.models import Deployment, Detection, Media, Observation, Sighting
from db.queries.exported.whole import first_sighting, is_whole, streamed
from db.queries.received import in_span, shows_people
from db.types import Decision, Method, ObservationType


def media(session: Session, begin: datetime, end: datetime) -> Iterator[Any]:
    """Give the pictures of the period; where one has several answers its rows follow on each other.

    ``harmless``: that answer leaves no room for a person or a number plate. A picture is so where all its answers are.
    """
    rows = (
        select(
            Media.sha256,
            Media.format,
            Observation.deployment_id,
            Observation.captured_local,
            Observation.captured_at,
            Sighting.path_text,
            _is_harmless().label("harmless"),
        )
        .join(Media, Observation.media_id == Media.id)
        .join(Deployment, Observation.deployment_id == Deployment.id)
        .join(Sighting, Sighting.id == first_sighting(Observation.media_id))
        .where(is_whole(), in_span(Observation.captured_at, begin, end))
        .order_by(Observation.deployment_id, Observation.captured_at, Observation.media_id)
    )
    return streamed(session, rows)


def not_whole(session: Session, begin: datetime, end: datetime) -> Iterator[Any]:
    """Give the pictures of the period that are no part of it by themselves, and those that nobody has answered yet."""
    reason = case(
        (Observation.id.is_(None), "nobody has answered it yet"),
        (~Observation.counted, "it shows what another picture shows"),
        (Observation.time_source != "exif", "its camera wrote no time that can be right"),
        else_="it belongs to no deployment",
    )
    lacking = or_(Observation.time_source != "exif", ~Observation.counted, Observation.deployment_id.is_(None))
    rows = (
        select(Media.sha256, Observation.deployment_id, Sighting.path_text, reason.label("reason"))
        .outerjoin(Observation, and_(Observation.media_id == Media.id, Observation.leads))
        .join(Sighting, Sighting.id == first_sighting(Media.id))
        .where(or_(Observation.id.is_(None), and_(lacking, in_span(Observation.captured_at, begin, end))))
        .order_by(Media.id)
    )
    return streamed(session, rows)


def _is_harmless() -> ColumnElement[bool]:
    """Tell whether an animal was named, or a human or a detector looked, and nobody ever saw people."""
    harmless = (ObservationType.BLANK, ObservationType.UNCLASSIFIED)
    looked = and_(Observation.classification_method == Method.HUMAN, Observation.observation_type.in_(harmless))
    detected = exists().where(Detection.media_id == Observation.media_id)
    return or_(Observation.decision == Decision.ANSWERED, looked, detected) & ~shows_people(Observation.media_id)
