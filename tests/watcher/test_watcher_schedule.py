"""A job runs once a period, whatever the scheduler does."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from db import store
from db.models import JobRun
from watcher.schedule import Job, Schedule, latest_due


def job(run=lambda _due: None, cron="* * * * *", timezone="UTC"):
    return Job("report", cron, timezone, run)


def runs(ledger):
    with ledger.read() as session:
        return list(session.scalars(select(JobRun).order_by(JobRun.period)))


def ran(ledger, period):
    """A run of the job came to its end."""
    with ledger.write() as session:
        number = store.begin_job(session, "report", period, now=period)
        store.finish_job(session, number, now=period)


@pytest.mark.parametrize(
    ("since", "now", "due"),
    [
        ("2026-05-04T05:59", "2026-05-04T06:00", "2026-05-04T06:00"),
        ("2026-05-04T06:00", "2026-05-04T23:59", None),
        ("2026-05-01T06:00", "2026-05-04T07:00", "2026-05-04T06:00"),  # three days down: one run, the latest
    ],
)
def test_the_latest_time_that_passed_is_due(since, now, due):
    """Times missed before it are one with it."""
    at = {name: text and datetime.fromisoformat(text).replace(tzinfo=UTC) for name, text in locals().items()}
    assert latest_due(job(cron="0 6 * * *").trigger, at["since"], at["now"]) == at["due"]


def test_the_hour_is_that_of_the_stations_zone():
    """Six in the morning in Nairobi is three in UTC."""
    begin = datetime(2026, 5, 4, tzinfo=UTC)
    due = latest_due(job(cron="0 6 * * *", timezone="Africa/Nairobi").trigger, begin, begin + timedelta(days=1))
    assert due == datetime(2026, 5, 4, 3, tzinfo=UTC)


def test_a_period_runs_once_however_often_it_is_asked_for(ledger):
    """And a time that has not come asks for nothing."""
    asked = []
    ran(ledger, datetime.now(UTC) - timedelta(minutes=5))
    schedule = Schedule(ledger, [])
    for _ in range(3):
        schedule.run_due(job(asked.append))
    assert len(asked) in {1, 2}  # a minute may pass between two of them
    assert len(runs(ledger)) == len(asked) + 1
    schedule.run_due(job(asked.append, cron="0 0 29 2 1"))
    assert len(runs(ledger)) == len(asked) + 1


def test_nothing_is_due_when_the_first_daemon_starts(ledger):
    """There was no daemon that could have missed it."""
    asked = []
    Schedule(ledger, []).run_due(job(asked.append, cron="0 6 * * *"))
    assert asked == []


def test_a_job_that_was_cut_off_runs_again(ledger):
    """A power cut in the middle of a report must not cost the report."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    ran(ledger, yesterday)
    period = latest_due(job().trigger, yesterday, datetime.now(UTC))
    with ledger.write() as session:
        store.begin_job(session, "report", period, now=period)
    asked = []
    Schedule(ledger, []).run_due(job(asked.append))
    assert asked


def test_the_very_first_run_is_repeated_too_if_it_was_cut_off(ledger):
    """There is no finished one to count from."""
    period = latest_due(job().trigger, datetime.now(UTC) - timedelta(minutes=3), datetime.now(UTC))
    with ledger.write() as session:
        store.begin_job(session, "report", period, now=period)
    asked = []
    Schedule(ledger, []).run_due(job(asked.append))
    assert asked


def test_two_threads_that_ask_at_once_run_it_once(ledger):
    """The clock's tick and the catching up at the start."""
    ran(ledger, datetime.now(UTC) - timedelta(days=2))
    asked, schedule = [], Schedule(ledger, [])
    daily = job(asked.append, cron="0 0 * * *")
    threads = [threading.Thread(target=schedule.run_due, args=[daily]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1


def test_stopping_says_whether_a_job_still_runs(ledger):
    """So that the daemon can end in time, and the job is repeated at the next start."""
    ran(ledger, datetime.now(UTC) - timedelta(minutes=5))
    begun, end = threading.Event(), threading.Event()

    def slow(_due):
        begun.set()
        end.wait(30)

    schedule = Schedule(ledger, [job(slow)])
    schedule.start()
    assert begun.wait(30)
    assert schedule.stop(0.1) is False
    end.set()
    idle = Schedule(ledger, [])
    idle.start()
    assert idle.stop(0.1) is True


def test_a_failing_job_is_told_and_does_not_end_the_daemon(ledger):
    """Its failure stands in the ledger."""

    def fail(_due):
        raise OSError("the share is away")

    ran(ledger, datetime.now(UTC) - timedelta(minutes=5))
    Schedule(ledger, []).run_due(job(fail))
    assert runs(ledger)[-1].failure == "OSError: the share is away"
