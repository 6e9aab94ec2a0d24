"""What people are asked to look at: the pictures that a word helps most with, and some drawn by lot."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from heapq import nsmallest
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, literal, select, union_all
from sqlalchemy.orm import Session

from db.derive import BACKGROUND_TYPES
from db.models import Deployment, Media, Model, Observation, Prediction
from db.queries.received import NO_STATION, box_of, first_answered, shows_people
from db.redlist import RedList
from db.types import Box, Decision, Method, Reason

BURST = timedelta(seconds=60)
CLOSE = 0.5  # a margin: whoever is further ahead than this has no rival worth a question
MOST = 500  # of one reason, to choose from: bursts take several
_BY_MARGIN = (Decision.ANSWERED, Decision.OTHER, Decision.UNKNOWN)
_IN_TURN = (Reason.OUT_OF_RANGE, Reason.DISAGREEMENT, Reason.MARGIN, Reason.FAR)


@dataclass(frozen=True, slots=True)
class Asked:
    """One picture to look at, or an animal in one, and what its prediction says of it."""

    media_id: int
    region: int  # 0: the whole picture
    prediction_id: int
    sha256: str
    station: str
    captured_local: datetime  # on the station's clock, no zone
    kept: str  # below the data folder, as gradcam
    gradcam: str
    width: int  # upright
    height: int
    box: Box | None  # of the animal that is shown
    reason: Reason
    decision: Decision
    label: str  # the most probable of all classes, the background ones included
    title: str  # what reports print for the species at that station; empty where it is none
    probability: float
    opinions: tuple[tuple[str, str, float], ...]  # backbone, its most probable label, its probability
    spoken: bool  # by a person, before it was drawn: it counts in the audit, and nobody is asked again


def to_review(
    session: Session,
    since: datetime,
    until: datetime,
    *,
    redlist: RedList,
    seed: str,
    useful: int = 20,
    audit: int = 20,
) -> tuple[Asked, ...]:
    """Give the pictures first answered in the span that people should look at: most useful first, the audit last.

    Only what a model alone has answered is asked, counted pictures only, and none in which anybody ever saw a person;
    all others are ``spoken``, and not to be shown. The audit is drawn before all else and from all that the model
    answered, what people have spoken of already among it, so that it speaks for all answers: those ``audit`` pictures
    that come first by the sha256 of ``seed`` and their own, on any machine. The ``useful`` others come in turn from
    those that are out of range, those of which the backbones see different things, those with a small margin and those
    far from the training set, each by its own strength; of pictures of one deployment within 60 s only one.

    Of a picture in which a detector saw several animals any of them may be asked about, but one only; of the audit it
    is the one that stands for the picture.
    """
    candidates = _candidates(session, since, until)
    lot = nsmallest(audit, candidates[Reason.AUDIT], key=lambda each: sha256((seed + each.sha256).encode()).digest())
    drawn = {each.media_id for each in lot}
    queues: dict[Reason, Iterator[Any]] = {}
    for reason in _IN_TURN:
        others = [each for each in candidates[reason] if each.media_id not in drawn]
        queues[reason] = iter(sorted(others, key=lambda each: (-each.strength, each.sha256, each.region)))
    queues[Reason.DISAGREEMENT] = _seen_differently(session, queues[Reason.DISAGREEMENT])
    return _asked(session, _in_turn(queues, useful) + [(each, Reason.AUDIT) for each in lot], redlist)


def _candidates(session: Session, since: datetime, until: datetime) -> dict[str, list[Any]]:
    """Give for each reason few columns of the observations that it may ask of."""
    found = _answered(since, until)
    of = found.c
    alone = of.method == Method.MACHINE
    answered = (alone & (of.decision == Decision.ANSWERED)) | (~alone & (of.said == Decision.ANSWERED))
    parts = [
        _part(found, Reason.AUDIT, of.leads & answered, literal(0.0), limit=None),
        _part(found, Reason.OUT_OF_RANGE, alone & (of.decision == Decision.OUT_OF_RANGE), of.probability),
        _part(found, Reason.DISAGREEMENT, alone & (of.disagreement > 0), of.disagreement),
        _part(found, Reason.MARGIN, alone & of.decision.in_(_BY_MARGIN) & (of.margin < CLOSE), -of.margin),
        _part(found, Reason.FAR, alone & (of.decision == Decision.UNFAMILIAR), of.distance),
    ]
    candidates: dict[str, list[Any]] = {reason: [] for reason in Reason}
    for row in session.execute(union_all(*parts)):
        candidates[row.reason].append(row)
    return candidates


def _answered(since: datetime, until: datetime) -> CTE:
    """Select the observations of the span's counted pictures that a model has answered; maybe a hundred thousand.

    What is used more than once in a statement, as this is, a database works out once.
    """
    return (
        select(
            Observation.id,
            Observation.media_id,
            Observation.region,
            Observation.leads,
            Observation.prediction_id,
            Observation.deployment_id,
            Observation.captured_local,
            Observation.decision,
            Observation.classification_method.label("method"),
            Prediction.decision.label("said"),
            Media.sha256,
            Prediction.probability,
            Prediction.margin,
            Prediction.disagreement,
            Prediction.distance,
        )
        .join(Media, Observation.media_id == Media.id)
        .join(Prediction, Observation.prediction_id == Prediction.id)
        .join(Model, Prediction.model_id == Model.id)
        .where(
            Observation.media_id.in_(first_answered(since, until)),
            Observation.counted,
            # what a person has spoken of is not shown, so it may show people; else the model said it, and no detector
            (Observation.classification_method == Method.HUMAN)
            | ((Observation.classified_by == Model.version) & ~shows_people(Observation.media_id)),
        )
        .cte("found")
    )


def _part(
    found: CTE, reason: Reason, condition: ColumnElement[bool], strength: ColumnElement[Any], limit: int | None = MOST
) -> Select[Any]:
    of = found.c
    narrow = select(
        literal(reason.value).label("reason"),
        of.id,
        of.media_id,
        of.region,
        of.prediction_id,
        of.deployment_id,
        of.captured_local,
        of.sha256,
        strength.label("strength"),
    ).where(condition)
    if limit is not None:
        narrow = narrow.order_by(strength.desc(), of.sha256, of.region).limit(limit)
    return select(narrow.subquery())


def _seen_differently(session: Session, candidates: Iterable[Any]) -> Iterator[Any]:
    """Yield those for which the backbones' most probable labels differ."""
    waiting = list(candidates)
    ids = [each.prediction_id for each in waiting]
    rows = session.execute(select(Prediction.id, Prediction.probabilities).where(Prediction.id.in_(ids)))
    labels = {prediction_id: {_first(each) for each in said.values()} for prediction_id, said in rows}
    yield from (each for each in waiting if len(labels[each.prediction_id]) > 1)


def _first(probabilities: Sequence[float]) -> int:
    return max(range(len(probabilities)), key=probabilities.__getitem__)


def _in_turn(queues: dict[Reason, Iterator[Any]], count: int) -> list[tuple[Any, Reason]]:
    """Take from each queue in turn until there are ``count``; a queue that has run out is passed over."""
    chosen: list[tuple[Any, Reason]] = []
    waiting = list(queues)
    while waiting and len(chosen) < count:
        reason = waiting.pop(0)
        found = next((each for each in queues[reason] if not _is_known(each, chosen)), None)
        if found is not None:
            chosen.append((found, reason))
            waiting.append(reason)
    return chosen


def _is_known(candidate: Any, chosen: list[tuple[Any, Reason]]) -> bool:
    """Tell whether this picture, or one of the same burst, is chosen already."""
    return any(
        candidate.media_id == other.media_id
        or (
            candidate.deployment_id is not None
            and candidate.deployment_id == other.deployment_id
            and abs(candidate.captured_local - other.captured_local) <= BURST
        )
        for other, _ in chosen
    )


def _asked(session: Session, chosen: list[tuple[Any, Reason]], redlist: RedList) -> tuple[Asked, ...]:
    """Read what is needed to show what these observations are of."""
    reasons = {each.id: reason for each, reason in chosen}
    media = (Media.sha256, Media.kept, Media.width, Media.height, Media.orientation)
    rows = session.execute(
        select(Observation, Prediction, *media, Model.classes, Deployment.station, Deployment.country)
        .join(Media, Observation.media_id == Media.id)
        .join(Prediction, Observation.prediction_id == Prediction.id)
        .join(Model, Prediction.model_id == Model.id)
        .outerjoin(Deployment, Observation.deployment_id == Deployment.id)
        .where(Observation.id.in_(reasons))
    )
    shown = {row.Observation.id: _one(row, reasons[row.Observation.id], redlist) for row in rows}
    return tuple(shown[observation_id] for observation_id in reasons)


def _one(row: Any, reason: Reason, redlist: RedList) -> Asked:
    observation: Observation = row.Observation
    said: Prediction = row.Prediction
    turned = row.orientation >= 5  # noqa: PLR2004  # EXIF: 5 to 8 lie on their side
    label = said.background or said.label  # a background label stands there only where it is the most probable
    return Asked(
        media_id=observation.media_id,
        region=observation.region,
        prediction_id=said.id,
        sha256=row.sha256,
        station=row.station or NO_STATION,
        captured_local=observation.captured_local,
        kept=said.kept or row.kept,
        gradcam=said.gradcam,
        width=row.height if turned else row.width,
        height=row.width if turned else row.height,
        box=box_of(said.box),
        reason=reason,
        decision=observation.decision,
        label=label,
        title="" if label in BACKGROUND_TYPES else redlist.resolve(label, row.country, anywhere=True).title,
        probability=max(said.stacked, default=said.probability),
        opinions=tuple(
            (backbone, row.classes[_first(probabilities)], max(probabilities))
            for backbone, probabilities in said.probabilities.items()
        ),
        spoken=observation.classification_method is Method.HUMAN,
    )
