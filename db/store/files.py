"""Files that were seen, and what became of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.models import Deployment, Media, Observation, Sighting
from db.store.detections import give_words
from db.store.parts import parts
from db.types import State, printable

FIRST_RETRY = timedelta(seconds=2)
LAST_RETRY = timedelta(minutes=10)
ANY_SHARE = ""  # of files that were seen before shares were told apart


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as a scan found it."""

    root: str
    path: bytes  # below the root
    signature: str  # what changes when the file does, and not when its share is mounted anew
    file_time: datetime
    station: str
    share: str = ANY_SHARE  # what it lies on
    device: int = 0

    @property
    def folder(self) -> bytes:
        """The folder that holds it, below the root; empty: the root itself."""
        return self.path.rpartition(b"/")[0]


def take(session: Session, file: SeenFile, media: Media, deployment_id: int | None, *, now: datetime) -> Media:
    """Record a file whose content could be read; give the media row of that content, new or known."""
    known = session.scalar(select(Media).where(Media.sha256 == media.sha256))
    if known is None:
        session.add(media)
        session.flush()
        known = media
    known.kept = media.kept  # as it has just been written, perhaps in another size than before
    sighting = _holding(session, file, media_id=known.id, now=now)
    _note(sighting, file, State.TAKEN)
    sighting.attempts = 0
    sighting.media_id = known.id
    sighting.deployment_id = deployment_id
    give_words(session, file.root, file.path, known.id)
    session.flush()
    return known


def reject(session: Session, file: SeenFile, *, code: str, reason: str, now: datetime) -> None:
    """Record that the file is at fault; it is left alone until it changes."""
    sighting = _holding(session, file, media_id=None, now=now)
    if sighting.state is not State.REJECTED:
        sighting.seen_at = now  # reports name the files that were rejected since the last one
    _note(sighting, file, State.REJECTED, code, reason)
    sighting.attempts = 0


def postpone(session: Session, file: SeenFile, *, code: str, reason: str, now: datetime) -> None:
    """Record that the system is at fault; the file is tried again after 2 s, 4 s … 10 min, for ever.

    What the path holds is not known yet, so a content that was taken from it stays with it.
    """
    sighting = _last(session, file) or _added(session, file, now=now)
    _note(sighting, file, State.RETRY, code, reason)
    sighting.retry_at = now + min(FIRST_RETRY * 2 ** min(sighting.attempts, 16), LAST_RETRY)
    sighting.attempts += 1
    _mark_stale(session, [sighting.media_id])


def mark_missing(session: Session, sighting_ids: Iterable[int], *, now: datetime) -> None:
    """Record that these files are gone."""
    for some in parts(sighting_ids):
        sightings = session.scalars(select(Sighting).where(Sighting.id.in_(some))).all()
        for sighting in sightings:
            sighting.state, sighting.missing_since, sighting.retry_at = State.MISSING, now, None
        _mark_stale(session, [sighting.media_id for sighting in sightings])


def found_again(session: Session, sighting_ids: Iterable[int]) -> None:
    """Record that these files, whose content had been taken, are back as they were."""
    for some in parts(sighting_ids):
        sightings = session.scalars(select(Sighting).where(Sighting.id.in_(some))).all()
        for sighting in sightings:
            sighting.state, sighting.missing_since = State.TAKEN, None
        _mark_stale(session, [sighting.media_id for sighting in sightings])


def move_to_share(session: Session, sighting_ids: Iterable[int], share: str) -> None:
    """Record that these files, as they were, lie on this share now."""
    for some in parts(sighting_ids):
        session.execute(update(Sighting).where(Sighting.id.in_(some)).values(share=share))


def _holding(session: Session, file: SeenFile, *, media_id: int | None, now: datetime) -> Sighting:
    """Give the row of this file: the last one where it holds the same content (or held none), else a new generation."""
    last = _last(session, file)
    if last is None:
        return _added(session, file, now=now)
    if last.media_id in {None, media_id}:
        return last
    last.state, last.retry_at = State.SUPERSEDED, None
    _mark_stale(session, [last.media_id])
    return _added(session, file, now=now)


def _last(session: Session, file: SeenFile) -> Sighting | None:
    """Give the newest row of the path; what it held on another share is another file's."""
    rows = select(Sighting).where(Sighting.root == file.root, Sighting.path == file.path)
    here = rows if file.share == ANY_SHARE else rows.where(Sighting.share.in_([file.share, ANY_SHARE]))
    return session.scalar(here.order_by(Sighting.generation.desc()).limit(1))


def _added(session: Session, file: SeenFile, *, now: datetime) -> Sighting:
    held = select(func.max(Sighting.generation)).where(Sighting.root == file.root, Sighting.path == file.path)
    generation = (session.scalar(held) or 0) + 1
    sighting = Sighting(
        root=file.root, folder=file.folder, path=file.path, generation=generation, attempts=0, seen_at=now
    )
    session.add(sighting)
    return sighting


def _note(sighting: Sighting, file: SeenFile, state: State, code: str | None = None, reason: str | None = None) -> None:
    sighting.path_text, sighting.signature = printable(file.path), file.signature
    sighting.file_time, sighting.station, sighting.share = file.file_time, file.station, file.share
    sighting.state, sighting.code, sighting.reason = state, code, reason
    sighting.retry_at = sighting.missing_since = None


def _mark_stale(session: Session, media_ids: Iterable[int | None]) -> None:
    """Say that these observations must be derived anew: the media's first sighting may be another now."""
    session.flush()
    session.execute(update(Observation).where(Observation.media_id.in_(list(media_ids))).values(stale=True))


def deployment(session: Session, wanted: Deployment) -> int:
    """Give the id of the deployment with this key, made or brought up to date from ``wanted``."""
    known = session.scalar(select(Deployment).where(Deployment.key == wanted.key))
    if known is not None:
        wanted.id = known.id
    merged = session.merge(wanted)
    session.flush()
    return merged.id
