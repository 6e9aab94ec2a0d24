"""The list of reports, ``index.html`` beside them: which there are, and how often each animal came of late."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from db.engine import Ledger
from db.queries.reports import Written, written
from db.types import ReportKind
from ml.files import write_atomically
from watcher.reports.settings import ReportSettings
from watcher.reports.wording import environment, policy_hash

NIGHTS = 60  # nightly reports that a line goes back
WIDTH, HEIGHT, EDGE = 160, 36, 4  # of a line, in the units of its drawing; the edge is room for the stroke


@dataclass(frozen=True, slots=True)
class Line:
    """A species' independent events by nightly report, the oldest first; ``points`` are those of an SVG polyline."""

    title: str
    events: tuple[int, ...]

    @property
    def points(self) -> list[tuple[float, float]]:
        """Where each report lies in the drawing, from zero at the bottom to the most at the top."""
        step = (WIDTH - 2 * EDGE) / max(1, len(self.events) - 1)
        rise = (HEIGHT - 2 * EDGE) / max(1, *self.events)
        return [
            (round(EDGE + place * step, 1), round(HEIGHT - EDGE - events * rise, 1))
            for place, events in enumerate(self.events)
        ]


def write_index(ledger: Ledger, folder: Path, *, settings: ReportSettings, now: datetime) -> None:
    """Write ``index.html`` into ``folder``: the reports of the ledger that lie there, the newest first.

    The lines are of the last 60 nightly reports, of whichever the file is still there or not. Raises ``OSError``.
    """
    with ledger.read() as session:
        reports = written(session)
    timezone = ZoneInfo(settings.timezone)
    words = environment(settings.language, timezone, year=now.astimezone(timezone).year)
    page = words.get_template("report/index.html.j2").render(
        reports=[(report, Path(report.path).name) for report in reports if (folder / Path(report.path).name).is_file()],
        lines=_lines(reports, now),
        size=(WIDTH, HEIGHT),
        now=now,
        zone=timezone.key,
        style_hash=policy_hash(words, "style.css"),
    )
    write_atomically(folder / "index.html", page.encode())


def _lines(reports: Sequence[Written], now: datetime) -> list[Line]:
    """Give a line for each species of the last nightly reports up to now (a clock may run ahead), most seen first."""
    nightly = [report for report in reports if report.kind is ReportKind.NIGHTLY and report.until <= now]
    nights = nightly[:NIGHTS][::-1]
    totals = sum((Counter(report.events) for report in nights), Counter[str]())
    return [
        Line(title, tuple(report.events.get(title, 0) for report in nights))
        for title, _ in sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    ]
