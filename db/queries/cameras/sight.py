"""What cameras look at: another scene than before, waving grass, and nights without a flash."""

import numpy as np

from db.queries.cameras.found import Fault, Found, found
from db.queries.cameras.series import DAY, Series
from db.queries.cameras.sun import HOUR
from db.queries.solar import sun_heights

# How unlike two scenes are is the number of bits, of 256, in which the median perceptual hashes of their day pictures
# differ. Halves of drawn bursts of one scene differ by 0 to 37, other drawn scenes by 115 to 145. Halves of real
# stations (every other picture) differ by 35 to 65, early and late pictures of one place by 69 to 87 in other light,
# most different places by 92 to 143.
CHANGED = 96
SAME = 50  # a side whose own halves differ by more shows no scene that could be known again
SIDE = 20  # pictures on each side, at least, from so many days
SIDE_DAYS = 3
PLACES = 800  # at which a change is looked for
EMPTY_A_DAY, HOURS = 300, 8
UNLIT, UNLIT_DAYS, NIGHT = 50, 3, -6.0  # pictures, days, and degrees of the sun


def moved(series: Series) -> Found | None:
    """Find the picture from which on the camera looks at another scene."""
    rows = series.in_time[series.in_time["hashed"]]
    if len(rows) < 2 * SIDE:
        return None
    bits = np.unpackbits(rows["phash"], axis=1)
    at = _change(bits)
    sides, halves = (bits[:at], bits[at:]), (rows[:at], rows[at:])
    apart = _apart(*sides)
    lasts = all(np.ptp(half["at"]) >= SIDE_DAYS * DAY for half in halves)
    known = all(_apart(side[::2], side[1::2]) <= SAME for side in sides)
    if apart < CHANGED or not known or not lasts:
        return None
    return found(Fault.MOVED, rows[at:], rows[[at - 1, at, -1]], {"bits": float(apart)})


def _change(bits: np.ndarray) -> int:
    """Give where to cut a series so that the pictures of each part are off its median by the fewest bits."""
    step = -(-len(bits) // PLACES)
    cuts = np.arange(0, len(bits), step)
    ones = np.array([bits[cut : cut + step].sum(axis=0, dtype=np.int32) for cut in cuts]).cumsum(axis=0)
    before, after = ones[:-1], ones[-1] - ones[:-1]
    length = cuts[1:, None]
    off = (np.minimum(before, length - before) + np.minimum(after, len(bits) - length - after)).sum(axis=1)
    off[(cuts[1:] < SIDE) | (cuts[1:] > len(bits) - SIDE)] = off.max() + 1
    return int(cuts[1:][off.argmin()])


def vegetation(series: Series) -> Found | None:
    """Find days (UTC) with hundreds of empty pictures in many of their hours."""
    rows = series.in_time[series.in_time["empty"]]
    hours, each_hour = np.unique(rows["at"] // HOUR, return_counts=True)
    days, first, busy = np.unique(hours * HOUR // DAY, return_index=True, return_counts=True)
    each_day = np.add.reduceat(each_hour, first)
    windy = (each_day >= EMPTY_A_DAY) & (busy >= HOURS)
    if not windy.any():
        return None
    rows = rows[np.isin(rows["at"] // DAY, days[windy])]
    numbers = {"days": float(windy.sum()), "pictures": float(each_day[windy].max())}
    return found(Fault.VEGETATION, rows, rows, numbers)


def no_flash(series: Series) -> Found | None:
    """Find a camera with many pictures of which none was lit at night, though there were nights."""
    latitude, longitude = series.deployment.latitude, series.deployment.longitude
    rows = series.in_time[series.in_time["measured"]]
    if latitude is None or longitude is None or len(rows) < UNLIT or np.ptp(rows["at"]) < UNLIT_DAYS * DAY:
        return None
    if rows["infrared"].any():
        return None
    lit = (sun_heights(rows["at"], latitude, longitude) < NIGHT) & ~rows["dark"]
    hours = np.arange(rows["at"][0], rows["at"][-1], 3600.0)
    if lit.any() or (sun_heights(hours, latitude, longitude) >= NIGHT).all():
        return None
    return found(Fault.FLASH, rows, rows, {"pictures": float(len(rows))})


def _apart(one: np.ndarray, other: np.ndarray) -> int:
    """Give the bits in which the median hashes of two sides differ."""
    return int(np.count_nonzero((one.mean(axis=0) >= 0.5) != (other.mean(axis=0) >= 0.5)))  # noqa: PLR2004
