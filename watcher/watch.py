"""``trapline watch``: the daemon. One thread notices and takes files, one asks the model, some keep the schedule."""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from db import store
from db.store import SeenFile
from ml.artifacts import current
from ml.artifacts import load as load_model
from ml.files import write_atomically
from ml.runtime import device
from watcher.inbox.events import Dirty, Watches
from watcher.inbox.lookout import Lookout
from watcher.inbox.settle import Settler
from watcher.intake import Intake, Settled, assign_deployments, decode_pool, derive_stale
from watcher.pipeline import Pipeline
from watcher.reports import nightly_report
from watcher.retraining import retraining
from watcher.schedule import Schedule
from watcher.service import EXPECTED, Service
from watcher.stations import Listed, StationsError, read_stations

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0  # what is under way gets this long; every step of it can be repeated
HEARTBEAT_SECONDS = 5.0
PAUSE_SECONDS = 10.0  # after a failure, before the next try


class NoInboxError(ValueError):
    """There is nothing to watch."""


def watch(service: Service) -> int:
    """Run until SIGTERM or SIGINT; give the exit status.

    Raises
    ------
    NoInboxError
        No inbox is configured.
    ArtifactError
        The current model is not whole.

    """
    load_model(current(service.data.models))
    if not service.settings.inbox:
        raise NoInboxError('there is no inbox to watch: set inbox = ["/path/of/the/shared/folder"] or TRAPLINE_INBOX')
    daemon = _Daemon(service)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.stopping.set())
    return daemon.run()


class _Daemon:
    def __init__(self, service: Service) -> None:
        self.stopping = threading.Event()
        self._service = service
        self._dirty = Dirty()
        self._lookout = Lookout(
            ledger=service.ledger,
            folders=[service.folder(root) for root in service.settings.inbox],
            settler=Settler(service.settings.intake.settle_seconds),
            incomplete_seconds=service.settings.intake.incomplete_minutes * 60,
        )
        self._listed: dict[str, tuple[Listed, ...]] = {}
        self._work = threading.Event()
        self._pipeline = Pipeline(service.ledger, service.data, service.redlist, service.settings.model)
        self._device = ""
        self._failures: dict[str, str] = {}
        jobs = [nightly_report(service), *retraining(service, self.stopping)]
        self._schedule = Schedule(service.ledger, jobs)

    def run(self) -> int:
        self._device = device()  # before there are other threads, since TensorFlow is muffled while it loads
        threads = [
            threading.Thread(target=self._again_and_again, args=[name, step], name=name, daemon=True)
            for name, step in (("inbox", self._mind_inbox), ("model", self._mind_model))
        ]
        for thread in threads:
            thread.start()
        self._schedule.start()
        log.info("watching %s", ", ".join(str(folder.root) for folder in self._lookout.folders))
        while not self.stopping.wait(HEARTBEAT_SECONDS):
            self._beat()
        log.info("stopping")
        self._dirty.woken.set()
        self._work.set()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        idle = self._schedule.stop(max(0.0, deadline - time.monotonic()))
        self._service.data.heartbeat.unlink(missing_ok=True)
        if not idle or any(thread.is_alive() for thread in threads):
            log.warning("a step takes too long to wait for; it is repeated at the next start")
            logging.shutdown()
            os._exit(0)
        self._pipeline.close()
        return 0

    def _again_and_again(self, name: str, step: Callable[[], None]) -> None:
        while not self.stopping.is_set():
            try:
                step()
            except EXPECTED as error:
                log.error("%s", error)  # noqa: TRY400  # the sentence says what to do; a traceback would hide it
                self._failures[name] = str(error)
            except Exception as error:  # the daemon outlives a full disk, a share that is away, and our own faults
                log.exception("the %s thread failed; it tries again", name)
                self._failures[name] = f"{type(error).__name__}: {error}"
            else:
                continue
            self.stopping.wait(PAUSE_SECONDS)

    def _mind_inbox(self) -> None:
        """Scan at the start and at intervals, and in between where something happened or has not come to rest."""
        settings = self._service.settings.intake
        watches = Watches((folder.root for folder in self._lookout.folders), self._dirty)
        try:
            with decode_pool(settings.decode_workers) as pool:
                intake = self._service.intake(pool, lambda root: self._listed.get(root, ()))
                next_scan = time.monotonic()
                while not self.stopping.is_set():
                    if time.monotonic() >= next_scan:
                        next_scan = time.monotonic() + settings.scan_minutes * 60
                        watches.keep_alive()  # armed before the scan, so that nothing comes between
                        if self._scan(intake):
                            watches.stop()  # the old watch of a root that went or came back is blind
                            next_scan = time.monotonic()
                        derive_stale(self._service.ledger, self._service.redlist)
                        self._failures.pop("inbox", None)
                    elif (places := self._dirty.collect()) is None:
                        next_scan = time.monotonic()
                    elif places:
                        self._take(intake, self._lookout.look_at(places, time.monotonic()))
                    self._wait(next_scan)
        finally:
            watches.stop()

    def _scan(self, intake: Intake) -> bool:
        """Look everywhere; True where a root went or came back."""
        offline = set(self._lookout.offline)
        self._read_stations()
        self._take(intake, self._lookout.look_everywhere(time.monotonic()))
        return offline != self._lookout.offline

    def _take(self, intake: Intake, found: Iterator[tuple[SeenFile, bool]]) -> None:
        def until_stopped() -> Iterator[Settled]:
            for file, final in found:
                if self.stopping.is_set():
                    return
                yield Settled(file, final)

        for batch in intake.take(until_stopped()):
            for read in batch:
                self._lookout.settler.forget(read.file)
            self._work.set()

    def _wait(self, next_scan: float) -> None:
        """Sleep until something happens; a little longer after that, so that a storm of events is one look."""
        due, following = self._lookout.again(datetime.now(UTC))
        for place in due:
            self._dirty.mark(place)
        if self._lookout.restless:
            self.stopping.wait(max(0.2, self._service.settings.intake.settle_seconds))
            for place in self._lookout.restless:
                self._dirty.mark(place)
            self._lookout.restless.clear()
        else:
            until_retry = (following - datetime.now(UTC)).total_seconds() if following else next_scan
            self._dirty.woken.wait(max(0.0, min(next_scan - time.monotonic(), until_retry)))
            self.stopping.wait(0.2)

    def _read_stations(self) -> None:
        """Apply each inbox' ``stations.csv``; where the share is away, the stations stay as they were."""
        for folder in self._lookout.folders:
            if not folder.root.is_dir() or not any(folder.root.iterdir()):
                continue
            try:
                listed = read_stations(folder.root)
            except StationsError as error:
                log.warning("%s; the stations stay as they were", error)
                self._failures["stations"] = str(error)
                with self._service.ledger.write() as session:
                    # what is taken meanwhile is to be looked at again when the table is mended
                    store.remember_stations(session, str(folder.root), "")
                continue
            self._failures.pop("stations", None)
            self._listed[str(folder.root)] = listed
            assign_deployments(self._service.ledger, str(folder.root), listed, self._service.redlist)

    def _mind_model(self) -> None:
        """Answer whatever is pending, whenever the intake says that something may be."""
        settings = self._service.settings
        while not self.stopping.is_set():
            self._work.clear()
            pending = self._pipeline.answer_pending(reanswer=settings.pipeline.reanswer, stopping=self.stopping.is_set)
            if answered := sum(pending):
                log.info("answered %d pictures", answered)
            self._failures.pop("model", None)
            self._work.wait(settings.intake.scan_minutes * 60)

    def _beat(self) -> None:
        """Say what only this process knows; ``trapline status`` reads it."""
        state = {
            "process": os.getpid(),
            "at": datetime.now(UTC).isoformat(),
            "model": self._pipeline.version or None,
            "device": self._device or None,
            "failures": dict(self._failures),
            "offline": sorted(self._lookout.offline),
            "unsettled": len(self._lookout.settler),
            "next": {kind: time.isoformat() for kind, time in self._schedule.next_times().items()},
        }
        try:
            write_atomically(self._service.data.heartbeat, json.dumps(state).encode())
        except OSError as error:
            log.warning("the data folder cannot be written: %s", error.strerror)
