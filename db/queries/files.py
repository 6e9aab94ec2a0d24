"""What the intake asks about files and about the pictures that may be alike."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from db.models import Inbox, Link, Media, Sighting
from db.observe import first_sightings
from db.store import ANY_SHARE
from db.types import State

SPANS = 100  # of time a statement


class Known(NamedTuple):
    """What the ledger knows of the file at a path. A tuple, since a look at an inbox makes as many as it has files."""

    path: bytes
    id: int
    signature: str
    share: str
    is_missing: bool
    is_whole: bool  # its content was taken, and nothing was in the way since
    is_due: bool  # to be tried again by now


def known_in(session: Session, root: str, folder: bytes, *, share: str, now: datetime) -> dict[bytes, Known]:
    """Give what is known of the files in one folder below ``root`` (not of those in folders below it), by path.

    Where a path has held files of several shares, it is that of ``share``.
    """
    rows = session.execute(
        select(
            Sighting.path,
            Sighting.id,
            Sighting.signature,
            Sighting.share,
            (Sighting.state == State.MISSING),
            (Sighting.media_id.is_not(None) & Sighting.code.is_(None)),
            ((Sighting.state == State.RETRY) & (Sighting.retry_at <= now)),
        )
        .where(Sighting.root == root, Sighting.folder == folder, Sighting.state != State.SUPERSEDED)
        .order_by(Sighting.share == share, Sighting.generation)  # of two at one path the later is kept
    )
    return {row[0]: Known._make(row) for row in rows}


def known_folders(session: Session, root: str) -> set[bytes]:
    """Give the folders below ``root`` in which files were ever seen."""
    return set(session.scalars(select(Sighting.folder).where(Sighting.root == root).distinct()))


def has_files(session: Session, root: str) -> bool:
    """Tell whether files were below ``root`` at the last look."""
    return session.scalar(select(Sighting.id).where(Sighting.root == root, _present()).limit(1)) is not None


def elsewhere(session: Session, root: str, shares: Iterable[str]) -> int:
    """Count the files that were last seen below ``root`` when other shares than these were mounted there."""
    other = Sighting.share.not_in([*shares, ANY_SHARE])
    there = select(func.count()).select_from(Sighting)
    return session.scalar(there.where(Sighting.root == root, other, _present())) or 0


def retries(session: Session, root: str, *, after: datetime, until: datetime) -> tuple[list[bytes], datetime | None]:
    """Give the folders of files below ``root`` whose time to be tried again lies in this span, and the next time."""
    waiting = (Sighting.state == State.RETRY) & (Sighting.root == root)
    due = select(Sighting.folder).where(waiting, Sighting.retry_at > after, Sighting.retry_at <= until).distinct()
    following = session.scalar(select(func.min(Sighting.retry_at)).where(waiting, Sighting.retry_at > until))
    return list(session.scalars(due)), following


def _present() -> ColumnElement[bool]:
    return Sighting.state.not_in([State.MISSING, State.SUPERSEDED])


def media_with_pictures_of(session: Session, media_ids: Iterable[int]) -> list[Media]:
    """Give these media and all that share a picture hash with one of them."""
    hashes = select(Media.picture_hash).where(Media.id.in_(list(media_ids)))
    return list(session.scalars(select(Media).where(Media.picture_hash.in_(hashes))))


def media_of_seconds(session: Session, seconds: Iterable[datetime]) -> list[Media]:
    """Give the media with a sure capture time in one of these seconds of their camera's clock, of any deployment."""
    found: list[Media] = []
    left = iter(seconds)
    while some := list(islice(left, SPANS)):
        spans = [(Media.camera_time >= at) & (Media.camera_time < at + timedelta(seconds=1)) for at in some]
        found += session.scalars(select(Media).where(or_(*spans), Media.time_status == "ok"))
    return found


def deployments_of(session: Session, media_ids: Iterable[int]) -> dict[int, int | None]:
    """Give media id → deployment id."""
    return {media_id: s.deployment_id for media_id, s in first_sightings(session, media_ids).items()}


def linked_media(session: Session, media_ids: Iterable[int]) -> set[int]:
    """Give these media and those they are linked with."""
    ids = list(media_ids)
    links = session.scalars(select(Link).where(or_(Link.media_id.in_(ids), Link.canonical_id.in_(ids))))
    return set(ids).union(*((link.media_id, link.canonical_id) for link in links))


def stations_digest(session: Session, root: str) -> str | None:
    """Give what ``store.remember_stations`` recorded."""
    return session.scalar(select(Inbox.stations_digest).where(Inbox.root == root))


def media_below(session: Session, root: str) -> list[int]:
    """Give the media that were ever seen below ``root``."""
    ids = session.scalars(select(Sighting.media_id).where(Sighting.root == root).distinct())
    return [media_id for media_id in ids if media_id is not None]


def sightings_of(session: Session, root: str, media_ids: Iterable[int]) -> list[tuple[Sighting, Media]]:
    """Give the sightings below ``root`` of these media, each with its media."""
    rows = session.execute(
        select(Sighting, Media)
        .join(Media, Sighting.media_id == Media.id)
        .where(Sighting.root == root, Media.id.in_(list(media_ids)))
    )
    return [(sighting, media) for sighting, media in rows]
