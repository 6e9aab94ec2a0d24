"""The lookout: what is worth reading now. Scans decide; events only say where to scan first."""

import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest

from db import store
from db.engine import Ledger
from db.queries.files import Known, elsewhere, has_files, known_folders, known_in, retries
from db.store import ANY_SHARE, SeenFile
from watcher.inbox.scan import Folder, Listing, is_ignored, seen, signature, walk
from watcher.inbox.settle import Rest, Settled, Settler
from watcher.inbox.share import share_of

log = logging.getLogger(__name__)

_EVER = datetime.min.replace(tzinfo=UTC)
TURN = 500  # files read between two looks, so that one full card does not keep the other stations waiting


@dataclass(slots=True)
class Root:
    """What is known of an inbox since the last full look at it."""

    share: str | None = None  # None: not looked at yet
    away: str = ""  # why it cannot be read, or why it is not believed
    earlier: int = 0  # files of other shares that were mounted here before
    folders: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)  # folder → why
    looking_since: datetime | None = None  # None: no look is under way
    looked_at: datetime | None = None
    gone: set[int] = field(default_factory=set)  # sightings that this look did not find


@dataclass(slots=True)
class Lookout:
    """Looks at one inbox and remembers which files have not come to rest.

    After a look, ``restless`` holds the folders with files that have not settled, ``crowded`` those with files that
    have and must wait for the next turn. Where ``patient``, files have to settle, a file is called missing when two
    full looks miss it, a turn is short, and what failed is tried again when its time has come; else all is done now.
    """

    ledger: Ledger
    folder: Folder
    settler: Settler
    patient: bool = True
    root: Root = field(default_factory=Root)
    restless: set[bytes] = field(default_factory=set)
    crowded: set[bytes] = field(default_factory=set)
    _asked: datetime = _EVER

    def look_through(self, now: float) -> list[Settled]:
        """Look at all of it (``now``: monotonic seconds); give the files to be read now, the stations in turn."""
        look = _Look(now)
        self.root.looking_since = datetime.now(UTC)
        try:
            share = share_of(self.folder.root)
            for listing in walk(self.folder):
                self._sift(look, listing)
            if share_of(self.folder.root) != share:
                return self._away("something else is being mounted there")
            if not look.found and not look.unreadable and self._had_files():
                return self._away("it is empty, and was not")
            self._find_lost_folders(look)
        except OSError as error:
            return self._away(error.strerror or str(error))
        finally:
            self.root.looking_since = None
        self._note(share, look)
        self.settler.drop_unseen(now)
        return self._in_turns(look)

    def look_at(self, places: dict[bytes, bool], now: float) -> list[Settled]:
        """Look at these folders (with all below them, where so marked), as far as they lie below a root that is there.

        What is missing in them, a full look decides.
        """
        look, root = _Look(now), os.fsencode(self.folder.root)
        if self.root.share is None or self.root.away:
            return []
        for place, deep in places.items():
            if place != root and not place.startswith(root + b"/"):
                continue
            try:
                for listing in walk(self.folder, place[len(root) :].strip(b"/"), deep=deep):
                    self._sift(look, listing)
            except OSError:
                continue  # gone again
        self._write(look, [])
        return self._in_turns(look)

    def again(self, now: datetime) -> tuple[set[bytes], datetime | None]:
        """Give the folders with a file whose time to be tried again has come since this was asked, and the next time.

        While the root is away there is nothing to be tried.
        """
        if self.root.away:
            return set(), None
        with self.ledger.read() as session:
            due, following = retries(session, str(self.folder.root), after=self._asked, until=now)
        self._asked = now
        return {self._place(inside) for inside in due}, following

    def _sift(self, look: "_Look", listing: Listing) -> None:
        """Compare a listed folder with the ledger."""
        if listing.error is not None:
            look.unreadable[listing.folder] = listing.error.strerror or str(listing.error)
            return
        look.walked[listing.folder] = listing.share
        known = self._known(listing.folder, listing.share)
        before = listing.folder + b"/" if listing.folder else b""
        for entry in listing.files:
            path = before + entry.name
            row = known.pop(path, None)
            try:
                stat = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # gone since it was listed, or the share blinked: of this file nothing is known
            if row is not None and look.is_as_it_was(row, signature(stat), listing.share):
                look.found = True
            elif not is_ignored(entry.name):
                look.found = True
                self._consider(look, seen(self.folder, path, stat, listing.share))
        look.miss(known.values(), listing.share)

    def _known(self, inside: bytes, share: str) -> dict[bytes, Known]:
        due_by = datetime.now(UTC) if self.patient else datetime.max.replace(tzinfo=UTC)
        with self.ledger.read() as session:
            return known_in(session, str(self.folder.root), inside, share=share, now=due_by)

    def _consider(self, look: "_Look", file: SeenFile) -> None:
        rest = self.settler.look(file, look.time) if self.patient else Rest.FINAL
        if rest is Rest.MOVING:
            self.restless.add(self._place(file.folder))
        elif rest is not Rest.UNFINISHED:
            queue = look.stations[file.station]
            if self.patient and len(queue) >= TURN:
                self.crowded.add(self._place(file.folder))
            else:
                queue.append(Settled(file, rest is Rest.FINAL))

    def _in_turns(self, look: "_Look") -> list[Settled]:
        waiting = [each for turn in zip_longest(*look.stations.values()) for each in turn if each is not None]
        if not self.patient:
            return waiting
        self.crowded |= {self._place(each.file.folder) for each in waiting[TURN:]}
        return waiting[:TURN]

    def _had_files(self) -> bool:
        with self.ledger.read() as session:
            return has_files(session, str(self.folder.root))

    def _find_lost_folders(self, look: "_Look") -> None:
        """Miss the files in folders that are known and were not there to be listed."""
        hidden = tuple(path + b"/" for path in look.unreadable)
        with self.ledger.read() as session:
            lost = known_folders(session, str(self.folder.root)) - look.walked.keys() - look.unreadable.keys()
        for inside in lost:
            if not inside.startswith(hidden):
                share = look.share_above(inside)
                look.miss(self._known(inside, share).values(), share)

    def _note(self, share: str, look: "_Look") -> None:
        """Remember what a full look says, and record it."""
        root = self.root
        self._write(look, look.gone & root.gone if self.patient else look.gone)
        shares = set(look.walked.values())
        with self.ledger.read() as session:
            earlier = elsewhere(session, str(self.folder.root), shares)
        if root.away:
            log.info("%s is back", self.folder.root)
        if earlier > root.earlier:
            log.warning("%s holds another share than before: its %d files stay", self.folder.root, earlier)
        unreadable = {os.fsdecode(path): why for path, why in look.unreadable.items()}
        for path in unreadable.keys() - root.unreadable.keys():
            log.warning("%s/%s is left out for now: %s", self.folder.root, path, unreadable[path])
        root.share, root.away, root.earlier, root.gone = share, "", earlier, look.gone
        root.folders, root.unreadable, root.looked_at = len(look.walked), unreadable, datetime.now(UTC)

    def _write(self, look: "_Look", missing: Iterable[int]) -> None:
        missing = list(missing)
        if missing or look.back or look.moved:
            with self.ledger.write() as session:
                store.mark_missing(session, missing, now=datetime.now(UTC))
                store.found_again(session, look.back)
                for share, ids in look.moved.items():
                    store.move_to_share(session, ids, share)

    def _away(self, why: str) -> list[Settled]:
        if not self.root.away:
            log.warning("%s is offline (%s): its files stay as they are in the ledger", self.folder.root, why)
        self.root.away = why
        self.root.gone.clear()
        return []

    def _place(self, inside: bytes) -> bytes:
        root = os.fsencode(self.folder.root)
        return os.path.join(root, inside) if inside else root  # noqa: PTH118  # bytes, which pathlib has not


@dataclass(slots=True)
class _Look:
    """What one look has found so far."""

    now: float
    begun: float = field(default_factory=time.monotonic)
    found: bool = False
    walked: dict[bytes, str] = field(default_factory=dict)  # folder → share
    unreadable: dict[bytes, str] = field(default_factory=dict)
    stations: defaultdict[str, list[Settled]] = field(default_factory=lambda: defaultdict(list))
    gone: set[int] = field(default_factory=set)
    back: list[int] = field(default_factory=list)  # missing, and there again as they were
    moved: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # share → as they were, on it

    @property
    def time(self) -> float:
        """The moment of the look, which on a slow share may take minutes."""
        return self.now + time.monotonic() - self.begun

    def is_as_it_was(self, row: Known, signed: str, share: str) -> bool:
        if row.signature != signed or row.is_due or (row.is_missing and not row.is_whole):
            return False
        if row.is_missing:
            self.back.append(row.id)
        if row.share != share:
            self.moved[share].append(row.id)
        return True

    def miss(self, rows: Iterable[Known], share: str) -> None:
        self.gone.update(row.id for row in rows if row.share in {share, ANY_SHARE} and not row.is_missing)

    def share_above(self, inside: bytes) -> str:
        """Give the share of the nearest folder above that was there."""
        while inside not in self.walked and inside:
            inside = inside.rpartition(b"/")[0]
        return self.walked.get(inside, "")
