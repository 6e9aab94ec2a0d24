"""``trapline summary``: what was seen where, for those who live in a terminal."""

import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import BadParameter, Context, Option

from db.exchange.tables import guarded, rows_of
from db.queries.ecology import Ecology, ecology
from db.queries.frames import whole_period
from watcher.config import load_settings
from watcher.service import open_service

STATION = 24  # characters of a station's name in the table; a longer one is folded
BETWEEN = 3  # characters that the box puts between two columns


@dataclass(frozen=True, slots=True)
class Seen:
    """A species as a report prints it, whatever taxa it may be at the one station or the other."""

    title: str
    category: str
    events: int
    stations: int


def summary(
    context: Context,
    since: Annotated[datetime | None, Option(help="After this; else from the first picture on.")] = None,
    until: Annotated[datetime | None, Option(help="Until this; else now.")] = None,
    as_csv: Annotated[bool, Option("--csv", help="A row a station and species, for a program to read.")] = False,
) -> None:
    """Print species by station: independent events, RAI and effort, by the time at which pictures were taken."""
    settings = load_settings(context.obj)
    zone = ZoneInfo(settings.report.timezone)
    asked = [time.replace(tzinfo=zone) if time else None for time in (since, until)]
    with open_service(settings, create=False) as service, service.ledger.read() as session:
        begin, end = (a or b for a, b in zip(asked, whole_period(session, datetime.now(UTC)), strict=True))
        if begin > end:
            raise BadParameter(f"the time asked for would begin at {begin} and end before that, at {end}")
        found = ecology(session, begin=begin, end=end, settings=settings.ledger)
    if as_csv:
        write_csv(found)
    else:
        show(found, zone, Console())


def write_csv(found: Ecology) -> None:
    """Write a row for each station and species to the standard output, with zeros; no RAI where there is no effort."""
    write = rows_of(sys.stdout, ["station", "camera_days", "species", "category", "events", "rai"])
    for station in found.stations:
        for species in _species(found):
            events = station.events.get(species.title, 0)
            cells = {
                "station": station.station,
                "camera_days": f"{station.days:.2f}",
                "species": species.title,
                "category": species.category,
                "events": events,
                "rai": _rai(events, station.days, missing=""),
            }
            write(guarded(cells))


def show(found: Ecology, zone: ZoneInfo, console: Console) -> None:
    """Print the species with their numbers, and the stations below, with a column for each number.

    As many of these stand side by side as the console has room for; the others follow, below their stations again.
    """
    begin, end = (f"{time.astimezone(zone):%Y-%m-%d %H:%M}" for time in (found.begin, found.end))
    species = _species(found)
    console.print(f"Taken from {begin} to {end}: {found.days:.1f} camera-days", highlight=False)
    if not found.stations:
        console.print("Nothing was seen, and no camera is known to have run.")
        return
    console.print(_totals(found, species))
    for numbers in _side_by_side(found, species, console.width) or [range(0)]:
        console.print(_by_station(found, species, numbers))


def _species(found: Ecology) -> list[Seen]:
    """Give what was seen in the period, in the order of a report: the most severe category first."""
    events: Counter[str] = Counter()
    categories: dict[str, list[str]] = {}
    for rate in found.rates:
        if rate.events:
            events[rate.title] += rate.events
            categories.setdefault(rate.title, []).append("–".join(rate.letters))
    return [
        Seen(
            title=title,
            category=", ".join(dict.fromkeys(categories[title])),
            events=count,
            stations=sum(title in station.events for station in found.stations),
        )
        for title, count in events.items()
    ]


def _totals(found: Ecology, species: list[Seen]) -> Table:
    table = Table("", "species", "category", box=SIMPLE_HEAD, show_footer=True)
    for name in ("events", "RAI", "stations"):
        table.add_column(name, justify="right")
    for number, each in enumerate(species, start=1):
        rai = _rai(each.events, found.days, missing="–")
        table.add_row(str(number), Text(each.title), each.category, str(each.events), rai, str(each.stations))
    events = sum(each.events for each in species)
    table.columns[1].footer, table.columns[3].footer = "all", str(events)
    table.columns[4].footer, table.columns[5].footer = _rai(events, found.days, missing="–"), str(len(found.stations))
    return table


def _side_by_side(found: Ecology, species: list[Seen], width: int) -> list[range]:
    """Divide the columns of the species so that each part fits beside names, camera-days and sums."""
    widest = max((len(str(each.events)) for each in species), default=1)
    names = min(STATION, max(len(station.station) for station in found.stations))
    fixed = sum(len(name) + BETWEEN for name in ("", "camera-days", "events", names * " "))
    room = max((width - fixed) // (max(widest, 2) + BETWEEN), 1)
    return [range(at, min(at + room, len(species))) for at in range(0, len(species), room)]


def _by_station(found: Ecology, species: list[Seen], numbers: range) -> Table:
    table = Table(box=SIMPLE_HEAD, show_footer=True)
    table.add_column("station", "all", max_width=STATION, overflow="fold")
    table.add_column("camera-days", f"{found.days:.1f}", justify="right", no_wrap=True)
    table.add_column("events", str(sum(each.events for each in species)), justify="right", no_wrap=True)
    for number in numbers:
        table.add_column(str(number + 1), str(species[number].events), justify="right", no_wrap=True)
    for station in found.stations:
        counts = [station.events.get(species[number].title, 0) for number in numbers]
        table.add_row(
            Text(station.station),
            f"{station.days:.1f}",
            str(sum(station.events.values())),
            *(str(count or "·") for count in counts),
        )
    return table


def _rai(events: int, days: float, *, missing: str) -> str:
    return f"{100 * events / days:.2f}" if days else missing
