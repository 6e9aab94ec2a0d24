from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.queries.solar import equation_of_time, solar_hours, sun_times

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("month", "day", "minutes"),
    [(2, 11, -14.2), (5, 14, 3.7), (7, 26, -6.5), (11, 3, 16.4), (4, 15, 0), (6, 13, 0), (9, 1, 0), (12, 25, 0)],
)
def test_a_sundial_is_ahead_by_what_almanacs_say(month: int, day: int, minutes: float) -> None:
    """The four extremes of the equation of time and its four zeros, to half a minute."""
    assert equation_of_time(NOON.replace(month=month, day=day)) == pytest.approx(minutes, abs=0.5)


@pytest.mark.parametrize(
    ("time", "longitude", "hours"),
    [
        (datetime(2026, 4, 15, 9, 0, tzinfo=UTC), 45.0, 12.0),
        (datetime(2026, 4, 15, 23, 0, tzinfo=UTC), 30.0, 1.0),  # over midnight
        (datetime(2026, 4, 15, 2, 0, tzinfo=UTC), -60.0, 22.0),
        (datetime(2026, 11, 3, 12, 0, tzinfo=UTC), 0.0, 12 + 16.4 / 60),
        (datetime(2026, 2, 11, 14, 0, tzinfo=timezone(timedelta(hours=2))), 0.0, 12 - 14.2 / 60),
    ],
)
def test_solar_time_follows_longitude_and_season(time: datetime, longitude: float, hours: float) -> None:
    """An hour for each 15°, and the equation of time, whatever zone the time was given in."""
    assert solar_hours(time, longitude) == pytest.approx(hours, abs=0.01)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.floats(-180, 180))  # noqa: DTZ001
def test_solar_hours_are_those_of_one_day(time: datetime, longitude: float) -> None:
    """From 0 and below 24, wherever and whenever."""
    assert 0 <= solar_hours(time, longitude) < 24


@pytest.mark.parametrize(
    ("month", "day", "latitude", "sunrise"),
    [
        (3, 20, 0.0, 5 + 56.7 / 60),  # six, but for refraction and half the sun
        (9, 23, 0.0, 5 + 56.7 / 60),
        (6, 21, 51.48, 3 + 41 / 60),  # Greenwich, where an almanac has 3:43 of mean time
        (12, 21, -51.48, 3 + 41 / 60),
    ],
)
def test_the_sun_rises_when_almanacs_say(month: int, day: int, latitude: float, sunrise: float) -> None:
    """Within some minutes; sunset is as long after noon."""
    rises, sets = sun_times(NOON.replace(month=month, day=day), latitude)
    assert rises == pytest.approx(sunrise, abs=0.06)
    assert rises + sets == pytest.approx(24)


@pytest.mark.parametrize(("month", "latitude"), [(6, 70.4), (12, 70.4), (6, -70.4), (12, -70.4)])
def test_beyond_the_polar_circles_the_sun_neither_rises_nor_sets(month: int, latitude: float) -> None:
    """Polar day and polar night have no sunrise to print."""
    assert sun_times(NOON.replace(month=month, day=21), latitude) is None
