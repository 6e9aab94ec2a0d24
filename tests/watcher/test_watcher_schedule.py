"""A job runs once a period, whatever the scheduler does."""

import threading
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from db import store
from db.models import JobRun
from watcher.schedule import Job, Schedule


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


def test_what_was_missed_is_run_once_and_counted(ledger):
    """Three nights without power: one run, for the last of them, that says how many it makes good."""
    asked, schedule = [], Schedule(ledger, [])
    ran(ledger, datetime.now(UTC) - timedelta(days=3, hours=12))
    for _ in range(2):
        schedule.run_due(job(asked.append, cron="0 0 * * *"))
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert asked == [midnight]
    assert [run.missed for run in runs(ledger)] in (
        [0, 2],
        [0, 3],
    )  # three and a half days hold three midnights or four


def test_the_hour_is_that_of_the_stations_zone(ledger):
    """Midnight in Nairobi is nine in the evening in UTC."""
    asked = []
    ran(ledger, datetime.now(UTC) - timedelta(days=2))
    Schedule(ledger, []).run_due(job(asked.append, cron="0 0 * * *", timezone="Africa/Nairobi"))
    assert [due.hour for due in asked] == [21]


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
    Schedule(ledger, []).run_due(job(asked.append))
    assert asked == []


def test_what_came_due_before_its_very_first_run_is_caught_up(ledger):
    """A station is set up in the middle of a month, and is without power on the first of the next."""
    asked = []
    with ledger.write() as session:
        store.schedule_job(session, "report", now=datetime.now(UTC) - timedelta(days=40))
    Schedule(ledger, []).run_due(job(asked.append, cron="0 0 1 * *"))
    assert [due.day for due in asked] == [1]


def test_a_job_that_was_cut_off_runs_again(ledger):
    """A power cut in the middle of a report must not cost the report."""
    now = datetime.now(UTC)
    ran(ledger, now - timedelta(days=1))
    period = job().trigger.due(now - timedelta(minutes=3), now)[-1]
    with ledger.write() as session:
        store.begin_job(session, "report", period, now=period)
    asked = []
    Schedule(ledger, []).run_due(job(asked.append))
    assert asked


def test_the_very_first_run_is_repeated_too_if_it_was_cut_off(ledger):
    """There is no finished one to count from."""
    now = datetime.now(UTC)
    period = job().trigger.due(now - timedelta(minutes=3), now)[-1]
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
    """Its failure stands in the ledger, and its period is over: what failed would fail again."""

    def fail(_due):
        raise ZeroDivisionError("nothing")

    ran(ledger, datetime.now(UTC) - timedelta(minutes=5))
    Schedule(ledger, []).run_due(job(fail))
    assert runs(ledger)[-1].failure == "ZeroDivisionError: nothing"
    assert runs(ledger)[-1].finished_at is not None


def test_a_job_that_the_system_was_in_the_way_of_is_tried_again(ledger):
    """A share that is away for a minute at dawn must not cost the report of the night, or of the month."""
    asked = []

    def write(due):
        asked.append(due)
        if len(asked) == 1:
            raise OSError("the share is away")

    ran(ledger, datetime.now(UTC) - timedelta(days=2))
    schedule, daily = Schedule(ledger, []), job(write, cron="0 0 * * *")
    schedule.run_due(daily)
    assert (runs(ledger)[-1].failure, runs(ledger)[-1].finished_at) == ("OSError: the share is away", None)
    schedule.run_due(daily)
    schedule.run_due(daily)
    assert asked[0] == asked[1] == runs(ledger)[-1].period
    assert len(asked) == 2
    assert runs(ledger)[-1].failure is None


def test_a_run_of_a_clock_that_was_ahead_silences_nothing(ledger):
    """The nights up to the year that it showed are not over: each runs when it comes, that very period too."""
    asked = []
    ran(ledger, datetime.now(UTC) - timedelta(days=1, hours=12))
    ran(ledger, datetime.now(UTC) + timedelta(days=3650))
    Schedule(ledger, []).run_due(job(asked.append, cron="0 0 * * *"))
    assert len(asked) == 1
    assert all(run.period <= datetime.now(UTC) for run in runs(ledger))


def test_what_comes_due_while_a_job_runs_is_run_after_it(ledger):
    """A job that takes longer than its period is asked for while it cannot be begun again."""
    asked = []

    def slow(due):
        asked.append(due)
        if len(asked) == 1:
            with ledger.write() as session:  # as if an hour had passed meanwhile
                session.scalars(select(JobRun).where(JobRun.period == due)).one().period -= timedelta(hours=1)

    ran(ledger, datetime.now(UTC) - timedelta(hours=2))
    Schedule(ledger, []).run_due(job(slow))
    assert len(asked) in {2, 3}


def test_a_scheduler_that_is_asked_to_look_again_keeps_its_times(ledger):
    """Where the clock was not set, nothing changes; each job has one next time."""
    schedule = Schedule(ledger, [job(cron="0 0 * * *")])
    schedule.start()
    before = schedule.next_times()
    schedule.look_again()
    assert schedule.next_times() == before
    assert before["report"] > datetime.now(UTC)
    assert schedule.stop(10)
