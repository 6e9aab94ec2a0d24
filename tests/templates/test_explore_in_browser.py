"""The page about a data set in a real browser: on a telephone and on a screen, by day and by night."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page
from rich.console import Console

from training.corrections import Correction
from training.dataset import class_folders
from training.examples import sort_out
from training.exploring import page as explore_page
from training.exploring.explore import explore

LONG = "a_picture_that_somebody_named_without_any_space_and_with_the_date_2026_11_24_twice_2026_11_24"
ATTACK = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    """Three classes in two splits, with copies, something unreadable, and names too long for a telephone."""
    folder = tmp_path_factory.mktemp("dataset") / LONG
    random = np.random.default_rng(2)
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = LONG, "One"
    tags.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    for split in ("Train", "Valid"):
        for label in ("african_elephant", "lion", "person"):
            (folder / split / label).mkdir(parents=True)
            for number, side in enumerate((40, 64, 90)):
                blocks = Image.fromarray(random.integers(0, 255, (8, 8, 3), np.uint8)).resize((side, 64))
                blocks.save(folder / split / label / f"{LONG}{number}.jpg", exif=tags)
    lion = folder / "Train" / "lion"
    (lion / f"{LONG}.jpg").write_text("nothing")
    (lion / f"{ATTACK.replace('/', '')}.jpg").write_bytes((lion / f"{LONG}0.jpg").read_bytes())
    shutil.copy(lion / f"{LONG}1.jpg", folder / "Train" / "african_elephant" / f"again {LONG}.jpg")
    return explore(class_folders(folder), size=32, console=Console(quiet=True))


@pytest.fixture(scope="module")
def suspects(explored):
    """Every picture, with a reason that is long."""
    return [
        Correction(each.picture.sha256, str(each.path), each.label, "amur_leopard", 0.97, f"looks like {LONG} {ATTACK}")
        for each in {each.picture.sha256: each for each in explored.readable}.values()
    ]


@pytest.fixture(scope="module")
def report(explored, suspects, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "explore.html"
    explore_page.write(explored, suspects, file)
    return file


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(browser_page: Page, report, width, scheme):
    """At the widths of small phones, tablets and screens the page never scrolls sideways."""
    browser_page.set_viewport_size({"width": width, "height": 800})
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.goto(report.as_uri())
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= width
    outside = browser_page.evaluate(
        """() => [...document.querySelectorAll("main *, nav *, header > .inside *")]
            .filter(e => !e.closest(".unseen, thead, .category") && e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert outside == []


def test_it_opens_without_a_word_of_complaint(browser_page: Page, report):
    """No refused style, no failed request, no script, whatever files are called."""
    complaints, requests = [], []
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.on("request", lambda request: requests.append(request.url[:5]))
    browser_page.goto(report.as_uri())
    assert complaints == []
    assert set(requests) <= {"file:", "data:"}
    assert browser_page.evaluate("document.scripts.length") == 0


def test_the_contact_sheet_shows_each_suspect_and_no_person(browser_page: Page, report, suspects):
    """Each has its label, suggestion, confidence, reason and picture with words for it; a person is never shown."""
    browser_page.goto(report.as_uri())
    figures = browser_page.locator("#suspects figure")
    assert figures.count() == len(suspects)
    for figure, suspect in zip(figures.all(), suspects, strict=True):
        said = figure.inner_text()
        for part in ("amur leopard", "97%", "looks like"):
            assert part in said
        assert figure.locator("img").count() == (suspect.label != "person")
    for image in browser_page.locator("#suspects img").all():
        assert image.get_attribute("alt")
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_tables_and_plots_can_be_read_without_eyes(browser_page: Page, report):
    """Every section and table is titled, and every plot is described beside it."""
    browser_page.goto(report.as_uri())
    assert browser_page.locator("h1").count() == 1
    assert browser_page.locator("section[aria-labelledby]").count() == browser_page.locator("section").count() == 5
    assert browser_page.locator("table").count() == browser_page.locator("caption").count() > 2
    plots = browser_page.locator("figure.plot")
    assert plots.count() == 4
    for plot in plots.all():
        assert plot.locator("figcaption").inner_text()


@pytest.mark.parametrize(("suspects", "said"), [(None, "--no-suspects"), ([], "No label looks wrong")])
def test_a_page_without_suspects_says_why(explored, tmp_path, suspects, said):
    """Nothing found is not the same as nothing looked for."""
    explore_page.write(explored, suspects, tmp_path / "explore.html")
    assert said in (tmp_path / "explore.html").read_text()


def test_what_is_not_there_needs_no_section_of_its_own(explored, tmp_path):
    """Without copies, damage or capture times the page says so, or says nothing."""
    sound = tuple(each for each in explored.files if each.example and each.split == "valid")
    alone = replace(explored, files=sound, near={}, sorted_out=sort_out([each.example for each in sound]))
    explore_page.write(alone, [], tmp_path / "explore.html")
    page = (tmp_path / "explore.html").read_text()
    assert "Every file can be read." in page
    assert "No file is a copy of another." in page
