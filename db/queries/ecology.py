"""What lives there: rates, effort, activity and accumulation of a period, by capture time."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Deployment
from db.queries.accumulation import accumulation
from db.queries.activity import Activity, Coordinates, activity, coordinates_of
from db.queries.effort import Effort, efforts
from db.queries.events import Event, count_unsure, events_in
from db.queries.rates import Rate, rates
from db.queries.received import NO_STATION
from db.queries.solar import sun_times
from db.settings import LedgerSettings


@dataclass(frozen=True, slots=True)
class StationEffort:
    """A station in the period: the efforts of its deployments added, and its independent events by title."""

    station: str
    days: float  # camera-days
    gaps: tuple[tuple[datetime, datetime], ...]  # in which a camera was silent
    events: dict[str, int]


@dataclass(frozen=True, slots=True)
class Ecology:
    """What was seen after ``begin`` and until ``end``, by capture time."""

    begin: datetime
    end: datetime
    days: float  # camera-days, and those of the equally long period before
    days_before: float
    rates: tuple[Rate, ...]  # the most severe category first, then the most events
    stations: tuple[StationEffort, ...]  # by name
    activity: tuple[Activity, ...]  # most events first
    by_clock: int  # events in it that are placed by the station's clock, for want of coordinates
    sunrise: float | None  # in solar hours, at the events' mean latitude in the middle of the period
    sunset: float | None
    accumulation: tuple[tuple[float, int], ...]  # camera-days so far, species so far
    unsure: int  # answered pictures that are in none of this: their time is not the camera's, or no camera stood there


def ecology(session: Session, *, begin: datetime, end: datetime, settings: LedgerSettings) -> Ecology:
    """Read the counted answers of the period and of the equally long one before."""
    gap, silence = timedelta(minutes=settings.event_minutes), timedelta(days=settings.silence_days)
    earlier = begin - (end - begin)
    events, before = (events_in(session, *period, gap, sure=True) for period in ((begin, end), (earlier, begin)))
    effort = efforts(session, begin, end, silence, now=end)
    days = sum(each.days for each in effort)
    days_before = sum(each.days for each in efforts(session, earlier, begin, silence, now=end))
    places = coordinates_of(session)
    by_hour, by_clock = activity(events, places)
    sunrise, sunset = _sun(events, places, begin + (end - begin) / 2)
    return Ecology(
        begin=begin,
        end=end,
        days=days,
        days_before=days_before,
        rates=rates(events, before, days=days, days_before=days_before),
        stations=_stations(session, events, effort),
        activity=by_hour,
        by_clock=by_clock,
        sunrise=sunrise,
        sunset=sunset,
        accumulation=accumulation(events, effort, begin=begin, end=end),
        unsure=count_unsure(session, begin, end),
    )


def _sun(
    events: Iterable[Event], places: dict[int, Coordinates], middle: datetime
) -> tuple[float, float] | tuple[None, None]:
    latitudes = [places[event.deployment_id][0] for event in events if event.deployment_id in places]
    # To the degree: from the minute of a sunrise one could tell a place more exactly than it may be told.
    return (sun_times(middle, round(fmean(latitudes))) if latitudes else None) or (None, None)


def _stations(session: Session, events: Iterable[Event], efforts: Iterable[Effort]) -> tuple[StationEffort, ...]:
    names = dict(session.execute(select(Deployment.id, Deployment.station)).all())
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        seen[names.get(event.deployment_id or 0, NO_STATION)][event.kind.title] += 1
    watched: defaultdict[str, list[Effort]] = defaultdict(list)
    for effort in efforts:
        watched[effort.station].append(effort)
    return tuple(
        StationEffort(
            station=station,
            days=sum(each.days for each in watched[station]),
            gaps=tuple(sorted(gap for each in watched[station] for gap in each.gaps)),
            events=dict(seen[station]),
        )
        for station in sorted(seen.keys() | watched.keys())
    )
