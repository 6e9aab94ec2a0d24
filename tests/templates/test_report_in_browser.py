from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page
from report_world import drawn, filling, report_of

from db.engine import open_ledger
from db.types import Decision, LinkKind, LinkStatus, State

LONG = "a_camera_folder_that_somebody_named_without_any_space_and_with_the_date_2026_11_24_twice_2026_11_24"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A report with everything in it, and every name too long for a phone."""
    folder = tmp_path_factory.mktemp("report")
    picture = drawn(folder / "kept" / "a.jpg")
    ledger = open_ledger(folder / "ledger.db")
    with filling(ledger) as world:
        model = world.model(f"starter-{LONG}", testing={f"stack_{LONG}": {"accuracy": 0.95, "macro_f1": 0.9}})
        stations = [world.station(f"{LONG}-{number}", "KE", latitude=-3.8, longitude=38.7) for number in range(2)]
        for station in stations:
            ids = [
                world.picture(station, model, label, kept=picture, gradcam=picture, size=size)
                for label, size in [
                    ("lion", (640, 480)),
                    ("rhino", (480, 640)),
                    ("rhino", (1920, 1080)),
                    ("panda", (9, 9)),
                ]
            ]
            world.picture(station, model, decision=Decision.UNFAMILIAR, time_status="missing")
            world.review(world.picture(station, model, kept=picture), LONG, reviewer=LONG)
            world.link(ids[2], ids[1], LinkKind.REEXPORT, LinkStatus.SUSPECTED)
            world.file(
                station, state=State.REJECTED, path=f"{LONG}/{station}\u202e{LONG}.JPG", reason=f"truncated: {LONG}"
            )
    yield report_of(ledger, folder)
    ledger.close()


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(browser_page: Page, report: Path, width: int, scheme: str) -> None:
    """At the widths of small phones, tablets and screens the page never scrolls sideways."""
    browser_page.set_viewport_size({"width": width, "height": 800})
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.goto(report.as_uri())
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= width
    outside = browser_page.evaluate(
        """() => [...document.querySelectorAll("main *, nav *, header > .inside *")]
            .filter(e => !e.closest(".unseen, thead, .category, .scroll"))
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert outside == []


def test_nothing_overflows_on_paper(browser_page: Page, report: Path) -> None:
    """What fits between the margins of an A4 page (182 mm, 688 px) is all there is."""
    browser_page.set_viewport_size({"width": 688, "height": 1000})
    browser_page.emulate_media(media="print")
    browser_page.goto(report.as_uri())
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= 688


def test_it_opens_without_a_word_of_complaint(browser_page: Page, report: Path) -> None:
    """The browser reports no refused style or script and no failed request, and asks for the file alone."""
    complaints, requests = [], []
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.on("request", lambda request: requests.append(request.url[:5]))
    browser_page.goto(report.as_uri())
    assert complaints == []
    assert set(requests) <= {"file:", "data:"}
    assert browser_page.evaluate("document.scripts.length") == 1
    assert browser_page.evaluate("getComputedStyle(document.querySelector('.gallery')).display") == "grid"


def test_every_figure_shows_a_picture_and_its_caption(browser_page: Page, report: Path) -> None:
    """The thumbnails decode, in the camera's proportions, and each caption has all its parts."""
    browser_page.goto(report.as_uri())
    figures = browser_page.locator(".gallery figure")
    assert figures.count() == 6
    for figure in figures.all():
        for image in figure.locator("img").all():
            assert image.get_attribute("alt")
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") in (192, 256)
        for part in (".title", ".category", ".sure", ".station", ".time"):
            assert figure.locator(f"figcaption {part}").inner_text().strip()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_sunlight_and_at_night(browser_page: Page, report: Path, scheme: str) -> None:
    """Every word has the contrast of WCAG AA, 4.5 to 1, against what it stands on."""
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.goto(report.as_uri())
    faint = browser_page.evaluate(
        """() => {
            const rgb = colour => colour.match(/[\\d.]+/g).map(Number);
            const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
            const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
            const ground = e => {
                for (; e; e = e.parentElement) {
                    const colour = rgb(getComputedStyle(e).backgroundColor);
                    if (colour.length === 3 || colour[3] === 1) return colour;
                }
                return [255, 255, 255];
            };
            return [...document.body.querySelectorAll("*")]
                .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
                .map(e => {
                    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
                    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 80)];
                })
                .filter(([contrast]) => contrast < 4.5);
        }"""
    )
    assert faint == []
