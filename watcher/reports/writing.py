"""The report: gather what the ledger says of a span of time, have it rendered, write it whole or not at all."""

import errno
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4
from zoneinfo import ZoneInfo

from db import store
from db.engine import Ledger
from db.models import Question, Report
from db.queries.reports import has_reports_in, is_latest, last_end
from db.redlist import RedList
from db.settings import LedgerSettings
from db.types import ReportKind
from ml.artifacts import answering
from ml.files import write_atomically
from watcher.reports.contents import Contents, House, Occasion, gather_contents
from watcher.reports.index import write_index
from watcher.reports.page import Pages, render
from watcher.reports.settings import ReportSettings

if TYPE_CHECKING:
    from watcher.service import Service

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAYS = {ReportKind.WEEKLY: 7, ReportKind.MONTHLY: 31}  # that the first report of a kind goes back


class ReportError(ValueError):
    """No report covers such a span; the message says why."""


def report_now(
    service: "Service",
    since: datetime | None = None,
    until: datetime | None = None,
    to: Path | None = None,
    *,
    kind: ReportKind = ReportKind.ASKED,
) -> Path:
    """Write a report, list it in ``index.html`` (unless it goes elsewhere, ``to``), and give its path.

    It begins where the last one of its kind before ``until`` ended (asked ones: the last nightly one), else some days
    before ``until``.
    """
    settings = service.settings.report
    with service.ledger.write():
        now = datetime.now(UTC)  # whatever bears an earlier time is committed
    until = until or now
    if since is None:
        of = ReportKind.NIGHTLY if kind is ReportKind.ASKED else kind
        with service.ledger.read() as session:
            last = last_end(session, of, before=until)
        since = last or until - timedelta(days=FIRST_DAYS.get(kind, settings.days))
    folder = to or service.reports
    if folder == settings.folder:  # the data folder's own cannot be away
        _check_folder(service.ledger, folder)
    path = write_report(
        service.ledger,
        service.data.root,
        folder,
        since=since,
        until=until,
        now=now,
        kind=kind,
        settings=settings,
        redlist=service.redlist,
        ledger_settings=service.settings.ledger,
        model_days=_model_days(service, now),
    )
    if to is None:
        write_index(service.ledger, service.reports, settings=settings, now=now)
    return path


def write_report(
    ledger: Ledger,
    data_dir: Path,
    folder: Path,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    settings: ReportSettings,
    redlist: RedList,
    ledger_settings: LedgerSettings,
    kind: ReportKind = ReportKind.ASKED,
    model_days: int | None = None,
) -> Path:
    """Write the report on what came after ``since`` and until ``until``, record it, and give its path.

    The file is named after ``until`` on the clock of the reports, and no other is overwritten; ``latest.html`` beside
    it becomes a copy of a nightly one unless an earlier one reaches further (of one that is asked for, where none is
    nightly). All appear whole, and the ledger
    learns of the report only then. ``model_days`` is the age of the model, where that is worth a word.

    Raises
    ------
    ReportError
        The span has not ended yet, or ends before it begins.
    OSError
        The folder cannot be written; the reports in it stay as they were.

    """
    timezone = ZoneInfo(settings.timezone)
    _check_span(since, until, now, timezone)
    occasion = Occasion(kind, uuid4().hex, since, until, now, timezone, settings.language, settings.rate_days)
    house = House(shutil.disk_usage(data_dir).free, model_days)
    with ledger.read() as session:
        contents = gather_contents(
            session, occasion, house, redlist=redlist, ledger=ledger_settings, review=settings.review != "none"
        )
    path = _free_path(folder, occasion)
    apart = path.with_stem(f"{path.stem}-review")
    pages = render(contents, data_dir, pictures=settings.pictures, review=settings.review, review_file=apart.name)
    if pages.review is not None:
        write_atomically(apart, pages.review.encode())
    write_atomically(path, pages.report.encode())
    with ledger.read() as session:
        latest = is_latest(session, kind, until, now)
    if latest:
        write_atomically(folder / "latest.html", pages.report.encode())
    with ledger.write() as session:
        store.report(session, *_row(path, contents, pages))
    return path


def _check_folder(ledger: Ledger, folder: Path) -> None:
    """Refuse a folder that held reports and is away: what is written in its place is hidden when the share is back."""
    with ledger.read() as session:
        if not folder.exists() and has_reports_in(session, str(folder)):
            raise FileNotFoundError(
                errno.ENOENT, "the folder of the reports is away: mount it, or make it anew", str(folder)
            )


def _check_span(since: datetime, until: datetime, now: datetime, timezone: ZoneInfo) -> None:
    begin, end = (f"{time.astimezone(timezone):%Y-%m-%d %H:%M}" for time in (since, until))
    if since < EARLIEST:
        raise ReportError(f"a report cannot begin at {begin}: no camera was there before {EARLIEST:%Y}")
    if until > now:
        raise ReportError(f"a report cannot reach to {end}, which is still to come: give an earlier --until, or none")
    if since >= until:
        raise ReportError(f"a report cannot begin at {begin} and end at {end}: give a --since before its end")


def _free_path(folder: Path, occasion: Occasion) -> Path:
    """Name the file; where that second has a report already, as when an hour comes twice, the name is numbered."""
    name = f"{occasion.until.astimezone(occasion.timezone):%Y-%m-%dT%H%M%S}"
    if occasion.kind not in {ReportKind.NIGHTLY, ReportKind.ASKED}:
        name += f"-{occasion.kind}"
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(path for path in (folder / f"{name}.html" for name in names) if not path.exists())


def _row(path: Path, contents: Contents, pages: Pages) -> tuple[Report, list[Question]]:
    occasion, events = contents.occasion, Counter[str]()
    for species in contents.data.species:
        events[species.title] += species.events
    report = Report(
        kind=occasion.kind,
        token=occasion.token,
        path=str(path),
        since=occasion.since,
        until=occasion.until,
        written_at=occasion.now,
        free_bytes=contents.disk.free_bytes,
        events=dict(events),
    )
    questions = [
        Question(media_id=asked.media_id, region=asked.region, prediction_id=asked.prediction_id, reason=asked.reason)
        for asked in pages.asked
    ]
    return report, questions


def _model_days(service: "Service", now: datetime) -> int | None:
    """Give the age of the model that answers, where people should look at it."""
    card = answering(service.data.models).card
    days = (now.date() - card.created).days if card else 0
    return days if days > service.settings.report.model_days else None
