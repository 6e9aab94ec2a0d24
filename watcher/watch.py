"""``trapline watch``: the daemon. One thread notices and takes files, one asks the model, some keep the schedule."""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ml.artifacts import current
from ml.artifacts import load as load_model
from ml.files import write_atomically
from ml.runtime import open_ensemble, prepare
from ml.settings import ModelSettings
from watcher.detections.cutting import cut_out
from watcher.detections.taking import look as look_for_detections
from watcher.intake import decode_pool
from watcher.noticing import Noticing
from watcher.pipeline import Load, Pipeline
from watcher.reports.jobs import report_jobs
from watcher.retraining import retraining
from watcher.reviews import CorrectionsError, look
from watcher.schedule import Schedule
from watcher.service import EXPECTED, Service

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0  # what is under way gets this long; every step of it can be repeated
HEARTBEAT_SECONDS = 5.0
CLOCK_SECONDS = 1.0  # between two looks at whether the clock was set
PAUSE_SECONDS = 10.0  # after a failure, before the next try
CORRECTIONS_SECONDS = 5.0  # between two looks for corrections


class NoInboxError(ValueError):
    """There is nothing to watch."""


def watch(service: Service, load: Load = open_ensemble, prepare: Callable[[ModelSettings], None] = prepare) -> int:
    """Run until SIGTERM or SIGINT; give the exit status. ``load`` makes what answers, ``prepare`` comes before it.

    Raises
    ------
    NoInboxError
        No inbox is configured.
    ArtifactError
        The current model is not whole.
    RuntimeMissing
        The runtime that is configured is not installed.

    """
    load_model(current(service.data.models))
    if not service.settings.inbox:
        raise NoInboxError('there is no inbox to watch: set inbox = ["/path/of/the/shared/folder"] or TRAPLINE_INBOX')
    prepare(service.settings.model)  # before there are other threads, since TensorFlow is muffled while it loads
    daemon = _Daemon(service, load)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.stopping.set())
    return daemon.run()


class _Daemon:
    def __init__(self, service: Service, load: Load) -> None:
        self.stopping = threading.Event()
        self._service = service
        self._work = threading.Event()
        self._failures: dict[str, str] = {}
        self._inboxes = [
            Noticing(service, service.folder(root), stopping=self.stopping, taken=self._work, problems=self._failures)
            for root in service.settings.inbox
        ]
        self._pipeline = Pipeline(service.ledger, service.data, service.redlist, service.settings.model, load)
        jobs = [*report_jobs(service), *retraining(service, self.stopping)]
        self._schedule = Schedule(service.ledger, jobs)

    def run(self) -> int:
        steps: list[tuple[str, Callable[[], None]]] = [("model", self._mind_model)]
        for inbox in self._inboxes:
            steps += [(f"inbox {inbox.root}", inbox.run), (f"events of {inbox.root}", inbox.supervise)]
            corrections = f"corrections of {inbox.root}"
            steps.append((corrections, partial(self._mind_corrections, corrections, Path(inbox.root))))
            detections = f"detections of {inbox.root}"
            steps.append((detections, partial(self._mind_detections, detections, Path(inbox.root))))
        threads = [
            threading.Thread(target=self._again_and_again, args=[name, step], name=name, daemon=True)
            for name, step in steps
        ]
        for thread in threads:
            thread.start()
        self._schedule.start()
        log.info("watching %s", ", ".join(map(str, self._service.settings.inbox)))
        self._beat()
        beaten = time.monotonic()
        while not self.stopping.wait(CLOCK_SECONDS):
            self._schedule.look_again()
            if time.monotonic() - beaten >= HEARTBEAT_SECONDS:
                self._beat()
                beaten = time.monotonic()
        log.info("stopping")
        for inbox in self._inboxes:
            inbox.wake()
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

    def _mind_model(self) -> None:
        """Answer whatever is pending, whenever the intake says that something may be."""
        settings = self._service.settings
        while not self.stopping.is_set():
            self._work.clear()
            pending = self._pipeline.answer_pending(reanswer=settings.pipeline.reanswer, stopping=self.stopping.is_set)
            if answered := sum(pending):
                log.info("gave %d answers", answered)
            self._failures.pop("model", None)
            self._work.wait(settings.intake.scan_minutes * 60)

    def _mind_corrections(self, name: str, root: Path) -> None:
        """Take what people said of pictures, once, and pause."""
        try:
            for outcome in look(self._service, root):
                if outcome.refused:
                    log.warning("%s is refused: %s", outcome.place, outcome.refused)
                else:
                    log.info("took %d corrections from %s", outcome.corrections, outcome.place)
                if self.stopping.is_set():
                    return
            self._failures.pop(name, None)
        except CorrectionsError as error:
            if self._failures.get(name) != str(error):
                log.warning("%s", error)
            self._failures[name] = str(error)
        self.stopping.wait(CORRECTIONS_SECONDS)

    def _mind_detections(self, name: str, root: Path) -> None:
        """Take what detectors saw, once, and pause until the inbox is looked through again."""
        for outcome in look_for_detections(self._service, root):
            if outcome.refused:
                log.warning("%s is refused: %s", outcome.place, outcome.refused)
            else:
                log.info("took what %s says of %d pictures", outcome.place, outcome.pictures)
            if self.stopping.is_set():
                return
        with decode_pool(1) as pool:  # which starts nothing before there is something to do
            for _ in cut_out(self._service, root, pool, stopping=self.stopping.is_set):
                self._work.set()
        self._failures.pop(name, None)
        self.stopping.wait(self._service.settings.intake.scan_minutes * 60)

    def _beat(self) -> None:
        """Say what only this process knows; ``trapline status`` reads it."""
        state = {
            "process": os.getpid(),
            "at": datetime.now(UTC).isoformat(),
            "model": self._pipeline.version or None,
            "device": self._pipeline.runs_on or None,
            "failures": dict(self._failures),
            "inboxes": [inbox.state() for inbox in self._inboxes],
            "next": {kind: time.isoformat() for kind, time in self._schedule.next_times().items()},
        }
        try:
            write_atomically(self._service.data.heartbeat, json.dumps(state).encode())
        except OSError as error:
            log.warning("the data folder cannot be written: %s", error.strerror)
