"""Names and words of strangers, in a real browser: they are shown, and do nothing."""

from pathlib import Path

import pytest
from blank_ledger import new_ledger
from playwright.sync_api import Page
from report_world import drawn, filling, report_of

from db.types import Decision, LinkKind, LinkStatus, State

HOSTILE = [
    "<script>window.harmed=1</script>",
    "\"'><img src=x onerror=window.harmed=1>",
    "</title></style><svg onload=window.harmed=1>",
    "<a href=javascript:window.harmed=1>tap</a>",
    "<link rel=stylesheet href=http://198.51.100.7/a.css>",
    '=HYPERLINK("http://198.51.100.7","tap")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "{{ 7 * 7 }}{% raw %}%(count)s %s %",
    "gnp.\u202eexe\u2066\u2069\u200f\u202e",
    "&lt;b&gt; &amp; &#x3c;i&#x3e;",
    "\u200f\u0627\u0644\u0639\u0631\u0628\u064a\u0629\u200f \u05e2\u05d1\u05e8\u05d9\u05ea \u0000",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_does_nothing(browser_page: Page, tmp_path: Path, name: str) -> None:
    """No script runs, nothing is asked of a network, no dialog opens, and the page is as wide as the phone."""
    picture = drawn(tmp_path / "kept" / "a.jpg")
    ledger = new_ledger(tmp_path / "ledger.db")
    with filling(ledger) as world:
        station, model = world.station(name, camera=name), world.model(name, **{name: {name: 0.5}})
        first, again = (world.picture(station, model, kept=picture, gradcam=picture) for _ in range(2))
        world.picture(station, model, "rhino", kept=picture, gradcam=picture, time_status="missing")
        world.picture(station, model, "cheetah", decision=Decision.UNFAMILIAR, kept=picture, gradcam=picture)
        world.review(world.picture(station, model, kept=picture), name, reviewer=name)
        world.link(again, first, LinkKind.REEXPORT, LinkStatus.SUSPECTED)
        world.file(station, state=State.REJECTED, path=f"{name}.jpg", reason=name)
    report = report_of(ledger, tmp_path)
    ledger.close()
    requests, dialogs, complaints = [], [], []
    browser_page.on("request", lambda request: requests.append(request.url))
    browser_page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.set_viewport_size({"width": 360, "height": 800})
    browser_page.goto(report.as_uri())
    browser_page.get_by_label("Your name").fill(name)
    browser_page.locator(".confirm").first.click()
    with browser_page.expect_download():
        browser_page.get_by_role("button", name="Save corrections").click()
    assert browser_page.evaluate("window.harmed") is None
    assert {url.partition(":")[0] for url in requests} <= {"file", "data", "blob"}
    assert dialogs == []
    assert complaints == []
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= 360
    assert browser_page.evaluate("[...document.querySelectorAll('a')].every(a => a.hash && a.protocol === 'file:')")
