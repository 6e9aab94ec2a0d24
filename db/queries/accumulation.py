"""How fast new species were found: a curve that flattens says that few are left to find at these places."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from db.queries.effort import Effort
from db.queries.events import Event


def accumulation(
    events: Iterable[Event], efforts: Sequence[Effort], *, begin: datetime, end: datetime
) -> tuple[tuple[float, int], ...]:
    """Give (camera-days so far, species so far) at the end of each day (UTC) with a new species, in time order.

    ``events`` are those of the period, in time order; a species is a title. The first point is (0, 0) and the last is
    that of the period's end.
    """
    days: dict[datetime, int] = {begin: 0}
    seen: set[str] = set()
    for event in events:
        if event.kind.title not in seen:
            seen.add(event.kind.title)
            days[min(_end_of_day(event.captured_at), end)] = len(seen)
    days[end] = len(seen)
    return tuple((sum(effort.days_until(day) for effort in efforts), count) for day, count in days.items())


def _end_of_day(time: datetime) -> datetime:
    day = time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)
