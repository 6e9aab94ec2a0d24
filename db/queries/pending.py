"""What waits for an answer or to be derived anew, and what is known already: pending is a query, not a state."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from db.derive import WHOLE
from db.models import Detection, Media, Model, Observation, Prediction, Sighting
from db.types import Box, State

_SHOWN = (Media.sha256, Media.picture_hash, Media.orientation, Media.flat)


@dataclass(frozen=True, slots=True)
class Pending:
    """A media that waits for the model, or an animal in one."""

    id: int  # by which the next ones are asked for
    media_id: int
    sha256: str
    kept: str
    picture: tuple[str, int, str, int]  # equal for what shows the same, of which one is asked about
    box: Box | None = None  # of an animal

    @property
    def region(self) -> int:
        """The number of what is looked at; 0: the whole picture."""
        return self.picture[-1]

    @property
    def place(self) -> tuple[int, int]:
        """What is looked at."""
        return self.media_id, self.region


def pending(
    session: Session, *, after: int, limit: int, unless_by: str | None = None, roots: Iterable[str] | None = None
) -> list[Pending]:
    """Give the next media without an answer, by id.

    ``unless_by`` (a model's version) gives those that another model answered as well; ``roots`` keeps to their files.
    """
    waiting = _waiting(Media.answered_by, unless_by, roots)
    query = select(Media.id, Media.kept, *_SHOWN).where(waiting, Media.id > after).order_by(Media.id).limit(limit)
    return [Pending(row.id, row.id, row.sha256, row.kept, _picture(row, WHOLE)) for row in session.execute(query)]


def pending_animals(
    session: Session, *, after: int, limit: int, unless_by: str | None = None, roots: Iterable[str] | None = None
) -> list[Pending]:
    """Give the next animals that a detector saw, that were cut out and have no answer, by the id of the detection.

    The rest is as in `pending`.
    """
    of = Detection
    query = (
        select(of.id, of.media_id, of.region, of.kept, of.x, of.y, of.width, of.height, *_SHOWN)
        .join(Media, of.media_id == Media.id)
        .where(of.kept.is_not(None), _waiting(of.answered_by, unless_by, roots), of.id > after)
        .order_by(of.id)
        .limit(limit)
    )
    return [
        Pending(
            row.id, row.media_id, row.sha256, row.kept, _picture(row, row.region), (row.x, row.y, row.width, row.height)
        )
        for row in session.execute(query)
    ]


def count_pending(session: Session, *, unless_by: str | None = None, roots: Iterable[str] | None = None) -> int:
    """Count what ``pending`` and ``pending_animals`` would give."""
    animals = select(Detection.media_id, Detection.region).join(Media, Detection.media_id == Media.id).distinct()
    cut = animals.where(Detection.kept.is_not(None), _waiting(Detection.answered_by, unless_by, roots)).subquery()
    media = select(func.count()).select_from(Media).where(_waiting(Media.answered_by, unless_by, roots))
    return (session.scalar(media) or 0) + (session.scalar(select(func.count()).select_from(cut)) or 0)


def _picture(row: Any, region: int) -> tuple[str, int, str, int]:
    # a flat picture is never evidence, so it shares with none
    return row.picture_hash, row.orientation, row.sha256 if row.flat else "", region


def _waiting(answered_by: Any, unless_by: str | None, roots: Iterable[str] | None) -> ColumnElement[bool]:
    waiting: ColumnElement[bool] = answered_by.is_(None)
    if unless_by is not None:
        others = select(Prediction.id).join(Model).where(Model.version != unless_by)
        waiting = or_(waiting, answered_by.in_(others))
    if roots is not None:
        here = exists().where(
            Sighting.media_id == Media.id, Sighting.root.in_(list(roots)), Sighting.state == State.TAKEN
        )
        waiting = and_(waiting, here)
    return waiting


def answered_already(session: Session, version: str, waiting: Iterable[Pending]) -> dict[tuple[int, int], Prediction]:
    """Give place → the answer that this model has given before, to a media itself or to another of the same picture."""
    wanted = list(waiting)
    rows = session.execute(
        select(Prediction, Media.id, *_SHOWN)
        .join(Media, Prediction.media_id == Media.id)
        .join(Model)
        .where(Model.version == version, Media.picture_hash.in_({w.picture[0] for w in wanted}))
        .order_by(Media.id.desc())
    ).all()
    own = {(row.id, row.Prediction.region): row.Prediction for row in rows}
    shared = {_picture(row, row.Prediction.region): row.Prediction for row in rows}
    found = {w.place: own.get(w.place) or shared.get(w.picture) for w in wanted}
    return {place: prediction for place, prediction in found.items() if prediction is not None}


def stale(session: Session, limit: int) -> list[int]:
    """Give the next media whose observation is to be derived anew."""
    return list(session.scalars(select(Observation.media_id).where(Observation.stale).limit(limit)))
