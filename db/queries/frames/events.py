"""Bursts and independent events as frames: one row each."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, Subquery, case, cast, func, null, select, true, union_all
from sqlalchemy.orm import Session

from db.models import Deployment, Observation
from db.queries.activity import coordinates_of
from db.queries.events import elapsed, numbered, observed
from db.queries.frames.framing import BURST_GAP, EVENT_GAP, LOCAL_TIME, UTC_TIME, framed
from db.queries.received import NO_STATION
from db.queries.solar import solar_hours

if TYPE_CHECKING:
    import pandas as pd


def bursts(session: Session, begin: datetime, end: datetime, *, gap: timedelta = BURST_GAP) -> "pd.DataFrame":
    """Give the bursts that start in the period: media of one deployment, each at most ``gap`` after the one before.

    Whatever is in the pictures: blank ones trigger cameras as well. Media without any answer yet are left out, and so
    are media after ``end``, where a burst under way then ends.

    Returns
    -------
    pandas.DataFrame
        By start. ``deployment_id``, ``station``, ``camera``; ``start`` and ``end`` of the burst (its first and last
        picture); ``media``, how many pictures it has.

    """
    return framed(
        session.execute(_bursts(begin, end, gap)),
        {
            "deployment_id": "Int64",
            "station": "string",
            "camera": "string",
            "start": UTC_TIME,
            "end": UTC_TIME,
            "media": "int64",
        },
    )


def _bursts(begin: datetime, end: datetime, gap: timedelta) -> Select[Any]:
    """Select a row a burst; to number bursts and group by that, as `_events` does, takes half as long again.

    Beside each burst's first picture stands the one before; so the next burst's first tells where this one ended.
    """
    of, at = Observation.deployment_id, Observation.captured_at
    taken = (at > begin - gap, at <= end, Observation.counted, Observation.leads)
    before = func.lag(at, type_=at.type).over(partition_by=of, order_by=[at, Observation.id])
    number = func.row_number().over(partition_by=of, order_by=[at, Observation.id])
    pictures = select(of, at.label("start"), before.label("before"), number.label("number")).where(*taken).subquery()
    apart = func.coalesce(elapsed(pictures.c.before, pictures.c.start) > gap.total_seconds(), true())
    after_all = select(of, cast(null(), at.type), func.max(at, type_=at.type), func.count() + 1)
    edges = union_all(select(pictures).where(apart), after_all.where(*taken).group_by(of)).subquery().c
    ended, after = (
        func.lead(column, type_=column.type).over(partition_by=edges.deployment_id, order_by=edges.number)
        for column in (edges.before, edges.number)
    )
    each = select(
        edges.deployment_id, edges.start, ended.label("end"), (after - edges.number).label("media")
    ).subquery()
    return _placed(each, each.c.start, each.c.deployment_id).where(each.c.start > begin)


def events(session: Session, begin: datetime, end: datetime, *, gap: timedelta = EVENT_GAP) -> "pd.DataFrame":
    """Give the independent events that start in the period.

    An event is the pictures of one label at one deployment, each at most ``gap`` after the one before: O'Brien,
    Kinnaird and Wibisono (2003), "Crouching tigers, hidden prey", Animal Conservation 6(2): 131-139, who take half an
    hour. The pause counts from the picture before and not from the event's first (camtrapR's ``deltaTimeComparedTo =
    "lastRecord"``). What goes on since before ``begin`` is none of it; pictures after ``end`` are not looked at, and
    an event under way then ends there. Individuals are not counted: nobody has told them apart.

    Returns
    -------
    pandas.DataFrame
        By start. ``deployment_id``, ``station``, ``camera``; ``label`` and ``title`` of the animal, ``category`` (Red
        List, "VU" or a span); ``start`` and ``end`` (its first and last picture), ``start_local`` and ``end_local``;
        ``media``, its pictures; ``solar_hour`` of its start: hours of local solar time from 0 and below 24, missing
        where the deployment has no coordinates.

    """
    places = coordinates_of(session)
    rows = [
        (*row, solar_hours(row.start, places[row.deployment_id][1]) if row.deployment_id in places else None)
        for row in session.execute(_events(begin, end, gap))
    ]
    return framed(
        rows,
        {
            "deployment_id": "Int64", "station": "string", "camera": "string", "label": "string", "title": "string",
            "category": "string", "start": UTC_TIME, "end": UTC_TIME, "start_local": LOCAL_TIME,
            "end_local": LOCAL_TIME, "media": "int64", "solar_hour": "float64",
        },
    )  # fmt: skip


def _events(begin: datetime, end: datetime, gap: timedelta) -> Select[Any]:
    """Select a row an event; what it is called, its first picture says."""
    rows = numbered(observed(begin - gap, end), gap).c
    start = func.min(rows.captured_at)
    title, category = (func.max(case((rows.starts == 1, column))) for column in (rows.title, rows.category))
    each = (
        select(
            rows.deployment_id,
            rows.label,
            title.label("title"),
            category.label("category"),
            start.label("start"),
            func.max(rows.captured_at).label("end"),
            func.min(rows.captured_local).label("start_local"),
            func.max(rows.captured_local).label("end_local"),
            func.count(rows.media_id.distinct()).label("media"),
        )
        .group_by(rows.deployment_id, rows.label, rows.event)
        .having(start > begin)
        .subquery()
    )
    return _placed(each, each.c.start, each.c.deployment_id, each.c.label)


def _placed(each: Subquery, *order: ColumnElement[Any]) -> Select[Any]:
    """Put station and camera after the deployment, which is the first column."""
    deployment_id, *others = each.c
    station = func.coalesce(Deployment.station, NO_STATION)
    return (
        select(deployment_id, station, Deployment.camera, *others)
        .outerjoin(Deployment, deployment_id == Deployment.id)
        .order_by(*order)
    )
