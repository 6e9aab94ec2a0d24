"""Every number and row of the report on what was received and answered in a span of time: values only."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Link, Media, Model, Observation, Sighting
from db.queries.places import Place, places
from db.queries.received import Answer, answers, in_span
from db.queries.species import Species, best, severity, species
from db.queries.status import at_two_deployments
from db.queries.tally import Tally, tally
from db.queries.totals import Totals, totals
from db.redlist import Category, RedList
from db.settings import LedgerSettings
from db.types import Decision, LinkStatus, State

GALLERY = 200  # pictures that a gallery can choose from


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """The model that answered, and the figures it came with, whatever its training called them."""

    version: str
    demo: bool
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WrongClock:
    """A station with pictures whose camera clock was not set (``implausible``) or not written (``missing``)."""

    station: str
    status: str
    pictures: int


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """Answers that cannot be right where the camera stands; ``title`` is what the model took the animal for."""

    station: str
    title: str
    pictures: int


@dataclass(frozen=True, slots=True)
class Station:
    """One row of the table of stations; ``pictures`` are those first answered in the span, whatever was decided."""

    place: Place
    pictures: int
    answered: int
    species: tuple[tuple[str, tuple[Category, ...]], ...]


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """A file that could not be taken; ``path`` is below its root."""

    station: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Suspected:
    """A picture that looks like a re-export of another and waits for a person."""

    path: str
    canonical: str


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that the report says. ``gallery`` is in the order of merit: take from the front."""

    model: ModelUsed | None
    totals: Totals
    species: tuple[Species, ...]
    clocks: tuple[WrongClock, ...]
    out_of_range: tuple[OutOfRange, ...]
    stations: tuple[Station, ...]
    gallery: tuple[Answer, ...]
    rejected: tuple[RejectedFile, ...]
    damaged: tuple[str, ...]  # paths of pictures that decode in part: answered, and not learned from
    suspected: tuple[Suspected, ...]
    strays: int  # pictures that lie at two deployments now: a card in the wrong folder
    stale: int

    @property
    def alerts(self) -> tuple[Species, ...]:
        """The threatened species seen."""
        return tuple(species for species in self.species if species.threatened)


def gather(
    session: Session, *, since: datetime, until: datetime, redlist: RedList, settings: LedgerSettings
) -> ReportData:
    """Read all that the report says of the span after ``since`` and until ``until``.

    Files, pictures and copies are those received in it; species, alerts and gallery those first answered in it. The
    gallery has the best few hundred.
    """
    gap = timedelta(minutes=settings.event_minutes)
    tallies = tally(session, since, until)
    stations = places(session, redlist, rounding=settings.rounding)
    return ReportData(
        model=_model(session, {each.model_id for each in tallies}),
        totals=totals(session, since, until, tallies),
        species=species(session, since, until, gap),
        clocks=_clocks(tallies),
        out_of_range=_out_of_range(tallies, redlist),
        stations=_stations(stations, tallies),
        gallery=answers(session, best(session, since, until, gap, most=GALLERY)),
        rejected=_rejected(session, since, until),
        damaged=_damaged(session, since, until),
        suspected=_suspected(session, since, until),
        strays=at_two_deployments(session),
        stale=session.scalar(select(func.count(Observation.media_id.distinct())).where(Observation.stale)) or 0,
    )


def _model(session: Session, used: set[int | None]) -> ModelUsed | None:
    """Give the newest of the models ``used``, else of all."""
    newest = select(Model).order_by(Model.first_used_at.desc(), Model.id.desc()).limit(1)
    model = session.scalar(newest.where(Model.id.in_(used))) or session.scalar(newest)
    return ModelUsed(model.version, model.demo, model.metrics) if model else None


def _clocks(tallies: Iterable[Tally]) -> tuple[WrongClock, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    for each in tallies:
        if each.time_status != "ok":
            counts[each.station, each.time_status] += each.leading
    return tuple(WrongClock(station, status, count) for (station, status), count in sorted(counts.items()))


def _out_of_range(tallies: Iterable[Tally], redlist: RedList) -> tuple[OutOfRange, ...]:
    """Count by station and by what the model said: part of what is to review, so the prediction is read as well."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in tallies:
        if each.decision is Decision.OUT_OF_RANGE and each.said is not None:
            counts[each.station, redlist.resolve(each.said, None).title] += each.pictures
    return tuple(OutOfRange(station, title, count) for (station, title), count in sorted(counts.items()))


def _stations(stations: Iterable[Place], tallies: Iterable[Tally]) -> tuple[Station, ...]:
    by_station: defaultdict[str, list[Tally]] = defaultdict(list)
    for each in tallies:
        by_station[each.station].append(each)
    return tuple(_station(place, by_station[place.station]) for place in stations)


def _station(place: Place, tallies: Iterable[Tally]) -> Station:
    answered = [each for each in tallies if each.decision is Decision.ANSWERED]
    kinds = {(each.title, each.letters) for each in answered}
    return Station(
        place=place,
        pictures=sum(each.leading for each in tallies),
        answered=sum(each.leading for each in answered),
        species=tuple(sorted(kinds, key=lambda kind: (-severity(kind[1]), kind[0]))),
    )


def _rejected(session: Session, since: datetime, until: datetime) -> tuple[RejectedFile, ...]:
    rows = session.execute(
        select(Sighting.station, Sighting.path_text, Sighting.reason)
        .where(in_span(Sighting.seen_at, since, until), Sighting.state == State.REJECTED)
        .order_by(Sighting.station, Sighting.path)
    )
    return tuple(RejectedFile(station, path, reason or "") for station, path, reason in rows)


def _damaged(session: Session, since: datetime, until: datetime) -> tuple[str, ...]:
    received = in_span(Media.received_at, since, until)
    paths = session.scalars(select(_path_of(Media.id)).where(received, Media.integrity == "suspect").order_by(Media.id))
    return tuple(path or "" for path in paths)


def _path_of(media_id: Any) -> Any:
    return select(func.min(Sighting.path_text)).where(Sighting.media_id == media_id).scalar_subquery()


def _suspected(session: Session, since: datetime, until: datetime) -> tuple[Suspected, ...]:
    rows = session.execute(
        select(_path_of(Link.media_id), _path_of(Link.canonical_id))
        .select_from(Link)
        .join(Media, Link.media_id == Media.id)
        .where(in_span(Media.received_at, since, until), Link.status == LinkStatus.SUSPECTED)
        .order_by(Link.id)
    )
    return tuple(Suspected(path or "", canonical or "") for path, canonical in rows)
