"""The report: gather what the ledger says of a span of time, have it rendered, write it whole or not at all."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from db import store
from db.engine import Ledger
from db.models import Report
from db.queries.report import gather
from db.queries.status import last_end, newest_end
from db.redlist import RedList
from db.settings import LedgerSettings
from db.types import ReportKind
from ml.files import write_atomically
from watcher.report_page import render
from watcher.schedule import Cron, Job, TimeZone

if TYPE_CHECKING:
    from watcher.service import Service

log = logging.getLogger(__name__)


class ReportError(ValueError):
    """No report covers such a span; the message says why."""


class ReportSettings(BaseModel):
    """The ``[report]`` section of ``config.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cron: Cron = Field("0 6 * * *", description="when the report is written: minute hour day month weekday")
    timezone: TimeZone = Field(
        "UTC", description="the IANA time zone of that hour and of the times in the report, such as Africa/Nairobi"
    )
    folder: Path | None = Field(
        None, description="where reports are written, such as a folder on the share; else reports/ in the data folder"
    )
    pictures: int = Field(60, ge=0, description="pictures shown at most; a report stays below 1.5 MB in any case")
    days: int = Field(
        1, gt=0, description="days that the first report goes back; each later one starts at the last nightly one"
    )


def nightly_report(service: "Service") -> Job:
    """Give the job that writes the report on what came since the last nightly one; it alone moves that window."""

    def write(_period: datetime) -> None:
        log.info("wrote %s", report_now(service, kind=ReportKind.NIGHTLY))

    return Job("report", service.settings.report.cron, service.settings.report.timezone, write)


def report_now(
    service: "Service",
    since: datetime | None = None,
    until: datetime | None = None,
    to: Path | None = None,
    *,
    kind: ReportKind = ReportKind.ASKED,
) -> Path:
    """Write a report; it begins where the last nightly one before ``until`` ended, or ``days`` before ``until``."""
    settings = service.settings.report
    with service.ledger.write():
        now = datetime.now(UTC)  # whatever bears an earlier time is committed
    until = until or now
    if since is None:
        with service.ledger.read() as session:
            since = last_end(session, ReportKind.NIGHTLY, before=until) or until - timedelta(days=settings.days)
    return write_report(
        service.ledger,
        service.data.root,
        to or service.reports,
        since=since,
        until=until,
        redlist=service.redlist,
        ledger_settings=service.settings.ledger,
        now=now,
        timezone=ZoneInfo(settings.timezone),
        pictures=settings.pictures,
        kind=kind,
    )


def write_report(
    ledger: Ledger,
    data_dir: Path,
    folder: Path,
    *,
    since: datetime,
    until: datetime,
    redlist: RedList,
    ledger_settings: LedgerSettings,
    now: datetime,
    timezone: ZoneInfo,
    pictures: int = 60,
    kind: ReportKind = ReportKind.ASKED,
) -> Path:
    """Write the report on what came after ``since`` and until ``until``, record it, and give its path.

    The file is named after ``until`` on the clock of ``timezone``; ``latest.html`` beside it becomes a copy unless an
    earlier report reaches further. Both appear whole, and the ledger learns of the report only then. At most
    ``pictures`` figures are shown, fewer where the file would pass 1.5 MB.

    Raises
    ------
    ReportError
        The span has not ended yet, or ends before it begins.
    OSError
        The folder cannot be written; the reports in it stay as they were.

    """
    _check_span(since, until, now, timezone)
    with ledger.read() as session:
        newest = newest_end(session, now)
        data = gather(session, since=since, until=until, redlist=redlist, settings=ledger_settings)
    page = render(
        data,
        data_dir,
        timezone,
        pictures=pictures,
        since=since,
        until=until,
        now=now,
        redlist=redlist,
        event_minutes=ledger_settings.event_minutes,
    ).encode()
    path = folder / f"{until.astimezone(timezone):%Y-%m-%dT%H%M%S}.html"
    write_atomically(path, page)
    if newest is None or newest <= until:
        write_atomically(folder / "latest.html", page)
    with ledger.write() as session:
        report = Report(kind=kind, token=uuid4().hex, path=str(path), since=since, until=until, written_at=now)
        store.report(session, report, [])
    return path


def _check_span(since: datetime, until: datetime, now: datetime, timezone: ZoneInfo) -> None:
    begin, end = (f"{time.astimezone(timezone):%Y-%m-%d %H:%M}" for time in (since, until))
    if until > now:
        raise ReportError(f"a report cannot reach to {end}, which is still to come: give an earlier --until, or none")
    if since >= until:
        raise ReportError(f"a report cannot begin at {begin} and end at {end}: give a --since before its end")
