"""Clocks that the sun gives the lie: night pictures at noon, and pictures in colour at midnight.

A picture that the infrared flash lit, or that is black, is one of the night; a bright one with colours is one of the
day. A camera with a white flash takes such ones at night too: nothing is said of cameras without infrared pictures.
"""

import numpy as np

from db.queries.cameras.found import Fault, Found, found
from db.queries.cameras.series import Series
from db.queries.solar import sun_heights

TWILIGHT = 6.0  # degrees above and below the horizon in which a picture says nothing
FEWEST = 10  # infrared pictures, and pictures that contradict the clock
WRONG = 0.25  # of those that say something, and contradict the clock as it is: not dull forests or fogged lenses
RIGHT = 0.05  # likewise, with the clock set right
SAMPLE = 2000  # pictures that are tried
SWITCH = -3.0  # degrees at which cameras change to infrared, more or less
ALIKE = 0.01  # offsets that explain so much less than the best one may be the right ones as well
HOUR, HALF_A_DAY = 3600.0, 12
OFFSETS = np.arange(-47, 49) * HOUR / 4
CLEAR = 3 * HOUR  # from the first to the last of them: else the middle is only a guess


def against_the_sun(series: Series) -> Found | None:
    """Judge a camera whose place is known; ``offset`` stands among the numbers where one hour alone explains all."""
    latitude, longitude = series.deployment.latitude, series.deployment.longitude
    rows = series.in_time
    night = rows["infrared"] | rows["dark"]
    rows = rows[telling := night | rows["bright"]]
    night = night[telling]
    if latitude is None or longitude is None or np.count_nonzero(rows["infrared"]) < FEWEST:
        return None
    contradict = _contradicting(sun_heights(rows["at"], latitude, longitude), night)
    share = _share(contradict)
    if np.count_nonzero(contradict == 1) < FEWEST or share < WRONG:
        return None
    some = slice(None, None, -(-len(rows) // SAMPLE))
    tried = [sun_heights(rows["at"][some] + offset, latitude, longitude) for offset in OFFSETS]
    off = np.array([np.mean(night[some] != (heights < SWITCH)) for heights in tried])
    if _share(_contradicting(tried[off.argmin()], night[some])) > RIGHT:
        return None
    return found(
        Fault.CLOCK_SUN,
        rows,
        rows[contradict == 1],
        {"share": share} | _offset(OFFSETS[off <= off.min() + ALIKE], rows),
    )


def _contradicting(heights: np.ndarray, night: np.ndarray) -> np.ndarray:
    """Give 1 where a picture contradicts the sun, 0 where it agrees, NaN in the twilight."""
    wrong = np.where(night, heights > 0, heights < 0).astype(float)
    wrong[np.abs(heights) < TWILIGHT] = np.nan
    return wrong


def _share(contradict: np.ndarray) -> float:
    told = contradict[~np.isnan(contradict)]
    return float(told.mean()) if len(told) else 1.0


def _offset(fitting: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """Give the middle, in whole hours, of the offsets that fit, if they lie close together on the round of the day.

    What is nearly twelve hours is twelve: whoever sets a clock takes morning for evening. They are added, unless a
    picture would then be younger than its arrival.
    """
    turned = fitting * 2 * np.pi / (24 * HOUR)
    middle = float(np.angle(np.exp(1j * turned).mean())) / (2 * np.pi) * 24 * HOUR
    away = np.abs((fitting - middle + 12 * HOUR) % (24 * HOUR) - 12 * HOUR)
    hours = round(middle / HOUR)
    if abs(hours) >= HALF_A_DAY - 1:
        hours = HALF_A_DAY if (rows["at"] + HALF_A_DAY * HOUR <= rows["came"]).all() else -HALF_A_DAY
    return {"offset": hours * HOUR} if hours and 2 * away.max() <= CLEAR else {}
