"""The inbox thread: when to look where, and every file that is found goes to the intake."""

import logging
import os
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from db import store
from db.mounts import mount_table
from watcher.inbox.events import Dirty, Watches
from watcher.inbox.lookout import Lookout
from watcher.inbox.scan import Folder
from watcher.inbox.settle import Settled, Settler
from watcher.inbox.share import tells_events
from watcher.intake import Intake, assign_deployments, decode_pool, derive_stale
from watcher.service import Service
from watcher.stations import Listed, StationsError, read_stations

log = logging.getLogger(__name__)

GROWING_SECONDS = 3600.0  # a file that is still written after this long is worth a word
NAMED = 20
PAUSE_SECONDS = 0.2  # after something happened, so that a storm of events is one look


class Noticing:
    """Looks in full at the start and at intervals, and in between where something happened or has not come to rest.

    ``run`` is the thread's; ``supervise`` and ``state`` are for the one that minds the daemon. ``taken`` is set after
    each transaction; ``problems`` holds what is wrong now, by what it is about.
    """

    def __init__(
        self, service: Service, *, stopping: threading.Event, taken: threading.Event, problems: dict[str, str]
    ) -> None:
        settings = service.settings.intake
        self._problems = problems
        self._service = service
        self._settings = settings
        self._stopping = stopping
        self._taken = taken
        self._lookout = Lookout(
            ledger=service.ledger,
            folders=[service.folder(root) for root in service.settings.inbox],
            settler=Settler(settings.settle_seconds, settings.incomplete_minutes * 60),
        )
        self._dirty = Dirty()
        heard = [folder.root for folder in self._lookout.folders if self._is_heard(folder)]
        self._watches = Watches(heard, self._dirty)
        self._due: dict[Folder, float] = {}
        self._listed: dict[str, tuple[Listed, ...]] = {}
        self._told = 0  # folders that events come from

    def run(self) -> None:
        """Notice and take files until the daemon stops."""
        with decode_pool(self._settings.decode_workers) as pool:
            intake = self._service.intake(pool, lambda root: self._listed.get(root, ()))
            self._due = dict.fromkeys(self._lookout.folders, time.monotonic())
            while not self._stopping.is_set():
                self._look_at_what_is_due(intake)
                begin, places = time.monotonic(), self._dirty.collect()
                if places is None:  # soon, but a storm is no reason to do nothing but look
                    soon = begin + self._settings.settle_seconds
                    self._due = {folder: min(due, soon) for folder, due in self._due.items()}
                found = self._lookout.look_at(places or {}, begin)
                looked = time.monotonic() - begin
                self._take(intake, found)
                self._wait(looked)

    def supervise(self) -> None:
        """Have the events watched that are to be; to be called every second or so."""
        self._watches.keep_alive()
        self._told = self._watches.count()

    def wake(self) -> None:
        """Let the thread see that it is to stop."""
        self._dirty.woken.set()

    def close(self) -> None:
        """End the threads of the events."""
        self._watches.close()

    def state(self) -> dict[str, Any]:
        """Say what only this thread knows."""
        settler, now = self._lookout.settler, time.monotonic()
        growing = [f"{root}/{os.fsdecode(path)}" for root, path in settler.growing(now, GROWING_SECONDS)]
        return {
            "unsettled": len(settler),
            "growing": growing[:NAMED],
            "events_asked_for_anew": self._watches.rebuilt,
            "folders_heard": self._told,
            "folders_to_hear": self._to_hear(),
            "roots": [
                {
                    "root": str(folder.root),
                    "away": root.away,
                    "earlier": root.earlier,
                    "unreadable": dict(list(root.unreadable.items())[:NAMED]),
                    "folders": root.folders,
                    "scan_seconds": self._interval(folder),
                    "looked_at": root.looked_at.isoformat(timespec="seconds") if root.looked_at else None,
                }
                for folder in self._lookout.folders
                for root in [self._lookout.roots[str(folder.root)]]
            ],
        }

    def _look_at_what_is_due(self, intake: Intake) -> None:
        for folder, due in self._due.items():
            if due <= time.monotonic() and not self._stopping.is_set():
                found = self._lookout.look_through(folder, time.monotonic())
                if not self._lookout.roots[str(folder.root)].away:
                    self._read_stations(folder)
                self._due[folder] = time.monotonic() + self._interval(folder)
                self._take(intake, found)
                derive_stale(self._service.ledger, self._service.redlist)
                self._problems.pop("inbox", None)

    def _take(self, intake: Intake, found: Iterable[Settled]) -> None:
        settler = self._lookout.settler
        until_stopped = (each for each in found if not self._stopping.is_set())
        for batch in intake.take(until_stopped):
            for read in batch:
                if read.may_still_grow:
                    settler.unfinished(read.file)
                else:
                    settler.forget(read.file)
            self._taken.set()

    def _wait(self, looked: float) -> None:
        """Sleep until something happens, is due, or may have come to rest; as long as the look took, at least."""
        lookout = self._lookout
        due, following = lookout.again(datetime.now(UTC))
        is_crowded, is_restless = bool(lookout.crowded), bool(lookout.restless)
        for place in due | lookout.crowded | lookout.restless:
            self._dirty.mark(place)
        lookout.crowded.clear()
        lookout.restless.clear()
        if is_crowded:
            return
        if not is_restless:
            seconds = min(self._due.values()) - time.monotonic()
            if following is not None:
                seconds = min(seconds, (following - datetime.now(UTC)).total_seconds())
            self._dirty.woken.wait(max(0.0, seconds))
        self._stopping.wait(max(PAUSE_SECONDS, looked, self._settings.settle_seconds if is_restless else 0.0))

    def _interval(self, folder: Folder) -> float:
        """Give the seconds between two full looks: few where events do not come, or not from every folder."""
        if self._is_heard(folder) and self._told >= self._to_hear():
            return self._settings.scan_minutes * 60
        return min(self._settings.poll_seconds, self._settings.scan_minutes * 60)

    def _is_heard(self, folder: Folder) -> bool:
        events = self._settings.events
        return events == "always" or (events == "auto" and tells_events(folder.root, mount_table()))

    def _to_hear(self) -> int:
        return sum(
            self._lookout.roots[str(folder.root)].folders for folder in self._lookout.folders if self._is_heard(folder)
        )

    def _read_stations(self, folder: Folder) -> None:
        """Apply the inbox' ``stations.csv``."""
        root = str(folder.root)
        try:
            listed = read_stations(folder.root)
        except StationsError as error:
            log.warning("%s; the stations stay as they were", error)
            self._problems["stations"] = str(error)
            with self._service.ledger.write() as session:
                # what is taken meanwhile is to be looked at again when the table is mended
                store.remember_stations(session, root, "")
            return
        self._problems.pop("stations", None)
        self._listed[root] = listed
        assign_deployments(self._service.ledger, root, listed, self._service.redlist)
