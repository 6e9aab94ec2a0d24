"""One settled file → the ledger: its sighting, its media, the links to pictures like it.

Files are read by spawned workers ahead of the ledger; a few results at a time are committed in one transaction.
"""

import hashlib
import logging
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool
from sqlalchemy.orm import Session

from db import store
from db.engine import Ledger
from db.models import Deployment, Media
from db.observe import refresh
from db.queries.files import (
    deployments_of,
    linked_media,
    media_below,
    media_of_seconds,
    media_with_pictures_of,
    sightings_of,
    stations_digest,
)
from db.queries.pending import stale
from db.redlist import RedList
from db.store import SeenFile
from db.types import LinkKind
from ml.images import Facts, Link, Picture, reexport_links, same_picture_links
from watcher.inbox.scan import folders_of
from watcher.inbox.settle import Settled
from watcher.prepare import Gone, Moved, Prepared, Refused, prepare
from watcher.stations import Captured, Listed, deployment_of

log = logging.getLogger(__name__)

COMMIT_FILES = 32
COMMIT_SECONDS = 1.0
DECODE_SECONDS = 120.0
ASSIGNED = 200  # media a transaction, when stations.csv has changed
AHEAD = 4  # files a worker that may wait for the ledger

DEATHS = 3  # of its worker, until a file is called the cause

Outcome = Prepared | Refused | Moved | Gone | Exception
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read, and what came of it."""

    file: SeenFile
    outcome: Outcome
    final: bool

    @property
    def says_nothing(self) -> bool:
        """Whether it says nothing of the file: that is gone, or ended too early or changed, and more may come."""
        match self.outcome:
            case Gone():
                return True
            case Moved() | Refused(incomplete=True):
                return not self.final
        return False


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes files into the ledger. ``listed`` gives the rows of the root's ``stations.csv``."""

    ledger: Ledger
    redlist: RedList
    pool: ProcessPool
    workers: int
    data_dir: Path
    kept_size: int
    max_pixels: int
    listed: Callable[[str], tuple[Listed, ...]]

    def take(self, files: Iterable[Settled]) -> Iterator[list[Read]]:
        """Read the files and commit them; yield what was read, transaction by transaction.

        Consuming it slowly holds the reading back: no more than a few files a worker are under way.
        """
        batch: list[Read] = []
        since = time.monotonic()
        for read in self._read_ahead(iter(files)):
            batch.append(read)
            if len(batch) >= COMMIT_FILES or time.monotonic() - since > COMMIT_SECONDS:
                yield self._commit(batch)
                batch, since = [], time.monotonic()
        if batch:
            yield self._commit(batch)

    def _read_ahead(self, files: Iterator[Settled]) -> Iterator[Read]:
        under_way: deque[tuple[Settled, ProcessFuture[Outcome]]] = deque()
        for settled in islice(files, self.workers * AHEAD):
            under_way.append((settled, self._submit(settled)))
        while under_way:
            settled, future = under_way.popleft()
            yield Read(settled.file, self._outcome(settled, future), settled.final)
            for following in islice(files, 1):
                under_way.append((following, self._submit(following)))

    def _outcome(self, settled: Settled, future: ProcessFuture[Outcome]) -> Outcome:
        """Wait for a file. One whose worker died is read again: whoever ended that may not have meant the file."""
        for _ in range(DEATHS - 1):
            with suppress(ProcessExpired):
                return result_of(future)
            future = self._submit(settled)
        try:
            return result_of(future)
        except ProcessExpired:
            reason = "the decoder dies of this file: open and save it with another program"
            return Refused("decoder_died", reason, incomplete=False)

    def _submit(self, settled: Settled) -> ProcessFuture[Outcome]:
        file = settled.file
        path = os.path.join(os.fsencode(file.root), file.path)  # noqa: PTH118  # bytes, which pathlib has not
        arguments = [path, file.signature, str(self.data_dir), self.kept_size, self.max_pixels, settled.final]
        return self.pool.schedule(prepare, args=arguments, timeout=DECODE_SECONDS)

    def _commit(self, batch: list[Read]) -> list[Read]:
        taken: list[int] = []
        if all(read.says_nothing for read in batch):
            return batch
        with self.ledger.write() as session:
            now = datetime.now(UTC)  # once the lock is held: a report must not fall between the time and the commit
            for read in batch:
                if read.says_nothing:
                    continue
                match read.outcome:
                    case Prepared():
                        taken.append(self._record(session, read.file, read.outcome, now))
                    case Refused():
                        store.reject(session, read.file, code=read.outcome.code, reason=read.outcome.reason, now=now)
                    case Exception() as error:
                        code = type(error).__name__
                        reason = getattr(error, "strerror", None) or str(error) or code
                        store.postpone(session, read.file, code=code, reason=reason, now=now)
                    case Moved():
                        reason = "the file is still being written"
                        store.postpone(session, read.file, code="moving", reason=reason, now=now)
            settle_links(session, taken, self.redlist)
        return batch

    def _record(self, session: Session, file: SeenFile, prepared: Prepared, now: datetime) -> int:
        media = _media(prepared.picture, prepared.kept, now)
        wanted = _deployment(self.listed(file.root), file.station, file.path, media)
        return store.take(session, file, media, store.deployment(session, wanted), now=now).id


@contextmanager
def decode_pool(workers: int) -> Iterator[ProcessPool]:
    """Start the workers that read files; a worker that dies takes only its own file with it."""
    with ProcessPool(max_workers=workers, context=get_context("spawn")) as pool:
        yield pool
        # what is still queued belongs to nobody now
        pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it out


def settle_links(session: Session, media_ids: Iterable[int], redlist: RedList) -> None:
    """Compute the links anew of every group that these media stand in, then their observations."""
    touched = linked_media(session, media_ids)
    alike = media_with_pictures_of(session, touched)
    # of every deployment: the picture may have left one of them
    together = media_of_seconds(session, {at for media in alike if media.id in touched and (at := _second(media))})
    deployments = deployments_of(session, {media.id for media in (*alike, *together)})
    moments: defaultdict[object, list[Media]] = defaultdict(list)
    for media in together:
        moments[_second(media), deployments[media.id]].append(media)
    _relink(session, LinkKind.SAME_PICTURE, [alike], deployments, same_picture_links)
    _relink(session, LinkKind.REEXPORT, moments.values(), deployments, reexport_links)
    refresh(session, deployments, redlist)


def derive_stale(ledger: Ledger, redlist: RedList) -> None:
    """Derive anew, in short transactions, whatever a changed Red List, table or path has made stale."""
    with ledger.write() as session:
        store.mark_redlist_stale(session, redlist.version)
    while True:
        with ledger.write() as session:
            if not (media_ids := stale(session, ASSIGNED)):
                return
            settle_links(session, media_ids, redlist)


def assign_deployments(ledger: Ledger, root: str, listed: tuple[Listed, ...], redlist: RedList) -> None:
    """Bring the deployments of all files below ``root`` up to date with its ``stations.csv``, if that has changed.

    The table counts as applied when all of it is: a run that is cut off is done again.
    """
    digest = hashlib.sha256(repr(listed).encode()).hexdigest()
    with ledger.read() as session:
        if stations_digest(session, root) == digest:
            return
        media_ids = media_below(session, root)
    with ledger.write() as session:
        for row in listed:
            store.deployment(session, row.deployment())
        store.mark_root_stale(session, root)
    for start in range(0, len(media_ids), ASSIGNED):
        with ledger.write() as session:
            some = media_ids[start : start + ASSIGNED]
            for sighting, media in sightings_of(session, root, some):
                wanted = _deployment(listed, sighting.station, sighting.path, media)
                sighting.deployment_id = store.deployment(session, wanted)
            session.flush()
            settle_links(session, some, redlist)
    with ledger.write() as session:
        store.remember_stations(session, root, digest)


def _second(media: Media) -> datetime | None:
    at = _sure_time(media)
    return at and at.replace(microsecond=0)


def _relink(
    session: Session,
    kind: LinkKind,
    groups: Iterable[list[Media]],
    deployments: Mapping[int, int | None],
    rule: Callable[[Iterable[Facts]], list[Link]],
) -> None:
    ids: dict[str, int] = {}
    links: list[Link] = []
    for group in groups:
        ids |= {media.sha256: media.id for media in group}
        links += rule([_facts(media, deployments[media.id]) for media in group])
    store.relink(session, kind, ids.values(), {ids[link.sha256]: ids[link.canonical] for link in links})


def _deployment(listed: tuple[Listed, ...], station: str, path: bytes, media: Media) -> Deployment:
    is_sure, at = media.time_status == "ok", media.camera_time
    captured = Captured(at, media.camera_offset, is_sure, media.received_at) if at else None
    return deployment_of(listed, station=station, folders=folders_of(path), captured=captured, serial=media.serial)


def _facts(media: Media, deployment_id: int | None) -> Facts:
    return Facts(
        sha256=media.sha256,
        picture_hash=media.picture_hash,
        orientation=media.orientation,
        phash=media.phash,
        flat=media.flat,
        width=media.width,
        height=media.height,
        encoding=media.encoding,
        captured_at=_sure_time(media),
        deployment=deployment_id,
    )


def _sure_time(media: Media) -> datetime | None:
    return media.camera_time if media.time_status == "ok" else None


def result_of(future: ProcessFuture[_Result]) -> _Result | Exception:
    """Wait for what a worker makes of one file, and give what went wrong with it; raises if the worker died."""
    try:
        return future.result()
    except ProcessExpired:
        raise
    except TimeoutError as error:
        if error.errno is not None:
            return error  # the share's
        return TimeoutError(f"reading it took more than {DECODE_SECONDS:.0f} s")
    except Exception as error:  # noqa: BLE001  # whatever one file does, the others go on, and it is tried again
        return error


def _media(picture: Picture, kept: str, now: datetime) -> Media:
    return Media(
        sha256=picture.sha256,
        picture_hash=picture.picture_hash,
        phash=picture.phash,
        flat=picture.flat,
        format=picture.format,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
        bytes=picture.bytes,
        encoding=picture.encoding,
        integrity=picture.integrity,
        camera_time=picture.captured.at,
        camera_time_raw=picture.captured.raw,
        camera_offset=picture.captured.offset_minutes,
        time_status=picture.captured.status,
        time_source=picture.captured.source,
        make=picture.camera.make,
        camera_model=picture.camera.model,
        serial=picture.camera.serial,
        exif=picture.exif,
        kept=kept,
        brightness=picture.brightness,
        infrared=picture.infrared,
        received_at=now,
    )
