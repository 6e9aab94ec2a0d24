"""Where the sun stands: pure functions, exact to about a minute.

The series are those of Spencer (1971), "Fourier series representation of the position of the sun", Search 2(5): 172, as
printed in NOAA's "General Solar Position Calculations". Hours are those of local solar time: at 12 the sun is highest.
"""

import math
from datetime import UTC, datetime

SUNRISE_DEGREES = -0.833  # the height of the sun's middle at sunrise: refraction, and half of its disc


def solar_hours(time: datetime, longitude: float) -> float:
    """Give the local (apparent) solar time, in hours from 0 and below 24, at ``longitude`` (degrees, east positive)."""
    utc = time.astimezone(UTC)
    hours = utc.hour + utc.minute / 60 + (utc.second + utc.microsecond / 1e6) / 3600
    return (hours + longitude / 15 + equation_of_time(utc) / 60) % 24


def equation_of_time(time: datetime) -> float:
    """Give how far a sundial is ahead of the mean sun, in minutes."""
    year = _year_angle(time)
    return 229.18 * (
        0.000075
        + 0.001868 * math.cos(year)
        - 0.032077 * math.sin(year)
        - 0.014615 * math.cos(2 * year)
        - 0.040849 * math.sin(2 * year)
    )


def sun_times(time: datetime, latitude: float) -> tuple[float, float] | None:
    """Give sunrise and sunset of that day at ``latitude`` (degrees), in solar hours; None in polar day or night."""
    north, tilt = math.radians(latitude), _declination(time)
    cosine = (math.sin(math.radians(SUNRISE_DEGREES)) - math.sin(north) * math.sin(tilt)) / (
        math.cos(north) * math.cos(tilt)
    )
    if abs(cosine) >= 1:
        return None
    half_day = math.degrees(math.acos(cosine)) / 15
    return 12 - half_day, 12 + half_day


def _declination(time: datetime) -> float:
    """Give the latitude at which the sun is overhead, in radians."""
    year = _year_angle(time)
    return (
        0.006918
        - 0.399912 * math.cos(year)
        + 0.070257 * math.sin(year)
        - 0.006758 * math.cos(2 * year)
        + 0.000907 * math.sin(2 * year)
        - 0.002697 * math.cos(3 * year)
        + 0.00148 * math.sin(3 * year)
    )


def _year_angle(time: datetime) -> float:
    """Give how far the year is, as an angle in radians."""
    utc = time.astimezone(UTC)
    return 2 * math.pi / 365 * (utc.timetuple().tm_yday - 1 + (utc.hour - 12) / 24)
