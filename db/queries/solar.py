"""Where the sun stands: pure functions, exact to about a minute.

The series are those of Spencer (1971), "Fourier series representation of the position of the sun", Search 2(5): 172, as
printed in NOAA's "General Solar Position Calculations". Hours are those of local solar time: at 12 the sun is highest.
"""

import math
from datetime import UTC, datetime

import numpy as np

SUNRISE_DEGREES = -0.833  # the height of the sun's middle at sunrise: refraction, and half of its disc


def solar_hours(time: datetime, longitude: float) -> float:
    """Give the local (apparent) solar time, in hours from 0 and below 24, at ``longitude`` (degrees, east positive)."""
    utc = time.astimezone(UTC)
    hours = utc.hour + utc.minute / 60 + (utc.second + utc.microsecond / 1e6) / 3600
    return (hours + longitude / 15 + equation_of_time(utc) / 60) % 24


def equation_of_time(time: datetime) -> float:
    """Give how far a sundial is ahead of the mean sun, in minutes."""
    return float(_sundial(_year_angle(time)))


def sun_times(time: datetime, latitude: float) -> tuple[float, float] | None:
    """Give sunrise and sunset of that day at ``latitude`` (degrees), in solar hours; None in polar day or night."""
    north, tilt = math.radians(latitude), float(_declination(_year_angle(time)))
    cosine = (math.sin(math.radians(SUNRISE_DEGREES)) - math.sin(north) * math.sin(tilt)) / (
        math.cos(north) * math.cos(tilt)
    )
    if abs(cosine) >= 1:
        return None
    half_day = math.degrees(math.acos(cosine)) / 15
    return 12 - half_day, 12 + half_day


def sun_heights(seconds: np.ndarray, latitude: float, longitude: float) -> np.ndarray:
    """Give how high the sun stands, in degrees (negative: below the horizon, without refraction).

    ``seconds`` are those since 1970, UTC; the place is in degrees, north and east positive.
    """
    times = seconds.astype("datetime64[s]")
    year = _angle((times - times.astype("datetime64[Y]")) / np.timedelta64(1, "D"))
    hours = seconds / 3600 + longitude / 15 + _sundial(year) / 60
    turned, north, tilt = np.radians(15 * (hours - 12)), math.radians(latitude), _declination(year)
    heights: np.ndarray = np.arcsin(math.sin(north) * np.sin(tilt) + math.cos(north) * np.cos(tilt) * np.cos(turned))
    degrees: np.ndarray = np.degrees(heights)
    return degrees


def _sundial(year: np.ndarray | float) -> np.ndarray:
    """Give the equation of time, in minutes."""
    return 229.18 * (
        0.000075
        + 0.001868 * np.cos(year)
        - 0.032077 * np.sin(year)
        - 0.014615 * np.cos(2 * year)
        - 0.040849 * np.sin(2 * year)
    )


def _declination(year: np.ndarray | float) -> np.ndarray:
    """Give the latitude at which the sun is overhead, in radians."""
    return (
        0.006918
        - 0.399912 * np.cos(year)
        + 0.070257 * np.sin(year)
        - 0.006758 * np.cos(2 * year)
        + 0.000907 * np.sin(2 * year)
        - 0.002697 * np.cos(3 * year)
        + 0.00148 * np.sin(3 * year)
    )


def _year_angle(time: datetime) -> float:
    utc = time.astimezone(UTC)
    return float(_angle(utc.timetuple().tm_yday - 1 + utc.hour / 24))


def _angle(days: np.ndarray | float) -> np.ndarray | float:
    """Give how far the year is, as an angle in radians, so many days after its begin."""
    return 2 * math.pi / 365 * (days - 0.5)
