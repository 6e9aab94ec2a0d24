"""The lookout: what is worth reading now. Scans decide; events only say where to scan first."""

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, zip_longest

from sqlalchemy.orm import Session

from db import store
from db.engine import Ledger
from db.queries.files import Known, elsewhere, has_files, known_folders, known_in, retries
from db.store import SeenFile
from watcher.inbox.scan import Folder, Listing, is_ignored, seen, signature, walk
from watcher.inbox.settle import Rest, Settled, Settler
from watcher.inbox.share import share_of

log = logging.getLogger(__name__)

TURN = 500  # files read between two looks, so that one full card does not keep the other stations waiting


@dataclass(slots=True)
class Root:
    """What is known of an inbox since the last full look at it."""

    share: str | None = None  # None: not looked at yet
    away: str = ""  # why it cannot be read, or why it is not believed
    earlier: int = 0  # files of another share that was mounted here before
    folders: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)  # folder → why
    looked_at: datetime | None = None
    gone: set[int] = field(default_factory=set)  # sightings that this look did not find


@dataclass(slots=True)
class Lookout:
    """Looks at the roots and remembers which files have not come to rest.

    After a look, ``restless`` holds the folders with files that have not settled, ``crowded`` those with files that
    have and must wait for the next turn. Where ``patient``, a file is called missing when two full looks miss it, a
    turn is short, and what failed is tried again when its time has come; else all is done now.
    """

    ledger: Ledger
    folders: list[Folder]
    settler: Settler
    patient: bool = True
    roots: dict[str, Root] = field(default_factory=lambda: defaultdict(Root))
    restless: set[bytes] = field(default_factory=set)
    crowded: set[bytes] = field(default_factory=set)

    def look_everywhere(self, now: float) -> Iterator[Settled]:
        """Look at every root in full (``now``: monotonic seconds)."""
        for folder in self.folders:
            yield from self.look_through(folder, now)

    def look_through(self, folder: Folder, now: float) -> list[Settled]:
        """Look at all of a root; give the files to be read now, the stations in turn."""
        root = self.roots[str(folder.root)]
        look = _Look(folder, "", now)
        try:
            look.share = share_of(folder.root)
            with self.ledger.read() as session:
                for listing in walk(folder):
                    self._sift(session, look, listing)
                is_steady = share_of(folder.root) == look.share
                is_emptied = not look.found and has_files(session, str(folder.root))
                if look.share != root.share or root.earlier:
                    root.earlier = elsewhere(session, str(folder.root), look.share) - len(look.moved)
                look.gone |= self._in_lost_folders(session, look)
        except OSError as error:
            self._away(folder, error.strerror or str(error))
            return []
        if is_emptied or not is_steady:
            self._away(folder, "it is empty, and was not" if is_steady else "something else is being mounted there")
            return []
        self._note(root, look)
        self.settler.drop_unseen(str(folder.root), now)
        return self._in_turns(look)

    def look_at(self, places: dict[bytes, bool], now: float) -> list[Settled]:
        """Look at these folders (with all below them, where so marked), as far as they lie below a root that is there.

        What is missing in them, a full look decides.
        """
        looks = []
        for folder in self.folders:
            root, path = self.roots[str(folder.root)], os.fsencode(folder.root)
            inside = {place: deep for place, deep in places.items() if place == path or place.startswith(path + b"/")}
            if not inside or root.share is None or root.away:
                continue
            look = _Look(folder, root.share, now)
            with self.ledger.read() as session:
                for place, deep in inside.items():
                    try:
                        for listing in walk(folder, place[len(path) :].strip(b"/"), deep=deep):
                            self._sift(session, look, listing)
                    except OSError:
                        continue  # gone again
            look.gone.clear()
            self._write(look, [])
            looks.append(self._in_turns(look))
        return list(chain.from_iterable(looks))

    def again(self, now: datetime) -> tuple[set[bytes], datetime | None]:
        """Give the folders with a file whose time to be tried again has come, and when the next one's comes."""
        with self.ledger.read() as session:
            due, following = retries(session, now)
        roots = {str(folder.root) for folder in self.folders}
        return {_place(root, inside) for root, inside in due if root in roots}, following

    def _sift(self, session: Session, look: "_Look", listing: Listing) -> None:
        """Compare a listed folder with the ledger."""
        if listing.error is not None:
            look.unreadable[listing.folder] = listing.error.strerror or str(listing.error)
            return
        look.walked.add(listing.folder)
        due_by = datetime.now(UTC) if self.patient else datetime.max.replace(tzinfo=UTC)
        known = known_in(session, str(look.folder.root), listing.folder, now=due_by)
        before = listing.folder + b"/" if listing.folder else b""
        for entry in listing.files:
            path = before + entry.name
            row = known.pop(path, None)
            try:
                stat = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # gone since it was listed, or the share blinked: of this file nothing is known
            if row is not None and look.is_as_it_was(row, signature(stat)):
                look.found = True
            elif not is_ignored(entry.name):
                look.found = True
                self._consider(look, seen(look.folder, path, stat, look.share))
        look.gone.update(row.id for row in known.values() if row.share == look.share and not row.is_missing)

    def _consider(self, look: "_Look", file: SeenFile) -> None:
        place = _place(file.root, file.folder)
        rest = self.settler.look(file, look.now)
        if rest is Rest.MOVING:
            self.restless.add(place)
        elif rest is not Rest.UNFINISHED:
            queue = look.stations[file.station]
            if self.patient and len(queue) >= TURN:
                self.crowded.add(place)
            else:
                queue.append(Settled(file, rest is Rest.FINAL))

    def _in_turns(self, look: "_Look") -> list[Settled]:
        waiting = [each for turn in zip_longest(*look.stations.values()) for each in turn if each is not None]
        if not self.patient:
            return waiting
        self.crowded |= {_place(each.file.root, each.file.folder) for each in waiting[TURN:]}
        return waiting[:TURN]

    def _in_lost_folders(self, session: Session, look: "_Look") -> set[int]:
        """Give the files in folders that are known and were not there to be listed."""
        root, hidden = str(look.folder.root), tuple(path + b"/" for path in look.unreadable)
        lost = known_folders(session, root) - look.walked - look.unreadable.keys()
        now = datetime.now(UTC)
        return {
            row.id
            for inside in lost
            if not inside.startswith(hidden)
            for row in known_in(session, root, inside, now=now).values()
            if row.share == look.share and not row.is_missing
        }

    def _note(self, root: Root, look: "_Look") -> None:
        """Remember what a full look says, and record it."""
        if root.away:
            log.info("%s is back", look.folder.root)
        if root.earlier and look.share != root.share:
            log.warning("%s holds another share than before: its %d files stay", look.folder.root, root.earlier)
        unreadable = {os.fsdecode(path): why for path, why in look.unreadable.items()}
        for path in unreadable.keys() - root.unreadable.keys():
            log.warning("%s/%s is left out for now: %s", look.folder.root, path, unreadable[path])
        self._write(look, look.gone & root.gone if self.patient else look.gone)
        root.share, root.away, root.gone, root.unreadable = look.share, "", look.gone, unreadable
        root.folders, root.looked_at = len(look.walked), datetime.now(UTC)

    def _write(self, look: "_Look", missing: Iterable[int]) -> None:
        missing = list(missing)
        if missing or look.back or look.moved:
            with self.ledger.write() as session:
                store.mark_missing(session, missing, now=datetime.now(UTC))
                store.found_again(session, look.back)
                store.move_to_share(session, look.moved, look.share)

    def _away(self, folder: Folder, why: str) -> None:
        root = self.roots[str(folder.root)]
        if not root.away:
            log.warning("%s is offline (%s): its files stay as they are in the ledger", folder.root, why)
        root.away = why
        root.gone.clear()


@dataclass(slots=True)
class _Look:
    """What one look has found so far."""

    folder: Folder
    share: str
    now: float
    found: bool = False
    walked: set[bytes] = field(default_factory=set)
    unreadable: dict[bytes, str] = field(default_factory=dict)
    stations: defaultdict[str, list[Settled]] = field(default_factory=lambda: defaultdict(list))
    gone: set[int] = field(default_factory=set)
    back: list[int] = field(default_factory=list)  # missing, and there again as they were
    moved: list[int] = field(default_factory=list)  # as they were, on a share that is identified anew

    def is_as_it_was(self, row: Known, now_signed: str) -> bool:
        if row.signature != now_signed or row.is_due or (row.is_missing and not row.is_whole):
            return False
        if row.is_missing:
            self.back.append(row.id)
        if row.share != self.share:
            self.moved.append(row.id)
        return True


def _place(root: str, inside: bytes) -> bytes:
    path = os.fsencode(root)
    return os.path.join(path, inside) if inside else path  # noqa: PTH118  # bytes, which pathlib has not
