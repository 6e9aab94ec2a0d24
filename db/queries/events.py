"""Independent events: told apart by query and never stored, since late files change them.

An event is the pictures of one label at one deployment, each at most a gap after the one before.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Float, Select, Subquery, Text, and_, case, cast, func, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from db.models import Deployment, Observation
from db.redlist import Category
from db.types import Decision


@dataclass(frozen=True, slots=True)
class Kind:
    """What a report tells apart as a species; ``letters`` are its category, or both ends of a span."""

    label: str
    title: str
    taxa: tuple[str, ...]
    letters: tuple[Category, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """An independent event, by its first picture."""

    deployment_id: int | None
    kind: Kind
    captured_at: datetime
    captured_local: datetime  # on the station's clock, no zone


class elapsed(FunctionElement[float]):  # noqa: N801  # reads as the SQL function that it is
    """The seconds from one time to another, exact to a millisecond."""

    inherit_cache = True
    type = Float()


@compiles(elapsed)
def _elapsed(element: elapsed, compiler: Any, **more: Any) -> str:
    earlier, later = (compiler.process(time, **more) for time in element.clauses)
    return f"EXTRACT(EPOCH FROM {later} - {earlier})"


@compiles(elapsed, "sqlite")
def _elapsed_in_sqlite(element: elapsed, compiler: Any, **more: Any) -> str:
    earlier, later = (compiler.process(time, **more) for time in element.clauses)
    milliseconds = (f"CAST(julianday({time}) * 86400000 + 0.5 AS INTEGER)" for time in (later, earlier))
    return f"({' - '.join(milliseconds)}) / 1000.0"


def events_in(session: Session, begin: datetime, end: datetime, gap: timedelta, *, sure: bool = False) -> list[Event]:
    """Give the events that start after ``begin`` and until ``end``, in time order; ``sure``: of sure pictures only.

    One that began before, by a picture that is at most ``gap`` older, goes on and is none of them.
    """
    rows = starting(observed(begin - gap, end, sure=sure), gap)
    starts = (
        select(rows.c.deployment_id, *kind_columns(rows.c), rows.c.captured_at, rows.c.captured_local)
        .where(rows.c.starts == 1, rows.c.captured_at > begin)
        .order_by(rows.c.captured_at, rows.c.id)
    )
    return [
        Event(deployment_id, kind_of(*kind), at, local) for deployment_id, *kind, at, local in session.execute(starts)
    ]


def observed(begin: datetime, end: datetime, *, sure: bool = False) -> Subquery:
    """Select the counted answers by capture time, with the columns that events need; ``sure``: where that is sure."""
    answers = _answers(begin, end)
    return (answers.where(is_sure()) if sure else answers).subquery()


def count_unsure(session: Session, begin: datetime, end: datetime) -> int:
    """Count the pictures with a counted answer that is not sure: no effort covers them."""
    left = _answers(begin, end).where(~is_sure()).subquery()
    return session.scalar(select(func.count(left.c.media_id.distinct()))) or 0


def is_sure() -> ColumnElement[bool]:
    """Whether the camera wrote an observation's time, and its deployment was there by what is recorded of it."""
    at, start, end = Observation.captured_at, Deployment.start, Deployment.end
    return and_(Observation.time_source == "exif", start.is_(None) | (at >= start), end.is_(None) | (at <= end))


def _answers(begin: datetime, end: datetime) -> Select[*tuple[Any, ...]]:
    wanted = (Observation.captured_at > begin, Observation.captured_at <= end, Observation.counted)
    of = select(*EVENT_COLUMNS).outerjoin(Deployment, Observation.deployment_id == Deployment.id)
    return of.where(Observation.decision == Decision.ANSWERED, *wanted)


EVENT_COLUMNS = (
    Observation.id,
    Observation.media_id,
    Observation.deployment_id,
    Observation.label,
    Observation.title,
    Observation.taxa,
    Observation.category,
    Observation.captured_at,
    Observation.captured_local,
)


def starting(observations: Subquery, gap: timedelta) -> Subquery:
    """Add the column ``starts`` to observations: 1 where an event starts, else 0."""
    rows = observations.c
    before = func.lag(rows.captured_at).over(
        partition_by=[rows.deployment_id, rows.label], order_by=[rows.captured_at, rows.id]
    )
    apart: ColumnElement[bool] = func.coalesce(elapsed(before, rows.captured_at) > gap.total_seconds(), true())
    return select(observations, case((apart, 1), else_=0).label("starts")).subquery()


def numbered(observations: Subquery, gap: timedelta) -> Subquery:
    """Add the column ``event`` to observations: the number of the event among those of its deployment and label."""
    started = starting(observations, gap)
    rows = started.c
    number = func.sum(rows.starts).over(
        partition_by=[rows.deployment_id, rows.label], order_by=[rows.captured_at, rows.id], rows=(None, 0)
    )
    return select(started, number.label("event")).subquery()


def kind_columns(columns: Any) -> tuple[ColumnElement[Any], ...]:
    """Give what a kind is grouped by and made of (by `kind_of`): a list is no thing that PostgreSQL can group by."""
    return columns.label, columns.title, cast(columns.taxa, Text), columns.category


@lru_cache(maxsize=1024)
def kind_of(label: str | None, title: str | None, taxa: str, category: str | None) -> Kind:
    """Make a kind from its columns."""
    return Kind(label or "", title or "", tuple(json.loads(taxa)), letters_of(category))


def letters_of(category: str | None) -> tuple[Category, ...]:
    """Give the one category, or both ends of a span."""
    return tuple(Category(letter) for letter in (category or "").split("–") if letter)
