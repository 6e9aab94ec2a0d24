"""Events of the file system. They are hints: handlers only mark folders as worth a look, and never do more."""

import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)

MANY = 10_000  # dirty folders; beyond that everything is looked at


class Dirty(FileSystemEventHandler):
    """The folders in which something happened since the last look; bounded, whatever happens."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self._folders: set[bytes] = set()
        self._everything = False
        self._lock = threading.Lock()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Mark the folder of the file, and the folder itself where a folder came or moved."""
        if event.event_type in {"opened", "closed_no_write"}:
            return  # our own reading
        for path in (event.src_path, event.dest_path):
            if path:
                self.mark(os.fsencode(path) if event.is_directory else os.path.dirname(os.fsencode(path)))  # noqa: PTH120

    def mark(self, folder: bytes) -> None:
        """Say that a folder is worth a look."""
        with self._lock:
            if len(self._folders) < MANY:
                self._folders.add(folder)
            else:
                self._everything = True
        self.woken.set()

    def collect(self) -> set[bytes] | None:
        """Give the marked folders and forget them; None where there were too many to tell."""
        with self._lock:
            folders, everything = self._folders, self._everything
            self._folders, self._everything = set(), False
            self.woken.clear()
        return None if everything else folders


class Watches:
    """watchdog's observer over the roots, built anew when one of its threads has died or a root has come back."""

    def __init__(self, roots: Iterable[Path], dirty: Dirty) -> None:
        self._roots = list(roots)
        self._dirty = dirty
        self._observer: BaseObserver | None = None

    def keep_alive(self) -> None:
        """Build what is missing. What happened meanwhile, the scan that follows finds."""
        present = [root for root in self._roots if root.is_dir()]
        if self._observer is not None and self._alive(self._observer, len(present)):
            return
        self.stop()
        observer = Observer()
        observer.daemon = True
        for root in present:
            try:
                observer.schedule(self._dirty, str(root), recursive=True)
            except OSError as error:
                log.warning("no events from %s (%s): it is scanned at intervals only", root, error.strerror)
        try:
            observer.start()
        except OSError as error:  # out of inotify instances: events are only hints
            log.warning("no events from the file system (%s): folders are scanned at intervals only", error.strerror)
            return
        self._observer = observer

    def stop(self) -> None:
        """End the threads."""
        if self._observer is not None:
            self._observer.stop()
            self._observer = None

    @staticmethod
    def _alive(observer: BaseObserver, roots: int) -> bool:
        emitters = [emitter for emitter in observer.emitters if emitter.is_alive()]
        return observer.is_alive() and len(emitters) == len(observer.emitters) == roots
