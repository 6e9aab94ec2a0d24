"""Clocks that were reset, jump, or run ahead of the day on which their pictures arrived."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from db.queries.cameras.found import Fault, Found, found
from db.queries.cameras.series import DAY, Series

RESET = datetime(2000, 1, 2, tzinfo=UTC).timestamp()  # until then, a clock has started anew
BACK = 60.0  # a clock that goes back by more seconds than this was not only set right
ON = 300 * DAY  # a pause as long as that is a jump
YEAR = 365.2425 * DAY
PAUSE = 14 * DAY  # between two pictures of which one has the wrong year, at most
STEPS = 20  # numbers between the names of two pictures that follow on each other, at most: some were deleted
ZONES = 14 * 3600.0  # a local time may be ahead of UTC by so much
SHORT = 3600.0  # that clocks may differ by, where the time zone is known
LATE = 60 * DAY  # from the last picture to its arrival, where its year follows from that
NUMBER = re.compile(r"(.*?)(\d{1,9})\D*\.[^.]*", re.DOTALL)

Names = Callable[[list[int]], dict[int, str]]  # of media → their paths


def wrong_clocks(series: Series, names: Names) -> Iterator[Found]:
    """Find resets, jumps in the order of the file names, and pictures from after their arrival."""
    rows = series.rows[~np.isnan(series.rows["clock"])]
    reset = rows["clock"] < RESET
    if reset.any():
        yield found(Fault.CLOCK_RESET, rows[reset], rows[reset], {"pictures": float(reset.sum())})
    rows = rows[~reset]
    ahead = _seconds_ahead(series, rows) > 0
    if ahead.any():
        yield _ahead(rows[ahead])
    yield from _jumps(rows, ahead, names)


def _seconds_ahead(series: Series, rows: np.ndarray) -> np.ndarray:
    """Give by how much pictures were surely taken after they came."""
    at = np.where(rows["sure"], rows["at"], rows["clock"])
    slack = SHORT if series.deployment.timezone else ZONES
    seconds: np.ndarray = at - rows["came"] - np.where(rows["sure"], slack, ZONES)
    return seconds


def _ahead(rows: np.ndarray) -> Found:
    """Where whole years bring the last picture to a little before it came, the clock is those years ahead."""
    numbers = {"pictures": float(len(rows)), "seconds": float((rows["clock"] - rows["came"]).max())}
    last = rows[np.argmax(rows["clock"])]
    years = int(np.ceil(max(last["clock"] - last["came"] - ZONES, 0) / YEAR))
    moved = _years_on(last["clock"], -years)
    if years and last["came"] - moved < LATE and np.ptp(rows["clock"]) < YEAR:
        numbers["offset"] = moved - last["clock"]
    return found(Fault.CLOCK_AHEAD, rows, rows, numbers)


def _jumps(rows: np.ndarray, ahead: np.ndarray, names: Names) -> Iterator[Found]:
    """Compare each picture with the one before it in its folder, where their names follow on each other."""
    together = rows["folder"][1:] == rows["folder"][:-1]
    steps = np.diff(rows["clock"])
    (suspects,) = np.nonzero(together & ((steps < -BACK) | (steps > ON)))
    called = names([*rows["media"][suspects], *rows["media"][suspects + 1]])
    jumps = [at for at in suspects if _follows(*(called[int(row)] for row in rows["media"][at : at + 2]))]
    borders = sorted({0, len(rows), *(np.nonzero(~together)[0] + 1), *(at + 1 for at in jumps)})
    for at in jumps:
        here, pair, seconds = borders.index(at + 1), rows[at : at + 2], float(steps[at])
        # the older pictures' year is wrong; of those from after their arrival, all is said already
        wrong = rows[borders[here - 1] : at + 1] if seconds > 0 else rows[at + 1 : borders[here + 1]]
        offset = 0.0 if ahead[at : at + 2].any() else _years_between(pair)
        if offset and bool((wrong["clock"] + offset <= wrong["came"] + ZONES).all()):
            yield found(Fault.CLOCK_JUMPED, wrong, pair, {"seconds": seconds, "offset": offset})
        else:
            yield found(Fault.CLOCK_JUMPED, pair, pair, {"seconds": seconds})


def _follows(before: str, after: str) -> bool:
    """Tell whether a camera would have given these names one after the other."""
    one, other = NUMBER.fullmatch(before), NUMBER.fullmatch(after)
    return bool(one and other and one[1] == other[1] and 0 < int(other[2]) - int(one[2]) <= STEPS)


def _years_between(pair: np.ndarray) -> float:
    """Give what to add to the older picture so that it stands beside the younger; 0 where that is not whole years."""
    before, after = pair["clock"].tolist()
    older, years = min(before, after), round(abs(after - before) / YEAR)
    moved = _years_on(older, years)
    pause = moved - before if after < before else after - moved
    return moved - older if years and -BACK <= pause <= PAUSE else 0.0


def _years_on(seconds: float, years: int) -> float:
    """Give the same day and hour so many years later."""
    time = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    leap = (time.month, time.day) == (2, 29)
    return (time.replace(year=time.year + years, day=28 if leap else time.day)).timestamp()
