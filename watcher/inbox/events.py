"""Events of the file system. They are hints: handlers only mark folders as worth a look, and never do more."""

import logging
import os
import threading
import time
import warnings
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
from watchdog.observers.inotify import InotifyObserver

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
_AGAIN_SECONDS = 300.0  # after the system refused events, altogether or in part


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

    def mark_everything(self) -> bool:
        """Say that events were lost, and only a full look tells what happened; False where that was known already."""
        with self._lock:
            is_news, self._everything = not self._everything, True
        self.woken.set()
        return is_news

    def collect(self) -> dict[bytes, bool] | None:
        """Give the marked folders (True: with all below) and forget them; None where there is no telling."""
        with self._lock:
            folders, everything = self._folders, self._everything
            self._folders, self._everything = {}, False
            self.woken.clear()
        return None if everything else folders


class Watches:
    """watchdog's observer of one inbox, built anew when a part of it has died or is blind."""

    def __init__(self, root: Path, dirty: Dirty) -> None:
        self.rebuilt = 0
        self._root = root
        self._dirty = dirty
        self._observer: InotifyObserver | None = None
        self._armed: tuple[int, int] | None = None  # device and inode of the root
        self._not_before = 0.0
        self._overflow = _Overflow(dirty)
        logging.getLogger("watchdog").propagate = False
        # it tells of a folder that it watches already in a page of text
        warnings.filterwarnings("ignore", message="Callback with id", module="watchdog")

    def keep_alive(self, *, everywhere: bool = True) -> None:
        """Build what is missing, and have everything looked at then, since nobody knows what happened meanwhile.

        Where events do not come from ``everywhere``, build it anew now and then: a limit may have been raised.
        """
        armed = _identity(self._root)
        if armed is None:
            self._armed = None  # when it is back, its watches are gone
            return
        has_stopped = self._observer is not None and not (self._is_alive(self._observer) and armed == self._armed)
        is_short = self._observer is None or not everywhere
        if not has_stopped and not (is_short and time.monotonic() >= self._not_before):
            return
        if has_stopped:
            log.warning("events of %s stopped: they are asked for anew", self._root)
            self.rebuilt += 1
        self.close()
        self._build()
        self._armed, self._not_before = armed, time.monotonic() + _AGAIN_SECONDS
        self._dirty.mark_everything()

    def count(self) -> int:
        """Count the folders that the system tells of; its limit may be lower than their number."""
        observer = self._observer  # another thread may end it
        return len(observer._inotify_fd._watch_for_wd) if observer else 0  # noqa: SLF001  # watchdog says it nowhere else

    def close(self) -> None:
        """End the threads."""
        logging.getLogger("watchdog").removeHandler(self._overflow)
        if self._observer is not None:
            self._observer.stop()
            self._observer = None

    def _build(self) -> None:
        logging.getLogger("watchdog").addHandler(self._overflow)
        observer = None
        try:
            observer = InotifyObserver()
            observer.daemon = True
            observer.schedule(self._dirty, str(self._root), recursive=True, event_filter=_TOLD)
            observer.start()
        except OSError as error:  # out of inotify instances or watches
            log.warning("no events of %s (%s): it is looked through at intervals only", self._root, error.strerror)
            if observer is not None:
                observer.stop()
            return
        self._observer = observer
        log.info("events of %s are heard", self._root)

    def _is_alive(self, observer: InotifyObserver) -> bool:
        threads = [observer, observer._inotify_fd, *observer.emitters]  # noqa: SLF001  # the reader is known there only
        is_alive = len(threads) == 3 and all(thread.is_alive() for thread in threads)  # noqa: PLR2004  # one emitter
        return is_alive and self.count() > 0  # an unmounted share takes its watches with it


class _Overflow(logging.Handler):
    """watchdog mends its watches when the system's queue has overflowed, and tells of it in its log alone: often."""

    def __init__(self, dirty: Dirty) -> None:
        super().__init__(logging.WARNING)
        self._dirty = dirty

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage() and self._dirty.mark_everything():
            log.warning("events were lost: everything is looked through")


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        stat = root.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
