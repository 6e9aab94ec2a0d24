"""The scheduled reports, a job a kind: nightly, weekly and monthly, each with a window of its own."""

import logging
import threading
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from db.queries.reports import last_end
from db.types import ReportKind
from watcher.reports.writing import report_now
from watcher.schedule import Job

if TYPE_CHECKING:
    from watcher.service import Service

log = logging.getLogger(__name__)


def report_jobs(service: "Service") -> list[Job]:
    """Give the jobs that have a time set; each writes what came since its last report, however long ago that was."""
    settings = service.settings.report
    crons = {
        ReportKind.NIGHTLY: settings.nightly,
        ReportKind.WEEKLY: settings.weekly,
        ReportKind.MONTHLY: settings.monthly,
    }
    writing = threading.Lock()  # one after another: memory is short, and each index knows of the reports before it

    def write(kind: ReportKind, period: datetime) -> None:
        with writing:
            with service.ledger.read() as session:
                last = last_end(session, kind, before=datetime.now(UTC))
            if last is not None and last >= period:
                log.info("the %s report that was due at %s had been written", kind, period.isoformat())
                return  # the power was cut between the report and the word that the job had ended
            log.info("wrote %s", report_now(service, kind=kind))

    return [
        Job(f"{kind} report", cron, settings.timezone, partial(write, kind)) for kind, cron in crons.items() if cron
    ]
