"""What the house itself needs: jobs that did not run as they should, and how long the disk lasts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import linear_regression

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from db.models import JobRun, Report
from db.queries.received import in_span

CUT_OFF = timedelta(days=1)  # a run that has not ended after this long, and was not repeated, never will
PACE = timedelta(days=14)
PACE_REPORTS = 3  # at least, over
PACE_DAYS = 2.0
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MissedJob:
    """A run that failed, that made good ``missed`` earlier periods, or (neither of them) that was cut off."""

    kind: str
    missed: int
    failure: str | None
    period: datetime  # the time it was due
    started_at: datetime


def missed_jobs(session: Session, since: datetime, until: datetime) -> tuple[MissedJob, ...]:
    """Give the runs begun in (since, until] that failed or made good others, and those cut off, the earliest first.

    A run that ends neither within a day nor with a later run of its kind was cut off; it is told in the span in which
    that day is over, so that adjoining spans tell it once and nothing that still runs is told.
    """
    later = aliased(JobRun)
    repeated = exists().where(later.kind == JobRun.kind, later.started_at > JobRun.started_at)
    told = (JobRun.failure.is_not(None) | (JobRun.missed > 0)) & in_span(JobRun.started_at, since, until)
    cut_off = JobRun.finished_at.is_(None) & ~repeated & in_span(JobRun.started_at, since - CUT_OFF, until - CUT_OFF)
    rows = session.scalars(select(JobRun).where(or_(told, cut_off)).order_by(JobRun.started_at, JobRun.id))
    return tuple(MissedJob(run.kind, run.missed, run.failure, run.period, run.started_at) for run in rows)


def disk_days_left(session: Session, now: datetime, free_bytes: int) -> float | None:
    """Give the days until ``free_bytes`` are used up at the pace of the last 14 days' reports.

    The pace is the slope of the least-squares line through what was free when they were written. None where there are
    fewer than three of them, where they lie within less than two days, or where the disk does not fill.
    """
    written = session.execute(
        select(Report.written_at, Report.free_bytes)
        .where(Report.free_bytes.is_not(None), in_span(Report.written_at, now - PACE, now))
        .order_by(Report.written_at)
    ).all()
    if len(written) < PACE_REPORTS:
        return None
    days = [(report.written_at - written[0].written_at) / DAY for report in written]
    if days[-1] < PACE_DAYS:
        return None
    pace = linear_regression(days, [float(report.free_bytes) for report in written]).slope
    return free_bytes / -pace if pace < 0 else None
