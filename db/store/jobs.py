"""Scheduled jobs and their runs."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.models import JobRun


def begin_job(session: Session, kind: str, period: datetime, *, now: datetime, missed: int = 0) -> int | None:
    """Claim a job for its period; None where it ran to its end before. One that was cut off is claimed again.

    ``missed`` periods before it went by without a run, and are made good by this one.
    """
    known = session.scalar(select(JobRun).where(JobRun.kind == kind, JobRun.period == period))
    if known is not None and known.finished_at is not None:
        return None
    if known is None:
        known = JobRun(kind=kind, period=period, missed=missed)
        session.add(known)
    known.started_at, known.failure = now, None
    session.flush()
    return known.id


def schedule_job(session: Session, kind: str, *, now: datetime) -> None:
    """Note that a job is scheduled from now on: what is due later and does not run is missed, what was due is not."""
    session.add(JobRun(kind=kind, period=now, started_at=now, finished_at=now))


def forget_jobs_ahead(session: Session, kind: str, now: datetime) -> None:
    """Forget the runs of a job for periods after ``now``: a clock that ran ahead began them, and they are to come."""
    session.execute(delete(JobRun).where(JobRun.kind == kind, JobRun.period > now))


def fail_job(session: Session, job_id: int, *, failure: str) -> None:
    """Record why a job could not run now; its period stays open."""
    session.get_one(JobRun, job_id).failure = failure


def finish_job(session: Session, job_id: int, *, now: datetime, failure: str | None = None) -> None:
    """Record how a job ended."""
    job = session.get_one(JobRun, job_id)
    job.finished_at, job.failure = now, failure
