"""What the house needs: jobs that did not run as they should, and how long the disk lasts."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from ledger_builders import NOW
from sqlalchemy.orm import Session

from db import store
from db.engine import Ledger
from db.models import Report
from db.queries.upkeep import disk_days_left, missed_jobs
from db.types import ReportKind

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
GIB = 2**30


def run(session: Session, kind: str, begun: datetime, *, missed: int = 0, failure: str = "", ends: bool = True) -> None:
    """A job ran; it was due a minute before."""
    number = store.begin_job(session, kind, begun - timedelta(minutes=1), now=begun, missed=missed)
    if ends:
        store.finish_job(session, number or 0, now=begun + timedelta(minutes=1), failure=failure or None)


def told(session: Session, since: datetime, until: datetime) -> list[tuple[str, int, str | None]]:
    return [(job.kind, job.missed, job.failure) for job in missed_jobs(session, since, until)]


def test_a_run_that_failed_or_made_others_good_is_told_and_one_that_went_well_is_not(ledger: Ledger) -> None:
    """In the span in which it began, with the time it was due."""
    with ledger.write() as session:
        run(session, "nightly report", NOW - HOUR, missed=3)
        run(session, "weekly report", NOW - 2 * HOUR, failure="OSError: the share is away")
        run(session, "monthly report", NOW - 3 * HOUR)
        run(session, "nightly report", NOW - 2 * DAY, missed=7)
        assert told(session, NOW - DAY, NOW) == [
            ("weekly report", 0, "OSError: the share is away"),
            ("nightly report", 3, None),
        ]
        assert missed_jobs(session, NOW - DAY, NOW)[0].period == NOW - 2 * HOUR - timedelta(minutes=1)


def test_a_job_that_still_runs_is_not_told(ledger: Ledger) -> None:
    """The report's own run among them: it has not ended while the report is written."""
    with ledger.write() as session:
        run(session, "nightly report", NOW, ends=False)
        run(session, "retraining", NOW - 20 * HOUR, ends=False)
        assert told(session, NOW - DAY, NOW) == []


def test_a_job_that_was_cut_off_and_not_run_since_is_told_once(ledger: Ledger) -> None:
    """In the one of several spans in a row in which it had a day to end."""
    with ledger.write() as session:
        run(session, "retraining", NOW - 30 * HOUR, ends=False)
        run(session, "nightly report", NOW - 29 * HOUR, ends=False)
        run(session, "nightly report", NOW - 5 * HOUR)  # this one was run since
        spans = [(NOW - days * DAY, NOW - (days - 1) * DAY) for days in (3, 2, 1, 0)]
        assert [told(session, *span) for span in spans] == [[], [], [("retraining", 0, None)], []]


def report(session: Session, at: datetime, free_bytes: int | None) -> None:
    written = Report(
        kind=ReportKind.NIGHTLY, token=uuid4().hex, path="x", since=at - DAY, until=at, written_at=at,
        free_bytes=free_bytes,
    )  # fmt: skip
    store.report(session, written, [])


def test_a_disk_that_fills_evenly_lasts_as_long_as_its_pace_says(ledger: Ledger) -> None:
    """One GiB a day, twelve left."""
    with ledger.write() as session:
        for days in range(10):
            report(session, NOW - days * DAY, (12 + days) * GIB)
        assert disk_days_left(session, NOW, 12 * GIB) == pytest.approx(12)
        assert disk_days_left(session, NOW, 3 * GIB) == pytest.approx(3)


@pytest.mark.parametrize(
    ("reports", "why"),
    [
        ([], "there is none"),
        ([(0, 5), (3, 9)], "two say nothing of a pace"),
        ([(0, 5), (0.5, 6), (1, 7)], "a day says little"),
        ([(0, 9), (2, 8), (4, 7)], "it is being freed"),
        ([(0, 9), (2, 9), (4, 9)], "it stays as it is"),
        ([(0, None), (2, None), (4, None)], "nobody looked"),
        ([(15, 5), (17, 6), (19, 7)], "that was long ago"),
        ([(-9, 5), (-7, 6), (-5, 7)], "a clock ran ahead"),
    ],
)
def test_where_nothing_can_be_said_nothing_is(ledger: Ledger, reports: list[tuple[float, int]], why: str) -> None:
    """Fewer than three reports, less than two days, or a disk that does not fill."""
    with ledger.write() as session:
        for days, free in reports:
            report(session, NOW - days * DAY, free and free * GIB)
        assert disk_days_left(session, NOW, 5 * GIB) is None, why


@pytest.mark.parametrize("shift", range(4))
def test_a_little_noise_changes_the_days_a_little(ledger: Ledger, shift: int) -> None:
    """A temporary file of a hundred megabytes, on whichever nights, does not turn a month into a week."""
    with ledger.write() as session:
        for days in range(14):
            report(session, NOW - days * DAY, (30 + days) * GIB - (days + shift) % 4 // 3 * GIB // 10)
        assert disk_days_left(session, NOW, 30 * GIB) == pytest.approx(30, rel=0.05)
