"""Jobs at their times: the scheduler only asks; the ledger decides, so that a job runs once a period."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from db import store
from db.engine import Ledger
from db.queries.status import asked_until
from watcher.cron import CronTrigger

log = logging.getLogger(__name__)

FORGOTTEN = timedelta(days=366)  # a period missed longer ago than this is not counted: some clock was never set
AGAIN = timedelta(minutes=5)  # after which a job is tried again that the system was in the way of
JUMP = timedelta(minutes=1)  # what a clock that is set moves by; less is drift


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
        """The times of the expression."""
        return CronTrigger(self.cron, self.timezone)


class Schedule:
    """Runs jobs in threads of their own while it is started; a long one holds up no other."""

    def __init__(self, ledger: Ledger, jobs: list[Job]) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._ahead = _ahead()
        # a late job is run, and one that was missed several times is run once: nothing is dropped without a word
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def start(self) -> None:
        """Start the clock, and catch up what came due while no daemon ran."""
        self._plan()
        self._scheduler.start()

    def look_again(self) -> None:
        """Look whether the clock was set, or the machine slept: the scheduler counts on time that passes evenly.

        What came due meanwhile is run, and where the clock was set back no job waits for the time that it showed.
        """
        before, self._ahead = self._ahead, _ahead()
        jump = self._ahead - before
        if abs(jump) < JUMP.total_seconds():
            return
        log.warning("the clock went %s by %.0f s at once", "back" if jump < 0 else "forward", abs(jump))
        self._plan()

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
        """Run ``job`` for the latest period that is due and has not run; again where one comes due meanwhile."""
        with job.running:
            while self._run_once(job):
                pass

    def _plan(self) -> None:
        """Schedule each job at its next time by the present clock, and run now what is due."""
        for job in self._jobs:
            self._scheduler.add_job(self.run_due, job.trigger, args=[job], id=job.kind, replace_existing=True)
            self._scheduler.add_job(self.run_due, args=[job])

    def _run_once(self, job: Job) -> bool:
        """Tell whether something was due and has run to its end."""
        begun = self._begin(job)
        if begun is None:
            return False
        run, period = begun
        failure = None
        try:
            job.run(period)
        except Interrupted:
            log.info("the %s that was due at %s is run again at the next start", job.kind, period.isoformat())
            return False
        except OSError as error:  # a share that is away, a full disk: it may be well again soon
            log.error("the %s that was due at %s failed, and is tried again: %s", job.kind, period.isoformat(), error)  # noqa: TRY400
            self._try_again(job, run, f"{type(error).__name__}: {error}")
            return False
        except Exception as error:  # a job's failure is told, and the daemon goes on
            log.exception("the %s that was due at %s failed", job.kind, period.isoformat())
            failure = f"{type(error).__name__}: {error}"
        with self._ledger.write() as session:
            store.finish_job(session, run, now=datetime.now(UTC), failure=failure)
        return True

    def _try_again(self, job: Job, run: int, failure: str) -> None:
        """Leave the period open, tell of the failure, and come back to it."""
        with self._ledger.write() as session:
            store.fail_job(session, run, failure=failure)
        at = datetime.now(UTC) + AGAIN
        self._scheduler.add_job(
            self.run_due, "date", run_date=at, args=[job], id=f"{job.kind}, again", replace_existing=True
        )

    def _begin(self, job: Job) -> tuple[int, datetime] | None:
        """Claim the latest period that is due and give its run; the periods missed before it are one with it."""
        now = datetime.now(UTC)
        with self._ledger.write() as session:
            store.forget_jobs_ahead(session, job.kind, now + JUMP)
            asked = asked_until(session, job.kind)
            if asked is None:
                store.schedule_job(session, job.kind, now=now)
                return None
            periods = job.trigger.due(max(asked, now - FORGOTTEN), now)
            if not periods:
                return None
            run = store.begin_job(session, job.kind, periods[-1], now=now, missed=len(periods) - 1)
        return None if run is None else (run, periods[-1])


def _ahead() -> float:
    """Give by how many seconds the clock is ahead of the time that has passed; it changes where the clock is set."""
    return time.time() - time.monotonic()
