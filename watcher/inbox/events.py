"""Events of the file system. They are hints: handlers only mark folders as worth a look, and never do more."""

import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)

MANY = 10_000  # dirty folders; beyond that everything is looked at
# What brings files. That files are opened and read is not among it, since we do that.
_TOLD: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
_AGAIN_SECONDS = 60.0  # after the system refused events altogether


class Dirty(FileSystemEventHandler):
    """The folders in which something happened since the last look; bounded, whatever happens."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self._folders: dict[bytes, bool] = {}
        self._everything = False
        self._lock = threading.Lock()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Mark the folder of the file; where a folder came or moved, that folder with all that it holds."""
        for path in (event.src_path, event.dest_path):
            if not path:
                continue
            if event.is_directory:
                self.mark(os.fsencode(path), deep=event.event_type in {"created", "moved"})
            else:
                self.mark(os.path.dirname(os.fsencode(path)))  # noqa: PTH120  # bytes, which pathlib has not

    def mark(self, folder: bytes, *, deep: bool = False) -> None:
        """Say that a folder is worth a look, and if ``deep`` all below it."""
        with self._lock:
            if folder in self._folders or len(self._folders) < MANY:
                self._folders[folder] = deep or self._folders.get(folder, False)
            else:
                self._everything = True
        self.woken.set()

    def mark_everything(self) -> None:
        """Say that events were lost: only a full look tells what happened."""
        with self._lock:
            self._everything = True
        self.woken.set()

    def collect(self) -> dict[bytes, bool] | None:
        """Give the marked folders (True: with all below) and forget them; None where there is no telling."""
        with self._lock:
            folders, everything = self._folders, self._everything
            self._folders, self._everything = {}, False
            self.woken.clear()
        return None if everything else folders


class Watches:
    """watchdog's observer over the roots that tell of events, built anew when a part of it has died or is blind."""

    def __init__(self, roots: Iterable[Path], dirty: Dirty) -> None:
        self.rebuilt = 0
        self._roots = list(roots)
        self._dirty = dirty
        self._observer: BaseObserver | None = None
        self._armed: dict[Path, tuple[int, int]] = {}
        self._not_before = 0.0
        self._overflow = _Overflow(dirty)
        logging.getLogger("watchdog").addHandler(self._overflow)

    def keep_alive(self) -> None:
        """Build what is missing, and have everything looked at then, since nobody knows what happened meanwhile."""
        armed = {root: (stat.st_dev, stat.st_ino) for root in self._roots if (stat := _stat(root)) is not None}
        if self._observer is not None and self._is_alive(self._observer) and armed == self._armed:
            return
        if time.monotonic() < self._not_before:
            return
        if self._observer is not None:
            log.warning("events of the file system stopped: they are asked for anew")
            self.rebuilt += 1
        self._end()
        self._build(armed)
        self._dirty.mark_everything()

    def count(self) -> int:
        """Count the folders that the system tells of; the limit of watches may be lower than their number."""
        told = 0
        for opened in Path("/proc/self/fdinfo").iterdir():
            try:
                told += opened.read_text().count("inotify wd:")
            except OSError:
                continue  # closed meanwhile
        return told

    def close(self) -> None:
        """End the threads."""
        logging.getLogger("watchdog").removeHandler(self._overflow)
        self._end()

    def _build(self, armed: dict[Path, tuple[int, int]]) -> None:
        observer = Observer()
        observer.daemon = True
        for root in armed:
            try:
                observer.schedule(self._dirty, str(root), recursive=True, event_filter=_TOLD)
            except OSError as error:
                log.warning("no events from %s (%s): it is scanned at intervals only", root, error.strerror)
        try:
            observer.start()
        except OSError as error:  # out of inotify instances or watches
            log.warning("no events from the file system (%s): folders are scanned at intervals only", error.strerror)
            self._not_before = time.monotonic() + _AGAIN_SECONDS
            return
        self._observer, self._armed = observer, armed

    def _end(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer = None

    def _is_alive(self, observer: BaseObserver) -> bool:
        emitters = [emitter for emitter in observer.emitters if emitter.is_alive()]
        return observer.is_alive() and len(emitters) == len(observer.emitters) == len(self._armed)


class _Overflow(logging.Handler):
    """watchdog mends its watches when the system's queue has overflowed, and tells of it in its log alone."""

    def __init__(self, dirty: Dirty) -> None:
        super().__init__(logging.WARNING)
        self._dirty = dirty

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._dirty.mark_everything()


def _stat(root: Path) -> os.stat_result | None:
    try:
        return root.stat()
    except OSError:
        return None
