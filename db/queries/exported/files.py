"""The files that lie there, in a stream that never lies in memory whole, and what was said of each."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from db.derive import WHOLE
from db.detected import Rank, by_file
from db.models import Detection, DetectionsFile, Model, Observation, Prediction, Review, Sighting
from db.queries.exported.whole import STREAMED
from db.queries.received import in_span
from db.types import State


@dataclass(frozen=True, slots=True)
class File:
    """A file that was answered: what the model and people said by region, and where a detector saw what."""

    root: str
    path: str  # below the root, printable
    said: dict[int, Any]
    boxes: list[Detection]


def files(session: Session, begin: datetime, end: datetime) -> Iterator[File]:
    """Give the files that were answered, by path."""
    rows = (
        select(Sighting.root, Sighting.path_text, Sighting.media_id)
        .join(Observation, and_(Observation.media_id == Sighting.media_id, Observation.leads))
        .where(Sighting.state == State.TAKEN, in_span(Observation.captured_at, begin, end))
        .order_by(Sighting.root, Sighting.path)
    )
    for part in session.execute(rows, execution_options={"yield_per": STREAMED}).partitions():
        said = _said(session, {row.media_id for row in part})
        # a detector may have looked at another file of the same picture
        detected = {media_id: _looked_at(of, media_id) for media_id, of in said.items()}
        boxes = _boxes(session, detected.values())
        for row in part:
            yield File(row.root, row.path_text, said[row.media_id], boxes.get(detected[row.media_id], []))


def _said(session: Session, media_ids: Iterable[int]) -> dict[int, dict[int, Any]]:
    """Give media → region → what was said of it."""
    rows = session.execute(
        select(
            Observation.media_id,
            Observation.region,
            Observation.observation_type,
            Observation.classification_method,
            Observation.label,
            Prediction.media_id.label("looked_at"),
            Prediction.stacked,
            Model.classes,
        )
        .outerjoin(Prediction, Observation.prediction_id == Prediction.id)
        .outerjoin(Model, Prediction.model_id == Model.id)
        .where(Observation.media_id.in_(media_ids))
    )
    said: defaultdict[int, dict[int, Any]] = defaultdict(dict)
    for row in rows:
        said[row.media_id][row.region] = row
    return said


def _looked_at(said: dict[int, Any], media_id: int) -> int:
    animals: Iterator[int] = (each.looked_at for region, each in said.items() if region != WHOLE)
    return next(animals, media_id)


def _boxes(session: Session, media_ids: Iterable[int]) -> dict[int, list[Detection]]:
    """Give the boxes of the results that count for each media (see `db.detected`)."""
    best: dict[int, tuple[Rank, list[Detection]]] = {}
    for media_id, rank, together in by_file(session, select(Detection, DetectionsFile.place), media_ids):
        if media_id not in best or rank > best[media_id][0]:
            best[media_id] = rank, [row.Detection for row in together if row.Detection.width is not None]
    return {media_id: boxes for media_id, (_, boxes) in best.items()}


def roots(session: Session) -> list[str]:
    """Give the folders below which files lie."""
    there = select(Sighting.root).where(Sighting.state == State.TAKEN).distinct().order_by(Sighting.root)
    return list(session.scalars(there))


def labels(session: Session) -> list[str]:
    """Give the classes of all models that answered here, and all that people said."""
    said = set(session.scalars(select(Review.label).distinct()))
    return sorted(said.union(*session.scalars(select(Model.classes))))
