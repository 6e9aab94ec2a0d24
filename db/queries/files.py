"""What the intake asks about files and about the pictures that may be alike."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from db.models import Inbox, Link, Media, Sighting
from db.observe import first_sightings
from db.store import SeenFile
from db.types import State

LOOKED_UP = 500  # files a query


def unknown(session: Session, files: Iterable[SeenFile], *, now: datetime) -> Iterator[SeenFile]:
    """Yield the files that need a look: new, changed, or to be tried again now.

    A known file costs one look-up in an index; however many files come, few are held at once.
    """
    files = iter(files)
    while some := list(islice(files, LOOKED_UP)):
        settled = _settled_signatures(session, some, now=now)
        yield from (file for file in some if settled.get((file.root, file.path)) != file.signature)


def _settled_signatures(session: Session, files: list[SeenFile], *, now: datetime) -> dict[tuple[str, bytes], str]:
    rows = session.execute(
        select(Sighting.root, Sighting.path, Sighting.signature, Sighting.state, Sighting.retry_at).where(
            Sighting.root.in_({file.root for file in files}),
            Sighting.path.in_([file.path for file in files]),
            Sighting.state.in_([State.TAKEN, State.REJECTED, State.RETRY]),
        )
    )
    return {
        (root, path): signature
        for root, path, signature, state, retry_at in rows
        if state is not State.RETRY or (retry_at is not None and retry_at > now)
    }


def present(session: Session, root: str) -> dict[bytes, int]:
    """Give path → sighting id of the files that were below ``root`` at the last look."""
    rows = session.execute(
        select(Sighting.path, Sighting.id).where(
            Sighting.root == root, Sighting.state.not_in([State.MISSING, State.SUPERSEDED])
        )
    )
    return {path: sighting_id for path, sighting_id in rows}  # noqa: C416  # a Row is no tuple to the type checker


def retries(session: Session, now: datetime) -> tuple[list[tuple[str, bytes]], datetime | None]:
    """Give (root, path) of the files that are to be tried again by ``now``, and the time of the one after them."""
    waiting = select(Sighting).where(Sighting.state == State.RETRY)
    due = session.scalars(waiting.where(Sighting.retry_at <= now))
    following = session.scalar(
        select(func.min(Sighting.retry_at)).where(Sighting.state == State.RETRY, Sighting.retry_at > now)
    )
    return [(sighting.root, sighting.path) for sighting in due], following


def media_with_picture(session: Session, picture_hash: str) -> list[Media]:
    """Give all media with this picture hash."""
    return list(session.scalars(select(Media).where(Media.picture_hash == picture_hash)))


def media_of_second(session: Session, second: datetime) -> list[list[Media]]:
    """Give the media with a sure capture time in this second of their camera's clock, a list for each deployment."""
    rows = session.scalars(
        select(Media).where(
            Media.camera_time >= second, Media.camera_time < second + timedelta(seconds=1), Media.time_status == "ok"
        )
    ).all()
    deployments = deployments_of(session, [media.id for media in rows])
    groups: defaultdict[int | None, list[Media]] = defaultdict(list)
    for media in rows:
        groups[deployments[media.id]].append(media)
    return list(groups.values())


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
