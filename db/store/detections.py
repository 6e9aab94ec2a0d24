"""What detectors saw, by the files that say so."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from db.models import Detection, DetectionsFile, Sighting
from db.store.parts import parts
from db.types import State


def detections_file(session: Session, file: DetectionsFile) -> int:
    """Record a file of detection results and give its id; that it was refused before is forgotten."""
    forget_refused_detections(session, [file.place])
    session.add(file)
    session.flush()
    return file.id


def detections_read(session: Session, file_id: int, signature: str) -> None:
    """Record that a file of detection results was read to its end, as it had this signature."""
    session.get_one(DetectionsFile, file_id).signature = signature


def forget_refused_detections(session: Session, places: Iterable[str]) -> None:
    """Forget the files of detection results that were refused at these places: they are gone, or others now.

    A note that one was being read goes with it.
    """
    for some in parts(places):
        session.execute(
            delete(DetectionsFile).where(DetectionsFile.place.in_(some), DetectionsFile.refused.is_not(None))
        )


def detected(
    session: Session, file_id: int, root: str, seen: Mapping[bytes, Sequence[Detection]], now: Mapping[bytes, str]
) -> list[int]:
    """Record what a file says of some pictures (path → detections) in place of what it said before; give the media.

    ``now`` has the signatures of the files that are at these paths. What was said of a content that has left its path
    since stays with that content. A word waits where the file now at the path was not taken as it is.
    """
    held = _held(session, root, now)
    known = _known_animals(session, held.values())
    place = select(DetectionsFile.place).where(DetectionsFile.id == file_id).scalar_subquery()
    of_place = Detection.file_id.in_(select(DetectionsFile.id).where(DetectionsFile.place == place))
    same = or_(Detection.media_id.is_(None), Detection.media_id.in_(held.values()))
    session.execute(delete(Detection).where(of_place, Detection.root == root, Detection.path.in_(seen), same))
    for path, detections in seen.items():
        for each in detections:
            each.file_id, each.root, each.path, each.media_id = file_id, root, path, held.get(path)
            each.kept, each.answered_by = known.get((each.media_id, each.region), (None, None))
            session.add(each)
    session.flush()
    return list(held.values())


def _known_animals(session: Session, media_ids: Iterable[int]) -> dict[tuple[int | None, int], tuple[Any, Any]]:
    """Give (media, region) → what was kept and answered of it."""
    of = Detection
    known = of.kept.is_not(None) | of.answered_by.is_not(None)
    cut = select(of.media_id, of.region, of.kept, of.answered_by).where(of.media_id.in_(media_ids), known)
    return {(media_id, region): (kept, answered) for media_id, region, kept, answered in session.execute(cut)}


def give_waiting_words(session: Session, root: str, now: Mapping[bytes, str]) -> list[int]:
    """Give the words that wait for these files (path → signature now) to what was taken from them; give the media.

    ``take`` does so when a file comes; this is for one that was away for a moment and came back.
    """
    held = _held(session, root, now)
    for path, media_id in held.items():
        give_words(session, root, path, media_id)
    return list(held.values())


def give_words(session: Session, root: str, path: bytes, media_id: int) -> None:
    """Give the words that wait for this file to what was taken from it."""
    waiting = (Detection.root == root, Detection.path == path, Detection.media_id.is_(None))
    session.execute(update(Detection).where(*waiting).values(media_id=media_id))


def _held(session: Session, root: str, now: Mapping[bytes, str]) -> dict[bytes, int]:
    """Give path → media of the files that were taken as they are now; of one to be tried again nothing is known."""
    rows = session.execute(
        select(Sighting.path, Sighting.media_id, Sighting.signature)
        .where(Sighting.root == root, Sighting.path.in_(now), Sighting.state.in_([State.TAKEN, State.MISSING]))
        .order_by(Sighting.generation)
    )
    return {path: media_id for path, media_id, signed in rows if media_id is not None and signed == now[path]}


def cut_out(session: Session, media_id: int, kept: Mapping[int, str | None]) -> None:
    """Record what is kept (region → path below the data folder) of the animals in a picture."""
    for region, path in kept.items():
        animal = (Detection.media_id == media_id, Detection.region == region)
        session.execute(update(Detection).where(*animal).values(kept=path))
