"""When animals are about: independent events by hour of local solar time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Deployment
from db.queries.events import Event
from db.queries.solar import solar_hours
from db.redlist import Category

Coordinates = tuple[float, float]  # latitude and longitude, degrees


@dataclass(frozen=True, slots=True)
class Activity:
    """The events of one species by hour: 24 counts, from midnight."""

    title: str
    letters: tuple[Category, ...]
    hours: tuple[int, ...]


def coordinates_of(session: Session) -> dict[int, Coordinates]:
    """Give where the deployments stand that have coordinates."""
    placed = select(Deployment.id, Deployment.latitude, Deployment.longitude)
    return {
        deployment_id: (latitude, longitude)
        for deployment_id, latitude, longitude in session.execute(placed)
        if latitude is not None and longitude is not None
    }


def activity(events: Iterable[Event], coordinates: Mapping[int, Coordinates]) -> tuple[tuple[Activity, ...], int]:
    """Count the first pictures of events by hour, the most frequent species first.

    Where a deployment has no coordinates its events go by the station's clock, and the second value counts them.
    """
    hours: defaultdict[tuple[str, tuple[Category, ...]], Counter[int]] = defaultdict(Counter)
    by_clock = 0
    for event in events:
        place = coordinates.get(event.deployment_id or 0)
        by_clock += place is None
        hour = int(solar_hours(event.captured_at, place[1])) if place else event.captured_local.hour
        hours[event.kind.title, event.kind.letters][hour] += 1
    rows = [
        Activity(title, letters, tuple(counts[hour] for hour in range(24)))
        for (title, letters), counts in hours.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-sum(row.hours), row.title, row.letters))), by_clock
