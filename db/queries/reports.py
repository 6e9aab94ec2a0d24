"""The reports that were written: where one ends, the next of its kind begins; and what each counted."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Report
from db.types import ReportKind


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written; ``events`` are its independent events by title."""

    kind: ReportKind
    path: str
    since: datetime
    until: datetime
    events: dict[str, int]


def last_end(session: Session, kind: ReportKind, before: datetime) -> datetime | None:
    """Give the end of the report of this kind that ended last before this time, which a clock set wrong may pass."""
    return session.scalar(select(func.max(Report.until)).where(Report.kind == kind, Report.until < before))


def is_latest(session: Session, kind: ReportKind, until: datetime, now: datetime) -> bool:
    """Tell whether a report is the one to open: the newest nightly one, or where none ever was, the newest asked for.

    Those of a clock that ran ahead of ``now`` do not count.
    """
    of = select(func.max(Report.until)).where(Report.until <= now)
    nightly = session.scalar(of.where(Report.kind == ReportKind.NIGHTLY))
    asked = session.scalar(of.where(Report.kind == ReportKind.ASKED))
    if kind is ReportKind.NIGHTLY:
        return nightly is None or nightly <= until
    return kind is ReportKind.ASKED and nightly is None and (asked is None or asked <= until)


def written(session: Session) -> list[Written]:
    """Give all reports, the newest first."""
    rows = session.scalars(select(Report).order_by(Report.until.desc(), Report.id.desc()))
    return [Written(row.kind, row.path, row.since, row.until, row.events) for row in rows]


def has_reports_in(session: Session, folder: str) -> bool:
    """Tell whether any report was ever written into this folder."""
    below = Report.path.startswith(f"{folder}/", autoescape=True)
    return session.scalar(select(Report.id).where(below).limit(1)) is not None
