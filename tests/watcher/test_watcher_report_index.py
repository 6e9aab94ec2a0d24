"""The list of reports beside them, and a line for each animal."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from blank_ledger import new_ledger
from playwright.sync_api import Page

from db import store
from db.engine import Ledger
from db.models import Report
from db.types import ReportKind
from watcher.config import Settings
from watcher.reports.index import write_index
from watcher.reports.settings import ReportSettings
from watcher.reports.writing import report_now
from watcher.service import open_service

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
DAY = timedelta(days=1)
LONG = "an_animal_that_somebody_named_without_any_space_and_with_the_date_2026_11_24_twice_2026_11_24"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "reports").mkdir()
    return tmp_path / "reports"


def report(ledger: Ledger, folder: Path, name: str, until: datetime, kind: str = "nightly", **events: int) -> None:
    """A report was written, and its file is there."""
    (folder / name).write_text("a report")
    row = Report(
        kind=ReportKind(kind), token=uuid4().hex, path=str(folder / name), since=until - DAY, until=until,
        written_at=until, events=events,
    )  # fmt: skip
    with ledger.write() as session:
        store.report(session, row, [])


def index(ledger: Ledger, folder: Path, **settings: object) -> str:
    """Write the index and give its text."""
    write_index(ledger, folder, settings=ReportSettings.model_validate(settings), now=NOW)
    return (folder / "index.html").read_text("utf-8")


def text(page: str) -> str:
    """What a person reads of the page, the style left out."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)))


def test_reports_stand_in_the_order_in_which_they_end_each_with_its_kind(ledger: Ledger, folder: Path) -> None:
    """Nightly, weekly, monthly and asked ones, the newest first; those whose file is gone are left out."""
    for name, kind, days in [
        ("a.html", "nightly", 3), ("b.html", "weekly", 2), ("c.html", "monthly", 1), ("d.html", "asked", 0),
        ("gone.html", "nightly", 4),
    ]:  # fmt: skip
        report(ledger, folder, name, NOW - days * DAY, kind)
    (folder / "gone.html").unlink()
    page = index(ledger, folder)
    assert re.findall(r'<a href="([^"#]+)"', page) == ["d.html", "c.html", "b.html", "a.html"]
    said = text(page)
    kinds = ["asked for 23 Nov, 06:00 to 24 Nov, 06:00", "monthly 22 Nov", "weekly 21 Nov", "nightly 20 Nov"]
    places = [said.index(kind) for kind in kinds]
    assert places == sorted(places)
    assert "4 reports are in this folder." in said


def test_each_animal_has_a_line_of_the_last_nightly_reports(ledger: Ledger, folder: Path) -> None:
    """The last, least and most stand in words; an animal that a night did not see has a zero there."""
    for days in range(70):
        report(ledger, folder, f"{days}.html", NOW - days * DAY, Lion=days % 5, **{"Rhino": 9} if days == 2 else {})
    report(ledger, folder, "week.html", NOW, "weekly", Lion=500)
    report(ledger, folder, "asked.html", NOW, "asked", Lion=500)
    report(ledger, folder, "ahead.html", NOW + 3650 * DAY, Lion=500)
    page = index(ledger, folder)
    lines = [line.split() for line in re.findall(r'<polyline points="([^"]*)"', page)]
    assert [len(line) for line in lines] == [60, 60]
    assert [float(point.split(",")[0]) for point in lines[0]] == sorted(float(p.split(",")[0]) for p in lines[0])
    assert "each of the last 60 nightly reports" in text(page)
    rows = re.findall(r"<tr role=\"row\">\s*<th role=\"rowheader\".*?</tr>", page, re.DOTALL)
    assert [text(row).split() for row in rows] == [["Lion", "0", "0", "4"], ["Rhino", "0", "0", "9"]]
    rhino = [float(point.split(",")[1]) for point in lines[1]]
    assert rhino.index(min(rhino)) == 57  # of 0 … 59, the newest on the right
    assert len(set(rhino)) == 2


def test_an_index_of_nothing_says_so(ledger: Ledger, folder: Path) -> None:
    """And draws no line of no reports; one report is a line of one."""
    assert "No report is in this folder." in text(index(ledger, folder))
    report(ledger, folder, "a.html", NOW, Lion=1)
    assert re.findall(r'points="([^"]*)"', index(ledger, folder)) == ["4.0,4.0 "]


def test_names_are_shown_as_text(ledger: Ledger, folder: Path) -> None:
    """A title may come from a table of the station's own, and a file name from whoever set the folder."""
    report(ledger, folder, 'a"><script>alert(1)</script>.html'.replace("/", "_"), NOW, **{"<b>Lion</b>": 1})
    page = index(ledger, folder)
    assert "<script" not in page
    assert "<b>Lion" not in page


def test_every_language_has_its_index(ledger: Ledger, folder: Path) -> None:
    """The page says which it is in."""
    report(ledger, folder, "a.html", NOW, Lion=1)
    for language in ("en", "fr", "es", "pt", "sw", "id"):
        assert f'<html lang="{language}">' in index(ledger, folder, language=language)


def test_a_report_that_is_asked_for_is_listed_unless_it_goes_elsewhere(tmp_path: Path) -> None:
    """Nothing but the report is written into a folder that somebody names."""
    with open_service(Settings(data_dir=tmp_path / "data")) as service:
        elsewhere = report_now(service, to=tmp_path / "elsewhere")
        path = report_now(service)
    assert f'href="{path.name}"' in path.with_name("index.html").read_text("utf-8")
    assert sorted(file.name for file in elsewhere.parent.iterdir()) == [elsewhere.name, "latest.html"]


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(browser_page: Page, ledger: Ledger, folder: Path, width: int, scheme: str) -> None:
    """On small phones, tablets and screens the index never scrolls sideways, and its policy breaks nothing."""
    for days in range(60):
        report(ledger, folder, f"{days}.html", NOW - days * DAY, **{LONG: days * 1000, "Lion": days % 3})
    index(ledger, folder, timezone="America/Argentina/ComodRivadavia")
    told: list[str] = []
    browser_page.on("console", lambda message: told.append(message.text))
    browser_page.set_viewport_size({"width": width, "height": 800})
    browser_page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    browser_page.goto((folder / "index.html").as_uri())
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert browser_page.evaluate("getComputedStyle(document.querySelector('.sparkline polyline')).fill") == "none"
    assert told == []
