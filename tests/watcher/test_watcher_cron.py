"""Cron expressions where clocks change: nothing is skipped, and nothing runs twice."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from watcher.cron import CronOrNever, CronTrigger

ZONES = [
    "UTC", "Europe/Berlin", "Europe/London", "Africa/Casablanca", "Africa/Nairobi", "America/Sao_Paulo",
    "America/St_Johns", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham",
]  # fmt: skip
DAY = timedelta(days=1)
TIMES = st.integers(0, 14 * 365 * 24 * 60).map(
    lambda minutes: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def forward(cron, zone, since, until):
    """The times in (since, until] one after another, as the scheduler asks for them."""
    trigger, times, at = CronTrigger(cron, zone), [], since
    while (at := trigger.get_next_fire_time(None, at)) is not None and at <= until:
        times.append(at)
    return times


@pytest.mark.parametrize(
    ("zone", "date", "cron", "times"),
    [
        ("Europe/Berlin", "2026-03-29", "30 2 * * *", ["03:00+02:00"]),  # 2:00 becomes 3:00
        ("Europe/Berlin", "2026-10-25", "30 2 * * *", ["02:30+02:00"]),  # 3:00 becomes 2:00
        ("Europe/Berlin", "2026-03-29", "0 6 * * *", ["06:00+02:00"]),
        ("America/Sao_Paulo", "2018-11-04", "30 0 * * *", ["01:00-02:00"]),  # midnight becomes 1:00
        ("America/Sao_Paulo", "2018-02-17", "30 23 * * *", ["23:30-02:00"]),  # midnight becomes 23:00
        ("Africa/Casablanca", "2026-02-15", "30 2 * * *", ["02:30+01:00"]),  # 3:00 becomes 2:00, for Ramadan
        ("Africa/Casablanca", "2026-03-22", "30 2 * * *", ["03:00+01:00"]),  # 2:00 becomes 3:00, after it
        ("Australia/Lord_Howe", "2026-10-04", "15 2 * * *", ["02:30+11:00"]),  # 2:00 becomes 2:30
        ("Australia/Lord_Howe", "2026-04-05", "45 1 * * *", ["01:45+11:00"]),  # 2:00 becomes 1:30
        ("Europe/Berlin", "2026-03-29", "0,30 2,3 * * *", ["03:00+02:00", "03:30+02:00"]),
        ("Europe/Berlin", "2026-10-25", "0 */3 * * *", [f"{h:02}:00+0{2 - (h > 2)}:00" for h in range(0, 24, 3)]),
    ],
)
def test_a_change_of_the_clock_skips_nothing_and_repeats_nothing(zone, date, cron, times):
    """What falls into the hour that is left out comes right after it, what comes twice comes the first time."""
    begin = datetime.fromisoformat(date).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(seconds=1)
    end = (datetime.fromisoformat(date) + DAY).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(seconds=1)
    expected = [datetime.fromisoformat(f"{date}T{time}").astimezone(UTC) for time in times]
    assert forward(cron, zone, begin, end) == expected
    assert CronTrigger(cron, zone).due(begin, end) == expected


@pytest.mark.parametrize("minutes", [0, 10, 29, 30, 31, 59, 60, 61, 90, 119])
def test_an_hour_that_comes_twice_asks_for_nothing_again(minutes):
    """Whenever the daemon looks in those two hours, 2:30 was due at its first coming and the next is tomorrow's."""
    begin = datetime(2026, 10, 25, 0, tzinfo=UTC)  # 2:00 for the first time
    trigger, now = CronTrigger("30 2 * * *", "Europe/Berlin"), begin + timedelta(minutes=minutes)
    first, tomorrow = begin + timedelta(minutes=30), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert trigger.due(begin - timedelta(hours=1), now) == ([first] if now >= first else [])
    assert trigger.get_next_fire_time(None, now) == (first if now < first else tomorrow)


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    minute=st.sampled_from(["0", "15", "30", "0,45", "*/20"]),
    hour=st.sampled_from(["0", "1", "2", "3", "23", "1-3", "*", "*/2"]),
    day=st.sampled_from(["* * *", "* * 0", "* * 7", "1 * *", "* * 1-5", "29-31 * *"]),
    begin=TIMES,
    days=st.integers(0, 60),
    more=st.timedeltas(timedelta(), DAY),
)
def test_what_was_due_is_what_the_clock_would_have_asked_for(zone, minute, hour, day, begin, days, more):
    """Looked at from behind after an outage, or waited for, from whenever: the same times, in order."""
    cron, looked, end = f"{minute} {hour} {day}", begin + timedelta(days=days) / 2, begin + timedelta(days=days) + more
    times = forward(cron, zone, begin, end)
    assert times == sorted(set(times))
    assert CronTrigger(cron, zone).due(begin, end) == times
    assert forward(cron, zone, looked, end) == [time for time in times if time > looked]


@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    begin=TIMES,
)
@settings(deadline=None)
def test_a_daily_time_comes_once_a_day_all_year(zone, hour, minute, begin):
    """On each day of the place's calendar, at that time of day; later only where the clock leaves it out."""
    local = begin.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = local.date() + DAY, local.date() + 365 * DAY
    dates = [
        time.astimezone(ZoneInfo(zone)) for time in forward(f"{minute} {hour} * * *", zone, begin, begin + 368 * DAY)
    ]
    inside = [time for time in dates if first <= time.date() <= last]
    assert [time.date() for time in inside] == [first + day * DAY for day in range(365)]
    off = {time for time in inside if (time.hour, time.minute) != (hour, minute)}
    assert len(off) <= 3


def test_sunday_is_zero_and_seven_and_weekdays_have_names():
    """As people know it from crontab(5)."""
    begin = datetime(2026, 11, 24, tzinfo=UTC)
    sunday = datetime(2026, 11, 29, 6, tzinfo=UTC)
    for weekday in ("0", "7", "sun", "SUN"):
        assert CronTrigger(f"0 6 * * {weekday}", "UTC").get_next_fire_time(None, begin) == sunday


@pytest.mark.parametrize(
    "wrong", ["every day", "0 6 * *", "0 0 6 * * *", "60 6 * * *", "0 6 31 2 *", "0 6 * * 8", "@daily"]
)
def test_what_is_no_expression_is_refused(wrong):
    """With an example of one that is; a sixth field would be taken for seconds."""
    with pytest.raises(ValidationError, match=r"expected a cron expression such as '0 6 \* \* \*'"):
        TypeAdapter(CronOrNever).validate_python(wrong)


def test_an_empty_expression_is_never():
    """Whoever wants no weekly report says so."""
    assert TypeAdapter(CronOrNever).validate_python("") == ""
