"""The lookout: what is worth reading now. Scans decide; events only say where to scan first."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from db import store
from db.engine import Ledger
from db.queries.files import present, retries, unknown
from db.store import SeenFile
from watcher.inbox.scan import Folder, scan
from watcher.inbox.settle import Rest, Settler

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Lookout:
    """Looks at the roots and remembers which files have not come to rest.

    ``offline`` holds the roots that could not be read at the last look, or were empty though files had been there.
    ``retry_now`` gives what is to be tried again without waiting for its time.
    """

    ledger: Ledger
    folders: list[Folder]
    settler: Settler
    incomplete_seconds: float
    retry_now: bool = False
    offline: set[str] = field(default_factory=set)
    restless: set[bytes] = field(default_factory=set)

    def look_everywhere(self, now: float) -> Iterator[tuple[SeenFile, bool]]:
        """Scan every root; yield each file to be read now, and whether it is final (``now``: monotonic seconds)."""
        for folder in self.folders:
            root, unreadable = str(folder.root), list[bytes]()
            try:
                found = list(scan(folder, unreadable=unreadable))
            except OSError as error:
                self._away(root, error.strerror or "")
                continue
            if self._note_missing(root, found, unreadable):
                self.offline.discard(root)
                yield from self._worth_reading(found, now)

    def look_at(self, places: set[bytes], now: float) -> Iterator[tuple[SeenFile, bool]]:
        """Scan these folders only, as far as they lie below a root that is there."""
        for folder in self.folders:
            inside = [place for place in places if _within(place, os.fsencode(folder.root))]
            for place in sorted(inside):
                try:
                    found = list(scan(folder, place))
                except OSError:
                    continue  # gone again; a full scan notes what is missing
                yield from self._worth_reading(found, now)

    def _worth_reading(self, found: list[SeenFile], now: float) -> Iterator[tuple[SeenFile, bool]]:
        by = datetime.max.replace(tzinfo=UTC) if self.retry_now else datetime.now(UTC)
        with self.ledger.read() as session:
            candidates = list(unknown(session, found, now=by))
        for file in candidates:
            if self.settler.look(file, now) is Rest.MOVING:
                self.restless.add(_folder(file.root, file.path))
            else:
                yield file, self.settler.unchanged_for(file, now) >= self.incomplete_seconds

    def again(self, now: datetime) -> tuple[set[bytes], datetime | None]:
        """Give the folders with a file whose time to be tried again has come, and when the next one's comes."""
        with self.ledger.read() as session:
            due, following = retries(session, now)
        roots = {str(folder.root) for folder in self.folders}
        return {_folder(root, path) for root, path in due if root in roots}, following

    def _note_missing(self, root: str, found: list[SeenFile], unreadable: list[bytes]) -> bool:
        """Record what is gone; False where everything is, since then the share is away and not the files."""
        here = {file.path for file in found}
        with self.ledger.write() as session:
            known = present(session, root)
            if known and not here:
                self._away(root, "it is empty, and was not")
                return False
            hidden = tuple(path + b"/" for path in unreadable)
            gone = [
                sighting
                for path, sighting in known.items()
                if path not in here and path not in unreadable and not path.startswith(hidden)
            ]
            store.mark_missing(session, gone, now=datetime.now(UTC))
        self.settler.keep_only(root, here)
        return True

    def _away(self, root: str, why: str) -> None:
        if root not in self.offline:
            log.warning("%s is offline (%s): its files stay as they are in the ledger", root, why)
        self.offline.add(root)


def _folder(root: str, path: bytes) -> bytes:
    return os.path.dirname(os.path.join(os.fsencode(root), path))  # noqa: PTH118, PTH120  # bytes, which pathlib has not


def _within(place: bytes, root: bytes) -> bool:
    return place == root or place.startswith(root + b"/")
