"""Answers in streams that never lie in memory whole: by event, without one, and all with their files."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, Text, case, cast, func, null, select, union_all
from sqlalchemy.orm import Session

from db.models import Deployment, Link, Media, Model, Observation, Prediction, Review, Sighting
from db.queries.events import starting
from db.queries.exported.whole import first_sighting, is_whole, streamed
from db.queries.received import in_span
from db.types import Decision, LinkStatus, Method, ObservationType


def in_events(session: Session, gap: timedelta, begin: datetime, end: datetime) -> Iterator[list[Any]]:
    """Give the answers of each independent event with a picture in the period, all of the event, in time order.

    Events are of one label at one deployment; people and vehicles have their type for one. ``gap`` is as everywhere.
    """
    kind = _kind()
    narrow = (
        select(Observation.id, Observation.deployment_id, kind.label("label"), Observation.captured_at)
        .join(Deployment, Observation.deployment_id == Deployment.id)
        .where(is_whole(), kind.is_not(None))
        .subquery()
    )
    rows = starting(narrow, gap).c
    ordered = (
        _observations(rows.starts, rows.label.label("kind"))
        .join(rows.id.table, rows.id == Observation.id)
        .order_by(rows.deployment_id, rows.label, rows.captured_at, rows.id)
    )
    event: list[Any] = []
    for row in streamed(session, ordered):
        if row.starts and event:
            if _meets(event, begin, end):
                yield event
            event = []
        event.append(row)
    if _meets(event, begin, end):
        yield event


def _meets(event: list[Any], begin: datetime, end: datetime) -> bool:
    return any(begin < row.captured_at <= end for row in event)


def in_no_event(session: Session, begin: datetime, end: datetime) -> Iterator[Any]:
    """Give the answers of the period that are none of a known animal, a human or a vehicle."""
    rows = (
        _observations()
        .join(Deployment, Observation.deployment_id == Deployment.id)
        .where(is_whole(), _kind().is_(None), in_span(Observation.captured_at, begin, end))
        .order_by(Observation.deployment_id, Observation.captured_at, Observation.id)
    )
    return streamed(session, rows)


def answers(session: Session, begin: datetime, end: datetime) -> Iterator[Any]:
    """Give all counted answers of the period with the names of their files, by deployment and time."""
    rows = (
        _observations(Sighting.path_text)
        .join(Sighting, Sighting.id == first_sighting(Observation.media_id))
        .where(Observation.counted, in_span(Observation.captured_at, begin, end))
        .order_by(Observation.deployment_id, Observation.captured_at, Observation.id)
    )
    return streamed(session, rows)


def count_stale(session: Session) -> int:
    """Count the answers that wait to be derived anew: until then they say what held before."""
    return session.scalar(select(func.count()).select_from(Observation).where(Observation.stale)) or 0


def _observations(*more: Any) -> Select[Any]:
    return (
        select(
            *more,
            Media.sha256,
            Observation.region,
            Observation.deployment_id,
            Observation.captured_local,
            Observation.captured_at,
            Observation.time_source,
            Observation.observation_type,
            Observation.decision,
            Observation.label,
            Observation.title,
            cast(Observation.taxa, Text).label("taxa"),
            Observation.category,
            Observation.redlist_version,
            Observation.classification_method,
            Observation.classified_by,
            Observation.probability,
            Prediction.box,
            (Observation.classified_by == Model.version).label("by_model"),
            case(
                (Observation.classification_method == Method.HUMAN, _reviewed_at()), else_=Prediction.predicted_at
            ).label("classified_at"),
        )
        .select_from(Observation)
        .join(Media, Observation.media_id == Media.id)
        .outerjoin(Prediction, Observation.prediction_id == Prediction.id)
        .outerjoin(Model, Prediction.model_id == Model.id)
    )


def _kind() -> ColumnElement[str | None]:
    """Give what events are told apart by; nothing where nobody knows what it is, or nothing is there."""
    kind = Observation.observation_type
    return case(
        (Observation.decision == Decision.ANSWERED, Observation.label),
        (kind.in_([ObservationType.HUMAN, ObservationType.VEHICLE]), cast(kind, Text)),
        else_=null(),
    )


def _reviewed_at() -> ScalarSelect[datetime]:
    """Give when a human said it: of that region of the picture, or of one that is surely the same."""
    sure = Link.status.in_([LinkStatus.CERTAIN, LinkStatus.CONFIRMED])
    same = union_all(
        select(Observation.media_id).correlate(Observation),
        select(Link.media_id).where(Link.canonical_id == Observation.media_id, sure).correlate(Observation),
        select(Link.canonical_id).where(Link.media_id == Observation.media_id, sure).correlate(Observation),
    )
    return (
        select(func.max(Review.at))
        .where(
            Review.media_id.in_(same),
            Review.region == Observation.region,
            Review.label == Observation.label,
            Review.reviewer == Observation.classified_by,
        )
        .correlate(Observation)
        .scalar_subquery()
    )
