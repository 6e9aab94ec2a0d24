"""Effort and relative abundance as frames: camera-days a deployment, a station and occasion, and what was seen in them.

Effort is that of `db.queries.effort`, in camera-days and fractions of them: what was recorded of a deployment's start
and end, else its first and last sign of life, without the pauses longer than ``silence``. A deployment from which no
picture ever came has none.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Deployment, Observation
from db.queries.effort import DAY, efforts
from db.queries.frames.events import events
from db.queries.frames.framing import EVENT_GAP, SILENCE, UTC_TIME, framed
from db.queries.places import in_use

if TYPE_CHECKING:
    import pandas as pd


def effort(session: Session, begin: datetime, end: datetime, *, silence: timedelta = SILENCE) -> "pd.DataFrame":
    """Give the camera-days of each deployment that has any time in the period.

    Returns
    -------
    pandas.DataFrame
        By station. ``deployment_id``, ``station``, ``camera``; ``first`` and ``last``, its time in the period;
        ``gaps``, how many pauses longer than ``silence`` it has, ``gap_days``, how long they are together; ``days``,
        its camera-days: from ``first`` to ``last`` without ``gap_days``.

    """
    cameras = dict(session.execute(select(Deployment.id, Deployment.camera)).all())
    rows = [
        (
            each.deployment_id,
            each.station,
            cameras[each.deployment_id],
            each.first,
            each.last,
            len(each.gaps),
            sum((b - a for a, b in each.gaps), timedelta()) / DAY,
            each.days,
        )
        for each in efforts(session, begin, end, silence, now=end)
    ]
    return framed(
        rows,
        {
            "deployment_id": "int64", "station": "string", "camera": "string", "first": UTC_TIME, "last": UTC_TIME,
            "gaps": "int64", "gap_days": "float64", "days": "float64",
        },
    )  # fmt: skip


def occasion_effort(
    session: Session, begin: datetime, end: datetime, *, occasion_days: int = 7, silence: timedelta = SILENCE
) -> "pd.DataFrame":
    """Give the camera-days of each station on each occasion: the covariate that goes with `detection_history`.

    Returns
    -------
    pandas.DataFrame
        A row a station with a deployment in the period, by name; a column an occasion, by its start. The last one
        ends with the period, however short it is. Two cameras at one station add up.

    """
    import pandas as pd

    starts = _occasions(begin, end, occasion_days)
    borders = [*starts, end]
    days: dict[str, list[float]] = {}
    for each in efforts(session, begin, end, silence, now=end):
        so_far = [each.days_until(time) for time in borders]
        here = days.setdefault(each.station, [0.0] * len(starts))
        days[each.station] = [
            known + after - before for known, before, after in zip(here, so_far, so_far[1:], strict=False)
        ]
    return pd.DataFrame(
        list(days.values()),
        index=pd.Index(list(days), name="station", dtype="string"),
        columns=pd.DatetimeIndex(starts, dtype=UTC_TIME, name="occasion"),
        dtype="float64",
    )


def rai(
    session: Session, begin: datetime, end: datetime, *, gap: timedelta = EVENT_GAP, silence: timedelta = SILENCE
) -> "pd.DataFrame":
    """Give the relative abundance index of each species at each station: 100 · independent events / camera-days.

    O'Brien, Kinnaird and Wibisono (2003), "Crouching tigers, hidden prey", Animal Conservation 6(2): 131-139. It says
    how often a species is recorded and not how many there are: species differ in how easily a camera records them.

    Returns
    -------
    pandas.DataFrame
        A row a station with effort or events, by name; a column a title, by name. Missing where the station has no
        effort.

    """
    import pandas as pd

    found = events(session, begin, end, gap=gap)
    days = effort(session, begin, end, silence=silence).groupby("station")["days"].sum()
    counts = pd.crosstab(found["station"], found["title"])
    stations = days.index.union(counts.index).rename("station")
    days = days.reindex(stations, fill_value=0.0)
    return 100 * counts.reindex(stations, fill_value=0).div(days.where(days > 0), axis=0)


def whole_period(session: Session, now: datetime) -> tuple[datetime, datetime]:
    """Give the period that holds all that the ledger knows of the time until ``now``."""
    started = select(func.min(Deployment.start)).where(in_use())
    found = (session.scalar(first) for first in (started, select(func.min(Observation.captured_at))))
    return min((time - timedelta.resolution for time in found if time is not None), default=now), now


def _occasions(begin: datetime, end: datetime, days: int) -> list[datetime]:
    """Give the starts of the occasions of so many days that make up the period."""
    count = -((begin - end) // timedelta(days=days))
    return [begin + timedelta(days=days) * number for number in range(count)]
