"""The retraining process: started, watched, ended with the daemon, and its failure told."""

import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from db import store
from db.models import JobRun
from training.retraining.outcome import Outcome, remember
from watcher.config import Settings
from watcher.health import lines, status
from watcher.retraining import RetrainingError, ScheduledRetraining, _command, _wait, retraining
from watcher.schedule import Interrupted, Job, Schedule
from watcher.service import open_service


@pytest.fixture
def service(tmp_path):
    settings = Settings(
        data_dir=tmp_path / "data",
        retraining=ScheduledRetraining(cron="0 2 1 * *", reviews=7, datasets=(tmp_path / "more",)),
    )
    with open_service(settings) as service:
        yield service


def python(code):
    return [sys.executable, "-c", code]


def test_without_a_time_there_is_no_job(service):
    """Nothing is retrained unless somebody wants it."""
    never = ScheduledRetraining()
    assert [job.kind for job in retraining(service, threading.Event())] == ["retraining"]
    service = type(service)(
        service.settings.model_copy(update={"retraining": never}), service.data, service.ledger, service.redlist
    )
    assert retraining(service, threading.Event()) == []


def test_the_command_line_says_what_is_configured(service, tmp_path):
    """The process reads no configuration, so nothing can change between the daemon's start and its own."""
    words = _command(service)
    assert words[:4] == [sys.executable, "-m", "training", "retrain"]
    said = dict(zip(words[4::2], words[5::2], strict=True))
    assert said == {
        "--data": str(tmp_path / "data"),
        "--ledger": str(tmp_path / "data/trapline.db"),
        "--models": str(tmp_path / "data/models"),
        "--reviews": "7",
        "--reserved": "0.2",
        "--dataset": str(tmp_path / "more"),
    }


def test_what_the_process_says_is_kept(tmp_path):
    """In a file that a person can read while it runs; it is nice to the model that answers."""
    code = "import os; print('nice', os.getpriority(os.PRIO_PROCESS, 0) >= 0)"
    for _ in range(2):
        _wait(python(code), tmp_path / "runs/retraining.log", threading.Event())
    assert (tmp_path / "runs/retraining.log").read_text() == "nice True\n" * 2


def test_a_failure_is_told_in_the_process_s_last_words(tmp_path):
    """With the file that has the rest."""
    with pytest.raises(RetrainingError, match=r"^the disk is full \(see .*retraining\.log\)$"):
        _wait(
            python("print('much'); raise SystemExit('the disk is full')"),
            tmp_path / "retraining.log",
            threading.Event(),
        )


def test_a_killed_process_is_told(tmp_path):
    """Whoever killed it: the system for want of memory, or a person."""
    code = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    with pytest.raises(RetrainingError, match="killed by SIGKILL"):
        _wait(python(code), tmp_path / "retraining.log", threading.Event())


@pytest.mark.parametrize("stubborn", [False, True])
def test_the_process_ends_with_the_daemon(tmp_path, stubborn):
    """It is asked first and then made to."""
    mask = "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if stubborn else "pass"
    code = f"import os, signal, sys\n{mask}\nprint(os.getpid(), flush=True)\nsignal.pause()"
    told, stopping = tmp_path / "retraining.log", threading.Event()
    interrupted = []

    def work():
        try:
            _wait(python(code), told, stopping)
        except Interrupted:
            interrupted.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    while not (told.exists() and told.read_text().endswith("\n")):
        assert thread.is_alive()
        thread.join(0.05)
    stopping.set()
    thread.join(20)
    assert interrupted == [True]
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)


@pytest.fixture
def due(ledger):
    """Let a job have run an hour ago: ``due(kind)``."""

    def mark(kind):
        then = datetime.now(UTC) - timedelta(hours=1)
        with ledger.write() as session:
            store.finish_job(session, store.begin_job(session, kind, then, now=then), now=then)

    return mark


def test_an_interrupted_job_stays_open_and_runs_again(ledger, due):
    """It did not fail; the daemon stopped."""
    due("retraining")
    asked = []

    def interrupted(period):
        asked.append(period)
        if len(asked) == 1:
            raise Interrupted

    schedule, job = Schedule(ledger, []), Job("retraining", "* * * * *", "UTC", interrupted)
    schedule.run_due(job)
    with ledger.read() as session:
        assert [run.finished_at is None for run in session.scalars(select(JobRun).order_by(JobRun.period))] == [
            False,
            True,
        ]
    schedule.run_due(job)
    assert len(asked) == 2
    with ledger.read() as session:
        assert all(
            run.finished_at and run.failure is None
            for run in session.scalars(select(JobRun))
            if run.period in asked[1:]
        )


def test_a_long_job_holds_up_no_other(ledger, due):
    """The nightly report does not wait for a training that takes hours."""
    due("retraining")
    due("report")
    begun, end, reported = threading.Event(), threading.Event(), threading.Event()

    def long(_period):
        begun.set()
        end.wait(60)

    slow, quick = (
        Job("retraining", "* * * * *", "UTC", long),
        Job("report", "* * * * *", "UTC", lambda _: reported.set()),
    )
    schedule = Schedule(ledger, [slow, quick])
    schedule.start()
    assert begun.wait(60)
    assert reported.wait(60)
    assert schedule.stop(0.1) is False
    end.set()


def test_status_says_what_came_of_the_last_retraining(service):
    """When it ended, what answers now, and why."""
    assert status(service)["retraining"] is None
    finished = datetime(2026, 12, 1, 2, 30, tzinfo=UTC)
    remember(
        service.data.runs,
        Outcome(finished=finished, champion="old", challenger="new", promoted=True, reasons=("it is better",)),
    )
    state = status(service)
    assert state["retraining"] == {"finished": finished.isoformat(), "says": "new answers now: it is better"}
    assert "retrained 2026-12-01T02:30:00+00:00: new answers now: it is better" in list(lines(state))
