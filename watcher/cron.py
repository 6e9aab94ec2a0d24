"""Cron expressions on the clock of a place: what they mean, also on the nights when that clock changes.

They are read as Debian's cron daemon reads them. A time of day that a change skips comes right after it, one that comes
twice comes once, the first time; with a wildcard for minute or hour the clock alone counts. Sunday is 0 and 7.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.base import BaseTrigger
from cronsim import CronSim, CronSimError
from pydantic import AfterValidator

_FIELDS = 5


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone: give an IANA name such as Africa/Nairobi") from error
    return name


def _cron(expression: str) -> str:
    wanted = "expected a cron expression such as '0 6 * * *': minute hour day month weekday"
    if len(expression.split()) != _FIELDS:  # with a sixth it would have seconds
        raise ValueError(wanted)
    try:
        CronSim(expression, datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(f"{wanted} ({error})") from error
    return expression


TimeZone = Annotated[str, AfterValidator(_time_zone)]
CronOrNever = Annotated[str, AfterValidator(lambda expression: expression and _cron(expression))]


class CronTrigger(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """The times of an expression in a time zone, in UTC."""

    def __init__(self, expression: str, timezone: str) -> None:
        self._expression = expression
        self._zone = ZoneInfo(timezone)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:  # noqa: ARG002
        """Give the first time after ``now``: what the scheduler asks for. None where none comes within 50 years."""
        return next(self._after(now), None)

    def due(self, since: datetime, now: datetime) -> list[datetime]:
        """Give the times in (since, now], the earliest first."""
        return list(takewhile(lambda time: time <= now, self._after(since)))

    def _after(self, begin: datetime) -> Iterator[datetime]:
        """Yield the times after ``begin``; of an hour that comes twice, what came the first time may lie before it."""
        local = CronSim(self._expression, begin.astimezone(self._zone))
        return (utc for utc in (time.astimezone(UTC) for time in local) if utc > begin)
