"""Files of detection results: which were read, and which are refused."""

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from db.models import Detection, DetectionsFile, Sighting
from db.types import State


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


def count_detected(session: Session) -> int:
    """Count the pictures that the files of results spoke of when each was last read, even if they have not come."""
    last = select(func.max(DetectionsFile.id)).where(DetectionsFile.signature != "").group_by(DetectionsFile.place)
    return session.scalar(select(func.sum(DetectionsFile.pictures)).where(DetectionsFile.id.in_(last))) or 0
