"""What axe-core, the accessibility checker, finds in the pages that people open: nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from report_world import SINCE, UNTIL, drawn, filling, report_of

from db.engine import open_ledger
from db.types import Decision, LinkKind, LinkStatus, ReportKind, State
from watcher.reports.index import write_index
from watcher.reports.settings import ReportSettings

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A report with everything in it, its review apart, and the index."""
    folder = tmp_path_factory.mktemp("accessible")
    picture = drawn(folder / "kept" / "a.jpg")
    ledger = open_ledger(folder / "ledger.db")
    with filling(ledger) as world:
        model = world.model("starter-1", testing={"stack": {"accuracy": 0.95}})
        ridge = world.station("Ridge", "KE", latitude=-3.8, longitude=38.7)
        for hour, label in enumerate(["lion", "rhino", "cheetah", "african_elephant", "panda", "jaguar"]):
            at = datetime(2026, 11, 23, hour)  # noqa: DTZ001  # a camera's clock has no zone
            first = world.picture(ridge, model, label, kept=picture, gradcam=picture, at=at)
        again = world.picture(ridge, model, "jaguar", kept=picture, gradcam=picture)
        world.link(again, first, LinkKind.REEXPORT, LinkStatus.SUSPECTED)
        world.picture(world.station("Ford", None), model, decision=Decision.UNFAMILIAR, time_status="missing")
        world.review(world.picture(ridge, model, kept=picture, integrity="suspect"), "lion")
        world.file(ridge, state=State.REJECTED, path="Ridge/1.JPG", reason="truncated")
    report_of(ledger, folder, since=SINCE - timedelta(days=1), until=SINCE, kind=ReportKind.NIGHTLY)
    apart = report_of(ledger, folder, review="apart")
    whole = report_of(ledger, folder, kind=ReportKind.NIGHTLY)
    write_index(ledger, whole.parent, settings=ReportSettings(), now=UNTIL)
    yield {
        "report": whole,
        "review": apart.with_stem(f"{apart.stem}-review"),
        "index": whole.with_name("index.html"),
    }
    ledger.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")])
@pytest.mark.parametrize("page", ["report", "review", "index"])
def test_nothing_stands_in_anybody_s_way(
    browser_page: Page, pages: dict[str, Path], page: str, width: int, scheme: str
) -> None:
    """Landmarks, headings, names, contrast, keyboard: every rule of WCAG 2.2 AA that a program can check."""
    browser_page.set_viewport_size({"width": width, "height": 800})
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.goto(pages[page].as_uri())
    found = Axe().run(browser_page, options={"runOnly": RULES})
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []
    assert found.response["passes"]
