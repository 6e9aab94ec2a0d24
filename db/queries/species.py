"""What was seen for the first time: answers grouped by species, and the best of them for a gallery."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Subquery, case, func, select
from sqlalchemy.orm import Session

from db.models import Deployment, Observation
from db.queries.events import EVENT_COLUMNS, Kind, kind_columns, kind_of, numbered
from db.queries.received import NO_STATION, first_answered, shows_people
from db.redlist import Category
from db.types import Decision, Method

OF_AN_EVENT = 3  # pictures at most, in a gallery
THREATENED = [category.value for category in Category if category.threatened]


@dataclass(frozen=True, slots=True)
class SeenAt:
    """A station where a species was seen, and when last, on the station's clock."""

    station: str
    events: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Species:
    """One row of the table of species: pictures of one label, title, taxa and category; last seen stations first."""

    label: str
    title: str
    taxa: tuple[str, ...]
    letters: tuple[Category, ...]
    pictures: int
    events: int
    stations: tuple[SeenAt, ...]

    @property
    def threatened(self) -> bool:
        """Whether the worst that it can be is threatened."""
        return any(letter.threatened for letter in self.letters[-1:])


@dataclass(frozen=True, slots=True)
class _Seen:
    """A species at one deployment."""

    station: str
    pictures: int
    events: int
    last: datetime


def species(session: Session, since: datetime, until: datetime, gap: timedelta) -> tuple[Species, ...]:
    """Give the species that were first answered in the span: the most severe category first, then the most events."""
    rows = numbered(_answered(since, until), gap).c
    columns = kind_columns(rows)
    of = select(
        Deployment.station,
        func.count(rows.media_id.distinct()),
        func.count(rows.event.distinct()),
        func.max(rows.captured_local),
        *columns,
    ).outerjoin(Deployment, rows.deployment_id == Deployment.id)
    groups: defaultdict[Kind, list[_Seen]] = defaultdict(list)
    for station, pictures, events, last, *kind in session.execute(
        of.group_by(rows.deployment_id, Deployment.station, *columns)
    ):
        groups[kind_of(*kind)].append(_Seen(station or NO_STATION, pictures, events, last))
    found = (_species(kind, seen) for kind, seen in groups.items())
    return tuple(sorted(found, key=lambda row: (-severity(row.letters), -row.events, row.title, row.taxa, row.label)))


def best(session: Session, since: datetime, until: datetime, gap: timedelta, *, most: int) -> list[int]:
    """Give the observations first answered in the span that are most worth showing, best first.

    The best of every event comes before the second best of any, and there are three of an event at most, so that no
    burst fills a gallery; of these the threatened species, all in turn. A human's word is the best, then what the model
    is surest of. Of several animals of a kind in one picture the best stands for all. Pictures of people are left out.
    """
    alike = (Observation.media_id, Observation.label)
    among = func.row_number().over(partition_by=alike, order_by=_quality(Observation)).label("among")
    more = (Observation.worst_category, Observation.classification_method, Observation.probability, among)
    rows = numbered(_answered(since, until, *more), gap).c
    quality, kind = _quality(rows), kind_columns(rows)
    event = (rows.deployment_id, rows.label, rows.event)
    ranked = (
        select(
            rows.id,
            rows.captured_at,
            case((rows.worst_category.in_(THREATENED), 0), else_=1).label("safe"),
            func.row_number().over(partition_by=event, order_by=quality).label("place"),
            func.row_number().over(partition_by=kind, order_by=quality).label("turn"),
        )
        .where(rows.among == 1, ~shows_people(rows.media_id))
        .subquery()
        .c
    )
    order = (ranked.place, ranked.safe, ranked.turn, ranked.captured_at, ranked.id)
    enough = ranked.place <= OF_AN_EVENT
    return list(session.scalars(select(ranked.id).where(enough).order_by(*order).limit(most)))


def _quality(of: Any) -> tuple[ColumnElement[Any], ...]:
    return (
        case((of.classification_method == Method.HUMAN, 0), else_=1),
        func.coalesce(of.probability, 0).desc(),
        of.captured_at,
        of.id,
    )


def severity(letters: tuple[Category, ...]) -> int:
    """Give the place of the worst letter among the categories; -1 where there is none."""
    return max((letter.severity for letter in letters), default=-1)


def _answered(since: datetime, until: datetime, *more: Any) -> Subquery:
    first = Observation.media_id.in_(first_answered(since, until))
    answered = select(*EVENT_COLUMNS, *more).where(first, Observation.counted)
    return answered.where(Observation.decision == Decision.ANSWERED).subquery()


def _species(kind: Kind, seen: list[_Seen]) -> Species:
    return Species(
        label=kind.label,
        title=kind.title,
        taxa=kind.taxa,
        letters=kind.letters,
        pictures=sum(each.pictures for each in seen),
        events=sum(each.events for each in seen),
        stations=_stations(seen),
    )


def _stations(seen: Iterable[_Seen]) -> tuple[SeenAt, ...]:
    groups: defaultdict[str, list[_Seen]] = defaultdict(list)
    for each in seen:
        groups[each.station].append(each)
    rows = [
        SeenAt(station, sum(each.events for each in of), max(each.last for each in of))
        for station, of in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: row.last, reverse=True))
