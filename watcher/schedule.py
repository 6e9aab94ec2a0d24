"""Jobs at their times: the scheduler only asks; the ledger decides, so that a job runs once a period."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from pydantic import AfterValidator

from db import store
from db.engine import Ledger
from db.queries.status import asked_until

log = logging.getLogger(__name__)

FORGOTTEN = timedelta(days=8)  # a period missed longer ago than this is not caught up


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone: give an IANA name such as Africa/Nairobi") from error
    return name


def _cron(expression: str) -> str:
    try:
        CronTrigger.from_crontab(expression)
    except ValueError as error:
        raise ValueError("expected a cron expression such as '0 6 * * *': minute hour day month weekday") from error
    return expression


TimeZone = Annotated[str, AfterValidator(_time_zone)]
Cron = Annotated[str, AfterValidator(_cron)]
CronOrNever = Annotated[str, AfterValidator(lambda expression: expression and _cron(expression))]


class Interrupted(Exception):  # noqa: N818  # reads as what happened
    """A job was cut off because the daemon stops: its period stays open, and it runs again at the next start."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do at the times of a cron expression; ``run`` gets the time it was due."""

    kind: str
    cron: str
    timezone: str
    run: Callable[[datetime], None]
    running: threading.Lock = field(default_factory=threading.Lock, repr=False)  # the clock and the start may both ask

    @property
    def trigger(self) -> CronTrigger:
        """The scheduler's own reading of the expression."""
        return CronTrigger.from_crontab(self.cron, timezone=ZoneInfo(self.timezone))


class Schedule:
    """Runs jobs in threads of their own while it is started; a long one holds up no other."""

    def __init__(self, ledger: Ledger, jobs: list[Job]) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._started = datetime.now(UTC)
        # a late job is run, and one that was missed several times is run once: nothing is dropped without a word
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def start(self) -> None:
        """Start the clock, and catch up what came due while no daemon ran."""
        for job in self._jobs:
            self._scheduler.add_job(self.run_due, job.trigger, args=[job], id=job.kind)
            self._scheduler.add_job(self.run_due, args=[job])
        self._scheduler.start()

    def stop(self, seconds: float) -> bool:
        """Stop the clock; False where a job still runs after ``seconds``. It is run again at the next start."""
        self._scheduler.shutdown(wait=False)
        deadline = time.monotonic() + seconds
        idle = [job.running.acquire(timeout=max(0.0, deadline - time.monotonic())) for job in self._jobs]
        return all(idle)

    def next_times(self) -> dict[str, datetime]:
        """Give kind → the next time it is due."""
        jobs = [self._scheduler.get_job(job.kind) for job in self._jobs]
        return {job.id: job.next_run_time for job in jobs if job is not None and job.next_run_time is not None}

    def run_due(self, job: Job) -> None:
        """Run ``job`` for the latest period that is due and has not run; otherwise do nothing."""
        with job.running:
            self._run_due(job)

    def _run_due(self, job: Job) -> None:
        now = datetime.now(UTC)
        with self._ledger.read() as session:
            since = asked_until(session, job.kind) or self._started
        period = latest_due(job.trigger, max(since, now - FORGOTTEN), now)
        if period is None:
            return
        with self._ledger.write() as session:
            run = store.begin_job(session, job.kind, period, now=now)
        if run is None:
            return
        failure = None
        try:
            job.run(period)
        except Interrupted:
            log.info("the %s that was due at %s is run again at the next start", job.kind, period.isoformat())
            return
        except Exception as error:  # a job's failure is told, and the daemon goes on
            log.exception("the %s that was due at %s failed", job.kind, period.isoformat())
            failure = f"{type(error).__name__}: {error}"
        with self._ledger.write() as session:
            store.finish_job(session, run, now=datetime.now(UTC), failure=failure)


def latest_due(trigger: CronTrigger, since: datetime, now: datetime) -> datetime | None:
    """Give the last time in (since, now] at which ``trigger`` fires."""
    due = None
    following = trigger.get_next_fire_time(None, since + timedelta(microseconds=1))
    while following is not None and following <= now:
        due = following
        following = trigger.get_next_fire_time(following, following + timedelta(microseconds=1))
    return due.astimezone(UTC) if due else None
