"""Effort: for how many days each camera watched.

Effort is counted in camera-days (trap-days), the measure that relative abundance is divided by in O'Brien, Kinnaird and
Wibisono (2003), "Crouching tigers, hidden prey", Animal Conservation 6(2): 131-139. For one deployment and a period:

    effort = (span ∩ period) − (silences ∩ span ∩ period)

The span goes from its recorded start to its recorded end, and where either is not recorded, from its first or to its
last sign of life: a picture whose time the camera wrote. A silence is a pause of more than some days between two signs
of life that follow on each other, recorded start and end among them; all of it is no effort, since nobody knows when
the camera fell silent.

A deployment from which no picture ever came has no effort, whatever was recorded of it. Who puts a camera up and takes
it down walks past it: one without any picture did not work, or is a row of ``stations.csv`` that is a plan, that was
corrected since, or that speaks of another inbox.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Executable, cast, func, literal, select
from sqlalchemy.orm import Session

from db.models import Deployment, Observation
from db.queries.events import elapsed, is_sure
from db.queries.places import in_use

Span = tuple[datetime, datetime]
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Effort:
    """The effort of a deployment in a period, of which its span, from ``first`` to ``last``, and ``gaps`` are cut."""

    deployment_id: int
    station: str
    first: datetime
    last: datetime
    gaps: tuple[Span, ...]

    @property
    def days(self) -> float:
        """Camera-days."""
        return self.days_until(self.last)

    def days_until(self, time: datetime) -> float:
        """Give the camera-days up to a time."""
        watched = _length(self.first, min(time, self.last))
        return (watched - sum((_length(a, min(time, b)) for a, b in self.gaps), timedelta())) / DAY


def efforts(session: Session, begin: datetime, end: datetime, silence: timedelta, *, now: datetime) -> list[Effort]:
    """Give the effort of each deployment whose span meets the period, by station.

    A recorded end that is still to come at ``now`` counts as ``now``: the camera still runs, unless it has been silent
    until then.
    """
    silences = _silences(session, begin, end, silence)
    found = []
    for row in session.execute(_edges(begin, end)):
        effort = _effort(row, silences.get(row.id, []), begin=begin, end=end, silence=silence, now=now)
        if effort is not None:
            found.append(effort)
    return found


def _edges(begin: datetime, end: datetime) -> Executable:
    """Select each deployment in use with its first and last sign in the period, and those next to it on both sides.

    Each is one step in an index, however long the ledger is.
    """
    at = Observation.captured_at
    sign = select(at).where(Observation.deployment_id == Deployment.id, is_sure()).correlate(Deployment).limit(1)
    inside = sign.where(at > begin, at <= end)
    return (
        select(
            Deployment.id,
            Deployment.station,
            Deployment.start,
            Deployment.end,
            sign.where(at <= begin).order_by(at.desc()).scalar_subquery().label("before"),
            inside.order_by(at).scalar_subquery().label("first"),
            inside.order_by(at.desc()).scalar_subquery().label("last"),
            sign.where(at > end).order_by(at).scalar_subquery().label("after"),
        )
        .where(in_use())
        .order_by(Deployment.station, Deployment.id)
    )


def _silences(session: Session, begin: datetime, end: datetime, silence: timedelta) -> dict[int, list[Span]]:
    """Give the silences between signs in the period, by deployment.

    A silence never lies within a part of the period that is no longer than itself: of each, two signs are enough.
    """
    of, at = Observation.deployment_id, Observation.captured_at
    part = cast(elapsed(literal(begin, at.type), at) / max(silence, timedelta.resolution).total_seconds(), BigInteger)
    parts = (
        select(of, func.min(at).label("first"), func.max(at).label("last"))
        .join(Deployment, of == Deployment.id)
        .where(at > begin, at <= end, is_sure())
        .group_by(of, part)
        .subquery()
        .c
    )
    before = func.lag(parts.last, type_=at.type).over(partition_by=parts.deployment_id, order_by=parts.first)
    signs = select(parts.deployment_id, before.label("before"), parts.first.label("after")).subquery()
    rows = session.execute(select(signs).where(elapsed(signs.c.before, signs.c.after) > silence.total_seconds()))
    found: dict[int, list[Span]] = {}
    for deployment_id, one, other in rows:
        found.setdefault(deployment_id, []).append((one, other))
    return found


def _effort(
    row: Any, inside: Iterable[Span], *, begin: datetime, end: datetime, silence: timedelta, now: datetime
) -> Effort | None:
    left = row.before or row.start
    right = row.after or (min(row.end, now) if row.end else None)
    known = [time for time in (left, row.first, row.last, right) if time is not None]
    if not known:
        return None
    first, last = max(row.start or known[0], begin), min(row.end or known[-1], end)
    if first > last:
        return None
    borders = [(left, row.first), (row.last, right)] if row.first else [(left, right)]
    pauses = [*inside, *((one, other) for one, other in borders if one and other and other - one > silence)]
    cut = ((max(one, first), min(other, last)) for one, other in pauses)
    gaps = tuple(sorted((one, other) for one, other in cut if one < other))
    return Effort(deployment_id=row.id, station=row.station, first=first, last=last, gaps=gaps)


def _length(begin: datetime, end: datetime) -> timedelta:
    return max(end - begin, timedelta())
