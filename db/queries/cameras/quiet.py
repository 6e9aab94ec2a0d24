"""Cameras that fell silent: for a while, or until somebody came for the card."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np

from db.queries.cameras.found import Fault, Found, found
from db.queries.cameras.series import DAY, Series

TIMES = 3  # a silence is so many times as long as the longest pause before it


def gaps(series: Series, silence: timedelta) -> Iterator[Found]:
    """Find the pauses longer than ``silence`` between two pictures."""
    rows = series.in_time
    steps = np.diff(rows["at"])
    for at in np.nonzero(steps > silence.total_seconds())[0]:
        yield found(Fault.GAP, rows[at : at + 2], rows[at : at + 2], {"days": float(steps[at] / DAY)})


def pickups(every: Sequence[Series]) -> dict[int, float]:
    """Give for each deployment when its last files were picked up, as far as it can be known.

    That is when the last picture was taken by any camera whose files arrived on the same day, since cards lie about
    before they are copied; where all are of one camera, when they arrived.
    """
    last: dict[float, dict[int, float]] = {}
    for series in every:
        rows = series.in_time
        rows = rows[rows["at"] <= rows["came"]]
        latest = rows[::-1]
        days, at = np.unique(latest["came"] // DAY, return_index=True)
        for day, time in zip(days.tolist(), latest["at"][at].tolist(), strict=True):
            last.setdefault(day, {})[series.deployment.id] = time
    found_at = {}
    for series in every:
        came = float(series.rows["came"].max())
        together = last.get(came // DAY, {})
        found_at[series.deployment.id] = max(together.values()) if len(together) > 1 else came
    return found_at


def silent_until(series: Series, pickup: float, silence: timedelta) -> Found | None:
    """Find a silence before the pickup, or before the recorded end, that the camera's own rhythm does not explain."""
    rows, came = series.in_time, float(series.rows["came"].max())
    end = series.deployment.end.timestamp() if series.deployment.end else came
    if len(rows) < 2:  # noqa: PLR2004  # no rhythm
        return None
    quiet = (end if end < came else pickup) - float(rows["at"][-1])
    usual = float(np.diff(rows["at"]).max())
    if quiet <= max(silence.total_seconds(), TIMES * usual):
        return None
    return found(Fault.SILENT, rows[-1:], rows[-1:], {"days": quiet / DAY, "usual_days": usual / DAY})
