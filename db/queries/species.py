"""What was seen: answers grouped by species, and in the order in which a gallery should show them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from db.queries.received import Answer
from db.redlist import Category


@dataclass(frozen=True, slots=True)
class SeenAt:
    """A station where a species was seen, and when last, on the station's clock."""

    station: str
    events: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Species:
    """One row of the table of species: pictures of one title, taxa and category; last seen stations first."""

    title: str
    taxa: tuple[str, ...]
    letters: tuple[Category, ...]
    threatened: bool
    pictures: int
    events: int
    stations: tuple[SeenAt, ...]


def species_of(events: Mapping[Answer, int]) -> tuple[Species, ...]:
    """Group answers (each with its event) by what is printed: the most severe category first, then the most events."""
    groups: defaultdict[tuple[str, tuple[str, ...], tuple[Category, ...]], list[Answer]] = defaultdict(list)
    for answer in events:
        groups[answer.title, answer.taxa, answer.letters].append(answer)
    rows = [
        Species(
            title=title,
            taxa=taxa,
            letters=letters,
            threatened=of[0].threatened,
            pictures=len({answer.media_id for answer in of}),
            events=len({events[answer] for answer in of}),
            stations=_stations(of, events),
        )
        for (title, taxa, letters), of in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-severity(row.letters), -row.events, row.title, row.taxa)))


def by_merit(events: Mapping[Answer, int]) -> tuple[Answer, ...]:
    """Order answers: the best of every event before the second best of any, so that no burst fills a gallery."""
    best = sorted(events, key=lambda answer: (answer.reviewer is None, -(answer.probability or 0.0)))
    shown: Counter[int] = Counter()
    rank: dict[Answer, int] = {}
    for answer in best:
        rank[answer] = shown[events[answer]]
        shown[events[answer]] += 1
    return tuple(sorted(events, key=lambda answer: (rank[answer], not answer.threatened, answer.captured_at)))


def severity(letters: tuple[Category, ...]) -> int:
    """Give the place of the worst letter among the categories; -1 where there is none."""
    return max((letter.severity for letter in letters), default=-1)


def _stations(answers: Iterable[Answer], events: Mapping[Answer, int]) -> tuple[SeenAt, ...]:
    groups: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        groups[answer.station].append(answer)
    rows = [
        SeenAt(station, len({events[answer] for answer in of}), max(answer.captured_local for answer in of))
        for station, of in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: row.last, reverse=True))
