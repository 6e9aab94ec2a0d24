"""Corrections files: what they are held against, and what people said in them."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from db.models import CorrectionsFile, Deployment, Media, Model, Observation, Prediction, Question, Report, Review
from db.queries.events import letters_of
from db.queries.received import first_answered, in_span
from db.redlist import Category
from db.types import Method

SOURCE = "corrections "  # before the name of the document that a review came from


@dataclass(frozen=True, slots=True)
class Met:
    """A corrections file as it was when it was read."""

    place: str
    signature: str
    refused: str | None  # why


def met_in(session: Session, folder: str) -> list[Met]:
    """Give the files that were read in this folder (printable), those in folders below it left out."""
    of = CorrectionsFile
    below = of.place.startswith(f"{folder}/", autoescape=True)  # some databases compare without regard to case
    rows = session.execute(select(of.place, of.signature, of.refused).where(below).order_by(of.place, of.id))
    return [Met(place, signed, why) for place, signed, why in rows if place.rpartition("/")[0] == folder]


def refused_in(session: Session, folder: str) -> list[tuple[str, str]]:
    """Give (place, why) of the files of this folder that are refused, by place."""
    return [(met.place, met.refused) for met in met_in(session, folder) if met.refused]


def taken_before(session: Session, document: str, sha256: str) -> CorrectionsFile | None:
    """Give the file that was taken under this name of its own, or with this content."""
    same = or_(CorrectionsFile.document == document, CorrectionsFile.sha256 == sha256)
    return session.scalar(
        select(CorrectionsFile).where(same, CorrectionsFile.refused.is_(None)).order_by(CorrectionsFile.id).limit(1)
    )


def report_named(session: Session, token: str) -> Report | None:
    """Give the report that corrections call by this token."""
    return session.scalar(select(Report).where(Report.token == token))


def asked_by(session: Session, report_id: int) -> dict[tuple[str, int], int]:
    """Give (sha256, region) → media of what a report asked about."""
    rows = session.execute(
        select(Media.sha256, Question.region, Media.id)
        .join(Question, Question.media_id == Media.id)
        .where(Question.report_id == report_id)
    )
    return {(content, region): media_id for content, region, media_id in rows}


def said_by(session: Session, reviewer: str, media_ids: Iterable[int]) -> set[tuple[int, int, str, datetime]]:
    """Give (media, region, label, when) of what this person said of these pictures and of parts of them."""
    of = Review
    words = select(of.media_id, of.region, of.label, of.at).where(
        of.reviewer == reviewer, of.media_id.in_(list(media_ids))
    )
    return {(media_id, region, label, at) for media_id, region, label, at in session.execute(words)}


def labels_of_models(session: Session) -> set[str]:
    """Give every label that a model knows which has answered here."""
    return {label for classes in session.scalars(select(Model.classes)) for label in classes}


def count_corrections(session: Session) -> int:
    """Count the corrections that were taken from files."""
    return session.scalar(select(func.sum(CorrectionsFile.corrections))) or 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A corrections file that is refused now, and why."""

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """A threatened species that people saw in pictures of an earlier report."""

    title: str
    letters: tuple[Category, ...]
    station: str
    pictures: int


@dataclass(frozen=True, slots=True)
class StillOpen:
    """The newest report whose questions wait for a word, and how many do: of a picture it asks one."""

    file: str  # its name
    until: datetime
    pictures: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What people said last in the files taken in a span; ``corrected``: the model's label, theirs, and how often."""

    reviewers: tuple[str, ...]
    confirmed: int
    corrected: tuple[tuple[str, str, int], ...]
    found: tuple[Found, ...]


def heard(session: Session, since: datetime, until: datetime) -> Heard:
    """Give what was taken after ``since`` and until ``until``, beside what the model says of the very same now.

    A word on a picture, or on a part of one, is heard where it stands: not where a later one on the other outranks it.
    """
    documents = session.scalars(
        select(CorrectionsFile.document).where(
            CorrectionsFile.refused.is_(None), in_span(CorrectionsFile.at, since, until)
        )
    )
    rows = session.execute(
        select(
            Review.media_id,
            Review.region,
            Review.reviewer,
            func.coalesce(Prediction.background, Prediction.label),
            Review.label,
        )
        .join(Observation, (Observation.media_id == Review.media_id) & (Observation.region == Review.region))
        .join(Prediction, Observation.prediction_id == Prediction.id)
        .where(
            Review.source.in_([f"{SOURCE}{document}" for document in documents]),
            Observation.classification_method == Method.HUMAN,
        )
        .order_by(Review.at, Review.id)
    ).all()
    last = {(media_id, region): (model, person) for media_id, region, _, model, person in rows}
    said = Counter(last.values())
    return Heard(
        reviewers=tuple(sorted({reviewer for _, _, reviewer, *_ in rows})),
        confirmed=sum(count for (model, person), count in said.items() if model == person),
        corrected=tuple((*pair, count) for pair, count in said.most_common() if pair[0] != pair[1]),
        found=_found(session, last.keys(), since, until),
    )


def _found(
    session: Session, places: Collection[tuple[int, int]], since: datetime, until: datetime
) -> tuple[Found, ...]:
    """Count the pictures of what is threatened, by species and station, of which people spoke at these (media, region).

    What is new in the span is told as such already.
    """
    threatened = [category for category in Category if category.threatened]
    rows = session.execute(
        select(Observation.media_id, Observation.region, Observation.title, Observation.category, Deployment.station)
        .join(Deployment, Observation.deployment_id == Deployment.id)
        .where(
            Observation.media_id.in_({media_id for media_id, _ in places}),
            Observation.media_id.not_in(first_answered(since, until)),
            Observation.classification_method == Method.HUMAN,
            Observation.worst_category.in_(threatened),
        )
    )
    seen = {
        (media_id, title or "", category, station)
        for media_id, region, title, category, station in rows
        if (media_id, region) in places
    }
    counts = Counter((title, category, station) for _, title, category, station in seen)
    return tuple(
        Found(title, letters_of(category), station, count)
        for (title, category, station), count in sorted(counts.items())
    )


def refused(session: Session) -> tuple[Refused, ...]:
    """Give the files that were refused when they were last looked at, by place."""
    of = CorrectionsFile
    rows = session.execute(select(of.place, of.refused).where(of.refused.is_not(None)).order_by(of.place))
    return tuple(Refused(place, why or "") for place, why in rows)


def still_open(session: Session, until: datetime) -> StillOpen | None:
    """Give the newest report before ``until`` that asked anything, where nobody has spoken of some of it."""
    asked = select(Question.report_id)
    last = session.scalar(
        select(Report).where(Report.until < until, Report.id.in_(asked)).order_by(Report.until.desc(), Report.id.desc())
    )
    if last is None:
        return None
    waiting = select(func.count(Question.id)).join(
        Observation, (Observation.media_id == Question.media_id) & (Observation.region == Question.region)
    )
    count = session.scalar(
        waiting.where(Question.report_id == last.id, Observation.classification_method == Method.MACHINE)
    )
    return StillOpen(last.path.rpartition("/")[2], last.until, count) if count else None
