"""What waits for an answer or to be derived anew, and what is known already: pending is a query, not a state."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from db.models import Media, Model, Observation, Prediction, Sighting
from db.types import State


@dataclass(frozen=True, slots=True)
class Pending:
    """One media that waits for the model."""

    media_id: int
    sha256: str
    kept: str
    picture: tuple[str, int, str]  # equal for media that show the same picture: they share one inference


def pending(
    session: Session, *, after: int, limit: int, unless_by: str | None = None, roots: Iterable[str] | None = None
) -> list[Pending]:
    """Give the next media without an answer, by id.

    ``unless_by`` (a model's version) gives those that another model answered as well; ``roots`` keeps to their files.
    """
    columns = select(Media.id, Media.sha256, Media.kept, Media.picture_hash, Media.orientation, Media.flat)
    query = columns.where(_waiting(unless_by, roots), Media.id > after).order_by(Media.id).limit(limit)
    rows = session.execute(query)
    return [
        # a flat picture is never evidence, so it shares with none
        Pending(i, sha256, kept, (picture_hash, orientation, sha256 if flat else ""))
        for i, sha256, kept, picture_hash, orientation, flat in rows
    ]


def count_pending(session: Session, *, unless_by: str | None = None, roots: Iterable[str] | None = None) -> int:
    """Count what ``pending`` would give."""
    return session.scalar(select(func.count()).select_from(Media).where(_waiting(unless_by, roots))) or 0


def _waiting(unless_by: str | None, roots: Iterable[str] | None) -> ColumnElement[bool]:
    waiting: ColumnElement[bool] = Media.answered_by.is_(None)
    if unless_by is not None:
        others = select(Prediction.id).join(Model).where(Model.version != unless_by)
        waiting = or_(waiting, Media.answered_by.in_(others))
    if roots is not None:
        here = exists().where(
            Sighting.media_id == Media.id, Sighting.root.in_(list(roots)), Sighting.state == State.TAKEN
        )
        waiting = and_(waiting, here)
    return waiting


def answered_already(session: Session, version: str, waiting: Iterable[Pending]) -> dict[int, Prediction]:
    """Give the answers that this model has given before, to a media itself or to another of the same picture."""
    wanted = list(waiting)
    rows = session.execute(
        select(Prediction, Media.id, Media.picture_hash, Media.orientation, Media.flat, Media.sha256)
        .join(Media, Prediction.media_id == Media.id)
        .join(Model)
        .where(Model.version == version, Media.picture_hash.in_({w.picture[0] for w in wanted}))
        .order_by(Media.id.desc())
    ).all()
    own = {media_id: prediction for prediction, media_id, *_ in rows}
    shared = {
        (picture_hash, orientation, sha256 if flat else ""): prediction
        for prediction, _, picture_hash, orientation, flat, sha256 in rows
    }
    found = {w.media_id: own.get(w.media_id) or shared.get(w.picture) for w in wanted}
    return {media_id: prediction for media_id, prediction in found.items() if prediction is not None}


def stale(session: Session, limit: int) -> list[int]:
    """Give the next media whose observation is to be derived anew."""
    return list(session.scalars(select(Observation.media_id).where(Observation.stale).limit(limit)))
