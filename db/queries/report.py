"""Every number and row of the report on what was received and answered in a span of time: values only."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Link, Media, Model, Observation, Prediction, Sighting
from db.queries.places import Place, places
from db.queries.received import Answer, counted_answers, events_of, first_answered, in_span, with_people
from db.queries.species import Species, by_merit, severity, species_of
from db.queries.status import at_two_deployments
from db.redlist import Category, RedList
from db.settings import LedgerSettings
from db.types import Decision, LinkKind, LinkStatus, State


@dataclass(frozen=True, slots=True)
class Totals:
    """What was received in the span, and what was first answered in it; ``pictures`` are the counted ones."""

    files: int
    pictures: int
    decisions: dict[Decision, int]  # of the counted pictures first answered
    earlier: int  # of those, received before the span
    waiting: int  # not answered at the end of the span, whenever received
    rejected: int
    same_content: int  # files whose bytes were known already
    same_picture: int
    reexports: int

    @property
    def answers(self) -> int:
        """Counted pictures first answered, whatever was decided."""
        return sum(self.decisions.values())

    @property
    def copies(self) -> int:
        """Files and pictures that are not counted again."""
        return self.same_content + self.same_picture + self.reexports


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

    Files, pictures and copies are those received in it; species, alerts and gallery those first answered in it.
    """
    answers = counted_answers(session, since, until)
    answered = [answer for answer in answers if answer.decision is Decision.ANSWERED]
    events = dict(zip(answered, events_of(answered, timedelta(minutes=settings.event_minutes)), strict=True))
    hidden = with_people(session, since, until)
    return ReportData(
        model=_model(session, {answer.model_id for answer in answers}),
        totals=_totals(session, since, until, answers),
        species=species_of(events),
        clocks=_clocks(answers),
        out_of_range=_out_of_range(session, answers, redlist),
        stations=_stations(session, answers, redlist),
        gallery=by_merit({answer: event for answer, event in events.items() if answer.media_id not in hidden}),
        rejected=_rejected(session, since, until),
        damaged=_damaged(session, since, until),
        suspected=_suspected(session, since, until),
        strays=at_two_deployments(session),
        stale=session.scalar(select(func.count()).select_from(Observation).where(Observation.stale)) or 0,
    )


def _model(session: Session, used: set[int | None]) -> ModelUsed | None:
    """Give the newest of the models ``used``, else of all."""
    newest = select(Model).order_by(Model.first_used_at.desc(), Model.id.desc()).limit(1)
    model = session.scalar(newest.where(Model.id.in_(used))) or session.scalar(newest)
    return ModelUsed(model.version, model.demo, model.metrics) if model else None


def _totals(session: Session, since: datetime, until: datetime, answers: list[Answer]) -> Totals:
    seen, received = in_span(Sighting.seen_at, since, until), in_span(Media.received_at, since, until)
    states = Counter(session.scalars(select(Sighting.state).where(seen)))
    media = set(session.scalars(select(Media.id).where(received)))
    kinds = dict(
        session.execute(
            select(Link.media_id, func.max(Link.kind))  # where both hold, the surer "same_picture" is the greater
            .where(Link.media_id.in_(select(Media.id).where(received)), Link.status != LinkStatus.UNDONE)
            .group_by(Link.media_id)
        ).all()
    )
    first = select(func.min(Sighting.id)).where(Sighting.media_id.is_not(None)).group_by(Sighting.media_id)
    again = select(func.count()).where(seen, Sighting.media_id.is_not(None), Sighting.id.not_in(first))
    return Totals(
        files=states.total(),
        pictures=len(media - kinds.keys()),
        decisions={decision: len(_media(answers, decision)) for decision in Decision},
        earlier=len({answer.media_id for answer in answers if answer.received_at <= since}),
        waiting=_waiting(session, until),
        rejected=states[State.REJECTED],
        same_content=session.scalar(again) or 0,
        same_picture=sum(kind == LinkKind.SAME_PICTURE for kind in kinds.values()),
        reexports=sum(kind == LinkKind.REEXPORT for kind in kinds.values()),
    )


def _waiting(session: Session, until: datetime) -> int:
    """Count the pictures that had come by then and had no answer yet."""
    copies = select(Link.media_id).where(Link.status != LinkStatus.UNDONE)
    waiting = select(func.count(Media.id)).where(
        Media.received_at <= until,
        Media.id.not_in(first_answered(datetime.min.replace(tzinfo=UTC), until)),
        Media.id.not_in(copies),
    )
    return session.scalar(waiting) or 0


def _media(answers: Iterable[Answer], decision: Decision) -> set[int]:
    return {answer.media_id for answer in answers if answer.decision is decision}


def _clocks(answers: list[Answer]) -> tuple[WrongClock, ...]:
    counts = Counter((answer.station, answer.time_status) for answer in answers if answer.time_status != "ok")
    return tuple(WrongClock(station, status, count) for (station, status), count in sorted(counts.items()))


def _out_of_range(session: Session, answers: list[Answer], redlist: RedList) -> tuple[OutOfRange, ...]:
    """Count by station and by what the model said: part of what is to review, so the prediction is read as well."""
    stations = {a.media_id: a.station for a in answers if a.decision is Decision.OUT_OF_RANGE}
    said = session.execute(
        select(Media.id, Prediction.label)
        .join(Prediction, Media.answered_by == Prediction.id)
        .where(Media.id.in_(stations))
    )
    counts = Counter((stations[media_id], redlist.resolve(label, None).title) for media_id, label in said)
    return tuple(OutOfRange(station, title, count) for (station, title), count in sorted(counts.items()))


def _stations(session: Session, answers: list[Answer], redlist: RedList) -> tuple[Station, ...]:
    by_station: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_station[answer.station].append(answer)
    return tuple(_station(place, by_station[place.station]) for place in places(session, redlist))


def _station(place: Place, answers: list[Answer]) -> Station:
    species = {(a.title, a.letters) for a in answers if a.decision is Decision.ANSWERED}
    return Station(
        place=place,
        pictures=len({answer.media_id for answer in answers}),
        answered=len(_media(answers, Decision.ANSWERED)),
        species=tuple(sorted(species, key=lambda kind: (-severity(kind[1]), kind[0]))),
    )


def _rejected(session: Session, since: datetime, until: datetime) -> tuple[RejectedFile, ...]:
    rows = session.scalars(
        select(Sighting)
        .where(in_span(Sighting.seen_at, since, until), Sighting.state == State.REJECTED)
        .order_by(Sighting.station, Sighting.path)
    )
    return tuple(RejectedFile(row.station, row.path_text, row.reason or "") for row in rows)


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
