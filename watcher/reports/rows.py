"""The rows of a report's tables, put together from what several queries say."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from db.queries.activity import Activity
from db.queries.ecology import Ecology
from db.queries.places import Place
from db.queries.precision import Precision
from db.queries.rates import Change, Rate
from db.queries.report import ReportData
from db.queries.species import Species, severity
from db.redlist import Category
from watcher.reports.charts import bars

DAY = timedelta(days=1)  # what is left of a gap at the edge of the period may be less, and is worth no word
SHADES = 3  # of the table of species by station
TITLES = 24  # rows of that table, and charts of activity


@dataclass(frozen=True, slots=True)
class SpeciesRow:
    """A species: what is new of it, its rate in the period, and how far its counts can be trusted."""

    title: str
    taxa: tuple[str, ...]
    letters: tuple[Category, ...]
    new_pictures: int
    new_events: int
    events: int
    rai: float | None
    change: Change | None
    precision: Precision | None


@dataclass(frozen=True, slots=True)
class StationRow:
    """A station: what is new of it, and its effort in the period."""

    place: Place
    pictures: int
    species: tuple[tuple[str, tuple[Category, ...]], ...]
    days: float
    gaps: tuple[tuple[datetime, datetime], ...]
    events: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """Independent events of each title (row) at each station (column, numbered as in the list of stations)."""

    stations: tuple[tuple[int, str], ...]
    titles: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]  # counts, each with its shade


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """A species through the day: ``peak`` is the hour with the ``most`` events."""

    title: str
    hours: tuple[int, ...]
    bars: tuple[float, ...]
    peak: int
    most: int


def species_rows(
    species: tuple[Species, ...], rates: tuple[Rate, ...], precision: Mapping[str, Precision]
) -> list[SpeciesRow]:
    """Give a row for each species that is new or was seen in the period, the most severe category first."""
    new = {(row.label, row.title, row.taxa, row.letters): row for row in species}
    rated = {(rate.label, rate.title, rate.taxa, rate.letters): rate for rate in rates}
    rows = [_species_row(key, new.get(key), rated.get(key), precision) for key in dict.fromkeys([*new, *rated])]
    return sorted(rows, key=lambda row: (-severity(row.letters), -row.new_events, -row.events, row.title, row.taxa))


def _species_row(
    key: tuple[str, str, tuple[str, ...], tuple[Category, ...]],
    new: Species | None,
    rate: Rate | None,
    precision: Mapping[str, Precision],
) -> SpeciesRow:
    label, title, taxa, letters = key
    return SpeciesRow(
        title=title,
        taxa=taxa,
        letters=letters,
        new_pictures=new.pictures if new else 0,
        new_events=new.events if new else 0,
        events=rate.events if rate else 0,
        rai=rate.rai if rate else None,
        change=rate.change if rate else None,
        precision=precision.get(label),
    )


def station_rows(data: ReportData, ecology: Ecology) -> list[StationRow]:
    """Give a row for each station in use, by name."""
    efforts = {effort.station: effort for effort in ecology.stations}
    rows = []
    for station in data.stations:
        effort = efforts.get(station.place.station)
        rows.append(
            StationRow(
                place=station.place,
                pictures=station.pictures,
                species=station.species,
                days=effort.days if effort else 0.0,
                gaps=tuple((begin, end) for begin, end in effort.gaps if end - begin >= DAY) if effort else (),
                events=sum(effort.events.values()) if effort else 0,
            )
        )
    return rows


def matrix(rows: list[StationRow], ecology: Ecology) -> Matrix:
    """Count events by title and station; the darkest shade is that of the greatest count."""
    events = {effort.station: effort.events for effort in ecology.stations}
    stations = [row.place.station for row in rows]
    titles = list(dict.fromkeys(rate.title for rate in ecology.rates if rate.events))[:TITLES]
    counts = {title: [events.get(station, {}).get(title, 0) for station in stations] for title in titles}
    most = max((count for of in counts.values() for count in of), default=0)
    return Matrix(
        stations=tuple(enumerate(stations, start=1)),
        titles=tuple((title, tuple((count, _shade(count, most)) for count in of)) for title, of in counts.items()),
    )


def _shade(count: int, most: int) -> int:
    return -(-count * SHADES // most) if most else 0


def activity_rows(activity: tuple[Activity, ...]) -> list[ActivityRow]:
    """Give one chart for each title, most events first, whatever categories its places give it."""
    hours: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for row in activity:
        hours[row.title].update(dict(enumerate(row.hours)))
    return [_activity_row(title, of) for title, of in sorted(hours.items(), key=lambda item: -item[1].total())][:TITLES]


def _activity_row(title: str, of: Counter[int]) -> ActivityRow:
    hours = tuple(of[hour] for hour in range(24))
    return ActivityRow(title=title, hours=hours, bars=bars(hours), peak=hours.index(max(hours)), most=max(hours))


def measures(metrics: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Flatten the model's figures, whatever they are called: where they were measured, then name and value of each."""
    found: list[tuple[str, list[tuple[str, str]]]] = []
    _collect(metrics, [], found)
    return found


def _collect(metrics: Mapping[str, Any], where: list[str], found: list[tuple[str, list[tuple[str, str]]]]) -> None:
    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    if numbers:
        heading = ", ".join(_words(name) for name in where) or "Model"
        found.append((heading, [(_words(name), _figure(value)) for name, value in numbers.items()]))
    for name, value in metrics.items():
        if isinstance(value, dict) and len(where) < 2:  # noqa: PLR2004  # deeper are the figures of each class
            _collect(value, [*where, name], found)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
