"""The part to review, as a ranger uses it: taps, a list, a saved file."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from report_world import drawn, filling, report_of
from sqlalchemy import text

from db.engine import Ledger, open_ledger
from db.types import Decision
from watcher.reviews.document import parse


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def ledger(data: Path) -> Iterator[Ledger]:
    """Six answered pictures, one unlike anything learned, and one of a person."""
    picture = drawn(data / "kept" / "a.jpg")
    opened = open_ledger(data / "ledger.db")
    with filling(opened) as world:
        ridge, model = world.station("Ridge"), world.model()
        for hour in range(5):
            at = datetime(2026, 11, 23, hour, 15)  # noqa: DTZ001  # a camera's clock has no zone
            world.picture(ridge, model, "lion", kept=picture, gradcam=picture, at=at)
        world.picture(ridge, model, "panda", kept=picture, gradcam=picture)
        noon = datetime(2026, 11, 23, 12)  # noqa: DTZ001
        world.picture(ridge, model, "cheetah", kept=picture, gradcam=picture, decision=Decision.UNFAMILIAR, at=noon)
        world.picture(ridge, model, decision=Decision.OTHER, background="person", kept=picture, gradcam=picture)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def report(ledger: Ledger, data: Path) -> Path:
    return report_of(ledger, data)


def saved(page: Page) -> dict[str, Any]:
    """Tap "Save corrections" and read the file that comes."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save corrections").click()
    assert download.value.suggested_filename.startswith("corrections-")
    assert download.value.suggested_filename.endswith(".json")
    content: dict[str, Any] = json.loads(download.value.path().read_text("utf-8"))
    return content


def test_one_tap_confirms_and_a_list_corrects(browser_page: Page, report: Path) -> None:
    """The saved file says what was tapped and chosen, by the name that was typed, and of which report."""
    browser_page.goto(report.as_uri())
    questions = browser_page.locator(".question")
    media = [question.get_attribute("data-media") for question in questions.all()[:3]]
    questions.nth(0).locator(".confirm").click()
    questions.nth(1).get_by_role("combobox").select_option("Person")
    questions.nth(2).locator(".confirm").click()
    questions.nth(2).locator(".confirm").click()  # and takes it back
    browser_page.get_by_label("Your name").fill("Asha")
    before = datetime.now(UTC) - timedelta(minutes=1)
    content = saved(browser_page)
    assert (content["format"], content["version"], content["reviewer"]) == ("trapline-corrections", 1, "Asha")
    assert content["report"] == browser_page.locator("#review").get_attribute("data-report")
    confirmed = questions.nth(0).locator(".confirm").get_attribute("data-label")
    words = content["corrections"]
    assert [(word["media"], word["label"]) for word in words] == [(media[0], confirmed), (media[1], "person")]
    assert all(before < datetime.fromisoformat(word["said_at"]) <= datetime.now(UTC) for word in words)
    assert browser_page.get_by_role("status").inner_text().startswith("2 / ")
    assert json.loads(browser_page.locator("textarea").input_value()) == content


def test_each_saved_file_has_a_name_of_its_own(browser_page: Page, report: Path) -> None:
    """Two files of one evening are two documents, so that neither is taken for a copy of the other."""
    browser_page.goto(report.as_uri())
    browser_page.locator(".confirm").first.click()
    browser_page.get_by_label("Your name").fill("Asha")
    assert saved(browser_page)["id"] != saved(browser_page)["id"]


def test_two_people_with_one_phone_speak_for_themselves(browser_page: Page, report: Path) -> None:
    """What Asha saved is not said again by Ben; what Asha said before is in her next file, with its own time."""
    browser_page.goto(report.as_uri())
    browser_page.locator(".confirm").nth(0).click()
    browser_page.get_by_label("Your name").fill("Asha")
    (first,) = saved(browser_page)["corrections"]
    browser_page.reload()
    browser_page.locator(".confirm").nth(1).click()
    assert not browser_page.locator("details.text").is_visible()
    browser_page.get_by_label("Your name").fill("Ben")
    (word,) = saved(browser_page)["corrections"]
    assert word["media"] != first["media"]
    browser_page.locator(".confirm").nth(2).click()
    browser_page.get_by_label("Your name").fill("Asha")
    assert first in saved(browser_page)["corrections"]


def test_what_was_tapped_is_there_after_the_page_was_closed(browser_page: Page, report: Path) -> None:
    """A phone that runs out of battery loses no work."""
    browser_page.goto(report.as_uri())
    browser_page.locator(".confirm").nth(1).click()
    browser_page.locator(".correct").nth(3).select_option("blank")
    browser_page.reload()
    assert browser_page.locator(".confirm").nth(1).get_attribute("aria-pressed") == "true"
    assert browser_page.locator(".correct").nth(3).input_value() == "blank"
    assert browser_page.locator(".checked").inner_text() == "2"


def test_nothing_is_saved_without_a_name_or_a_word(browser_page: Page, report: Path) -> None:
    """A file that says nothing, or that nobody stands for, helps nobody."""
    downloads = []
    browser_page.on("download", lambda download: downloads.append(download.suggested_filename))
    browser_page.goto(report.as_uri())
    browser_page.get_by_label("Your name").fill("  ")
    browser_page.get_by_role("button", name="Save corrections").click()
    browser_page.get_by_label("Your name").fill("Asha")
    browser_page.get_by_role("button", name="Save corrections").click()
    assert browser_page.locator(":focus").get_attribute("class") == "confirm"
    assert downloads == []


def test_the_keyboard_is_enough(browser_page: Page, report: Path) -> None:
    """Tab reaches the answer, space confirms it, and the list beside it is next."""
    browser_page.goto(report.as_uri())
    browser_page.locator(".confirm").first.focus()
    browser_page.keyboard.press("Space")
    assert browser_page.locator(".confirm").first.get_attribute("aria-pressed") == "true"
    browser_page.keyboard.press("Tab")
    assert browser_page.locator(":focus").get_attribute("class") == "correct"


def test_without_scripts_everything_can_be_read(browser: Browser, report: Path) -> None:
    """Pictures, answers and reasons stand there; what could not work is not shown."""
    context = browser.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator(".question").count() == 7
    assert page.locator(".question .why").first.is_visible()
    assert not page.locator(".tools").first.is_visible()
    assert not page.locator("form.save").is_visible()
    assert page.get_by_text("This browser runs no scripts").is_visible()
    context.close()


def test_a_person_is_shown_to_nobody(report: Path, ledger: Ledger) -> None:
    """A picture in which the model saw a person is neither in the gallery nor to review."""
    seen = "SELECT sha256 FROM media JOIN prediction ON prediction.id = answered_by WHERE background = 'person'"
    with ledger.read() as session:
        (person,) = session.scalars(text(seen))
    assert person not in report.read_text("utf-8")


def test_the_part_to_review_may_stand_apart_or_be_left_out(browser_page: Page, ledger: Ledger, data: Path) -> None:
    """In a file beside the report, which names it; or nowhere."""
    apart = report_of(ledger, data, review="apart")
    browser_page.goto(apart.as_uri())
    assert browser_page.locator(".question").count() == 0
    browser_page.get_by_role("link", name="to review are").click()
    assert browser_page.url.endswith(f"{apart.stem}-review.html")
    assert browser_page.locator(".question").count() == 7
    none = report_of(ledger, data, review="none")
    assert not none.with_stem(f"{none.stem}-review").exists()
    assert 'class="question"' not in none.read_text("utf-8")


def test_an_animal_in_a_picture_is_said_to_be_a_part_of_it_and_spoken_of_alone(
    browser_page: Page, tmp_path: Path
) -> None:
    """Its square crop stands among whole pictures; the saved file has a number for it, and 0 for those."""
    picture = drawn(tmp_path / "kept" / "a.jpg")
    ledger = open_ledger(tmp_path / "ledger.db")
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        whole = {"kept": picture, "gradcam": picture}
        lion, _ = world.animals(world.picture(ridge, model, **whole), model, "lion", "jaguar", kept=picture)
        noon = datetime(2026, 11, 23, 12)  # noqa: DTZ001  # a camera's clock has no zone
        world.picture(ridge, model, "cheetah", decision=Decision.UNFAMILIAR, at=noon, **whole)
    path = report_of(ledger, tmp_path)
    ledger.close()
    browser_page.goto(path.as_uri())
    other, part = browser_page.locator(".question").all()
    assert [each.get_by_text("part of the picture").count() for each in (part, other)] == [1, 0]
    sizes = [[each.locator("img").first.get_attribute(side) for side in ("width", "height")] for each in (part, other)]
    assert sizes == [["256", "256"], ["256", "192"]]
    for question in (other, part):
        question.locator(".confirm").click()
    browser_page.reload()
    browser_page.get_by_label("Your name").fill("Asha")
    words = parse(json.dumps(saved(browser_page)).encode()).corrections
    assert [(each.region, each.label) for each in words] == [(0, "cheetah"), (lion, "lion")]
