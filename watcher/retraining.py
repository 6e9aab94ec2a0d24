"""The retraining job: a process of its own, started at its time, watched, and ended with the daemon.

It may eat the processor, crash or be killed, and the daemon goes on; it runs nice, so that answers come first. Where
the daemon is stopped the process is stopped too and its period stays open, to be run again at the next start. Where
the daemon is killed the process lives on and ends its work; the process that the next daemon starts for the same
period waits for it (``training/retraining/retrain.py`` holds a lock), and then finds nothing left to do.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from training.settings import RetrainingSettings
from watcher.cron import CronOrNever, TimeZone
from watcher.schedule import Interrupted, Job

if TYPE_CHECKING:
    from watcher.service import Service

log = logging.getLogger(__name__)

KIND = "retraining"
_NICE = 10
_LOOK_SECONDS = 0.2
_END_SECONDS = 3.0  # between SIGTERM and SIGKILL; whatever is cut off is done again
_SIGNALLED_SECONDS = 1.0
_TAIL = 4096  # bytes of what it said that are looked at


class RetrainingError(RuntimeError):
    """The process failed; the message is the last thing that it said, and where the rest stands."""


class ScheduledRetraining(RetrainingSettings):
    """The ``[retraining]`` section of ``config.toml``."""

    cron: CronOrNever = Field("", description="when it starts: minute hour day month weekday; empty: never")
    timezone: TimeZone = Field("UTC", description="the IANA time zone of that hour")


def retraining(service: "Service", stopping: threading.Event) -> list[Job]:
    """Give the job that retrains the model, or none where no time is set; it ends soon after ``stopping`` is set."""
    settings = service.settings.retraining
    if not settings.cron:
        return []

    def run(_period: datetime) -> None:
        _wait(_command(service), service.data.runs / "retraining.log", stopping)

    return [Job(KIND, settings.cron, settings.timezone, run)]


def _command(service: "Service") -> list[str]:
    """Compose the command line: ``python -m training`` reads no configuration."""
    settings, data = service.settings, service.data
    options = {
        "--data": data.root,
        "--ledger": data.ledger,
        "--models": data.models,
        "--reviews": settings.retraining.reviews,
        "--reserved": settings.retraining.reserved,
    }
    if settings.model.weights_folder:
        options["--weights"] = settings.model.weights_folder
    given = [*options.items(), *(("--dataset", folder) for folder in settings.retraining.datasets)]
    words = [str(word) for pair in given for word in pair]
    return [sys.executable, "-m", "training", "retrain", *words]


def _wait(command: list[str], told: Path, stopping: threading.Event) -> None:
    """Run ``command`` to its end, with what it says appended to the file ``told``.

    Raises
    ------
    Interrupted
        ``stopping`` was set meanwhile; the process is ended.
    RetrainingError
        It ended with another status than 0.

    """
    told.parent.mkdir(parents=True, exist_ok=True)
    with told.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter, and what the configuration says
            command,
            env={name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"},  # that is of answering
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a terminal's Ctrl-C is the daemon's, which ends it in order
        )
    log.info("retraining (process %d); what it says stands in %s", process.pid, told)
    try:
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        while process.poll() is None:
            if stopping.wait(_LOOK_SECONDS):
                raise Interrupted
    finally:
        _end(process)
    if process.returncode < 0 and stopping.wait(_SIGNALLED_SECONDS):
        raise Interrupted  # a service manager signals both at once
    last = _last_line(told)
    if process.returncode < 0:
        raise RetrainingError(f"it was killed by {signal.Signals(-process.returncode).name}; the next run goes on")
    if process.returncode:
        raise RetrainingError(f"{last} (see {told})")
    log.info("retraining: %s", last)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, then make it; nothing where it has ended."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(told: Path) -> str:
    with told.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
