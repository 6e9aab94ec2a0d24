"""One inbox: when to look where, and every file that is found goes to the intake."""

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from db import store
from db.mounts import mount_table
from db.types import printable
from watcher.inbox.events import Dirty, Watches
from watcher.inbox.lookout import Lookout
from watcher.inbox.scan import Folder
from watcher.inbox.settle import Settled, Settler
from watcher.inbox.share import tells_events
from watcher.intake import Intake, assign_deployments, decode_pool, derive_stale
from watcher.service import Service
from watcher.stations import Fit, Listed, StationsError, fit

log = logging.getLogger(__name__)

GROWING_SECONDS = 3600.0  # a file that is still written after this long is worth a word
NAMED = 20
SUPERVISE_SECONDS = 1.0
PAUSE_SECONDS = 0.2  # after something happened, so that a storm of events is one look


class Noticing:
    """Minds one inbox: looks in full at the start and at intervals, and in between where something happened.

    Each inbox has threads of its own, so that a share that hangs holds up no other: ``run`` is of one, ``supervise`` of
    another. ``taken`` is set after each transaction; ``problems`` holds what is wrong now, by what it is about.
    """

    def __init__(
        self,
        service: Service,
        folder: Folder,
        *,
        stopping: threading.Event,
        taken: threading.Event,
        problems: dict[str, str],
    ) -> None:
        self.root = str(folder.root)
        self._service = service
        self._settings = service.settings.intake
        self._folder = folder
        self._stopping = stopping
        self._taken = taken
        self._problems = problems
        settler = Settler(self._settings.settle_seconds, self._settings.incomplete_minutes * 60)
        self._lookout = Lookout(service.ledger, folder, settler)
        self._dirty = Dirty()
        self._watches = Watches(folder.root, self._dirty)
        self._due = 0.0
        self._listed: tuple[Listed, ...] = ()
        self._fit: Fit | None = None

    def run(self) -> None:
        """Notice and take files until the daemon stops."""
        workers = max(1, self._settings.decode_workers // len(self._service.settings.inbox))
        with decode_pool(workers) as pool:
            intake = self._service.intake(pool, workers, lambda _root: self._listed)
            self._due = time.monotonic()
            while not self._stopping.is_set():
                begin, places = time.monotonic(), self._dirty.collect()
                if places is None:  # soon, but a storm is no reason to do nothing but look
                    self._due = min(self._due, begin + self._settings.settle_seconds)
                is_due = self._due <= begin
                found = self._look_through() if is_due else self._lookout.look_at(places or {}, begin)
                looked = time.monotonic() - begin
                self._take(intake, found)
                if is_due:
                    derive_stale(self._service.ledger, self._service.redlist)
                    self._problems.pop(f"inbox {self.root}", None)
                self._wait(looked)

    def supervise(self) -> None:
        """Have events watched where they come, until the daemon stops."""
        try:
            while not self._stopping.is_set():
                if self._is_heard():
                    self._watches.keep_alive(everywhere=self._hears_all())
                self._problems.pop(f"events of {self.root}", None)
                self._stopping.wait(SUPERVISE_SECONDS)
        finally:
            self._watches.close()

    def wake(self) -> None:
        """Let the thread see that it is to stop."""
        self._dirty.woken.set()

    def state(self) -> dict[str, Any]:
        """Say what only this thread knows; does not touch the share."""
        root, settler = self._lookout.root, self._lookout.settler
        growing = sorted(printable(path) for path in settler.growing(GROWING_SECONDS))
        return {
            "root": self.root,
            "away": root.away,
            "earlier": root.earlier,
            "unreadable": dict(list(root.unreadable.items())[:NAMED]),
            "unsettled": len(settler),
            "growing": growing[:NAMED],
            "folders": root.folders,
            "folders_heard": self._watches.count() if self._is_heard() else None,
            "events_asked_for_anew": self._watches.rebuilt,
            "scan_seconds": self._interval(),
            "looking_since": _text(root.looking_since),
            "looked_at": _text(root.looked_at),
            "stations": asdict(self._fit) if self._fit else None,
        }

    def _look_through(self) -> list[Settled]:
        found = self._lookout.look_through(time.monotonic())
        if not self._lookout.root.away:
            self._read_stations()
        self._due = time.monotonic() + self._interval()
        return found

    def _take(self, intake: Intake, found: Iterable[Settled]) -> None:
        settler = self._lookout.settler
        until_stopped = (each for each in found if not self._stopping.is_set())
        for batch in intake.take(until_stopped):
            for read in batch:
                if read.says_nothing:
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
            seconds = self._due - time.monotonic()
            if following is not None:
                seconds = min(seconds, (following - datetime.now(UTC)).total_seconds())
            self._dirty.woken.wait(max(0.0, seconds))
        self._stopping.wait(max(PAUSE_SECONDS, looked, self._settings.settle_seconds if is_restless else 0.0))

    def _interval(self) -> float:
        """Give the seconds between two full looks: few where events do not come, or not from every folder."""
        if self._is_heard() and self._hears_all() and not self._lookout.root.away:
            return self._settings.scan_minutes * 60
        return min(self._settings.poll_seconds, self._settings.scan_minutes * 60)

    def _is_heard(self) -> bool:
        events = self._settings.events
        return events == "always" or (events == "auto" and tells_events(self._folder.root, mount_table()))

    def _hears_all(self) -> bool:
        return self._watches.count() >= self._lookout.root.folders

    def _read_stations(self) -> None:
        """Apply the table of deployments; one that cannot be used leaves the stations as they were."""
        try:
            stations = self._service.stations(self._folder.root)
        except StationsError as error:
            self._say_of_stations(f"{error}\nthe stations stay as they were")
            with self._service.ledger.write() as session:
                # what is taken meanwhile is to be looked at again when the table is mended
                store.remember_stations(session, self.root, "")
            return
        self._say_of_stations("\n".join(stations.faults))
        self._listed, self._fit = stations.listed, fit(self._folder, stations)
        assign_deployments(self._service.ledger, self.root, self._listed, self._service.redlist)

    def _say_of_stations(self, wrong: str) -> None:
        about = f"stations of {self._service.settings.stations or self.root}"  # inboxes may share a table
        if wrong and self._problems.get(about) != wrong:
            log.warning("%s", wrong.replace("\n", "; "))
        if wrong:
            self._problems[about] = wrong
        else:
            self._problems.pop(about, None)


def _text(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None
