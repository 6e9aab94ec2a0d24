"""Files of detection results: which were read, which are refused, and what is to be done about their boxes."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from db.models import Detection, DetectionsFile, Media, Sighting
from db.types import Box, Detected, State


def met_in(session: Session, root: str) -> list[DetectionsFile]:
    """Give the files below this inbox as they were when they were read, by place."""
    of_root = select(DetectionsFile).where(DetectionsFile.root == root)
    return list(session.scalars(of_root.order_by(DetectionsFile.place, DetectionsFile.id)))


def refused_in(session: Session, root: str) -> list[tuple[str, str]]:
    """Give (place, why) of the files below this inbox that are refused, by place."""
    return [(met.place, met.refused) for met in met_in(session, root) if met.refused]


def taken_with_waiting_words(session: Session, root: str) -> list[bytes]:
    """Give the paths below this inbox at which a file was taken and words still wait."""
    waiting = exists().where(
        Detection.root == Sighting.root, Detection.path == Sighting.path, Detection.media_id.is_(None)
    )
    of_root = select(Sighting.path).where(Sighting.root == root, Sighting.state == State.TAKEN, waiting)
    return list(session.scalars(of_root.distinct().order_by(Sighting.path)))


@dataclass(frozen=True, slots=True)
class Uncut:
    """A picture with animals that are not cut out yet, and a file that has it; the boxes are fractions of it."""

    media_id: int
    sha256: str
    orientation: int
    path: bytes  # below the inbox
    signature: str
    boxes: tuple[tuple[int, Box], ...]  # by region


def uncut(session: Session, root: str, *, after: int, limit: int) -> list[Uncut]:
    """Give the next pictures below this inbox whose animals are to be cut out, by the id of the media.

    Where a picture is in no file that was taken from there, nothing can be cut out of it.
    """
    of = Detection
    waiting = select(of.media_id).where(of.root == root, of.category == Detected.ANIMAL, of.kept.is_(None))
    taken = exists().where(Sighting.media_id == of.media_id, Sighting.root == root, Sighting.state == State.TAKEN)
    some = waiting.where(of.media_id > after, taken).distinct().order_by(of.media_id).limit(limit).subquery()
    rows = session.execute(
        select(of.media_id, of.region, of.x, of.y, of.width, of.height, Media.sha256, Media.orientation)
        .join(some, of.media_id == some.c.media_id)
        .join(Media, of.media_id == Media.id)
        .where(of.category == Detected.ANIMAL, of.kept.is_(None))
        .order_by(of.media_id, of.region)
    ).all()
    files = _files(session, root, {row.media_id for row in rows}) if rows else {}
    return [
        Uncut(
            media_id=media_id,
            sha256=(boxes := list(each))[0].sha256,
            orientation=boxes[0].orientation,
            path=files[media_id][0],
            signature=files[media_id][1],
            boxes=tuple({box.region: (box.x, box.y, box.width, box.height) for box in boxes}.items()),
        )
        for media_id, each in groupby(rows, key=lambda row: row.media_id)
    ]


def _files(session: Session, root: str, media_ids: Iterable[int]) -> dict[int, tuple[bytes, str]]:
    of = Sighting
    rows = session.execute(
        select(of.media_id, of.path, of.signature, of.root, of.state)
        .where(of.media_id.in_(media_ids))  # and no more: a database may go through all files of the inbox instead
        .order_by(of.path.desc())
    )
    return {row.media_id: (row.path, row.signature) for row in rows if row.root == root and row.state is State.TAKEN}


def count_detected(session: Session) -> int:
    """Count the pictures that the files of results spoke of when each was last read, even if they have not come."""
    last = select(func.max(DetectionsFile.id)).where(DetectionsFile.signature != "").group_by(DetectionsFile.place)
    return session.scalar(select(func.sum(DetectionsFile.pictures)).where(DetectionsFile.id.in_(last))) or 0
