"""``trapline demo``: from nothing to a report that a ranger can read, offline."""

import os
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from real_command import TRAPLINE

from watcher.demo.world import Kind


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo, run once; where it says the report is."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRAPLINE_")}
    done = subprocess.run(
        [*TRAPLINE, "demo"], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture
def ledger(demo):
    """The demo's ledger, to read."""
    with closing(sqlite3.connect(demo.parents[1] / "trapline.db")) as connection:
        yield connection


def test_nine_in_ten_drawn_animals_are_called_by_their_name(ledger, drawn_inbox):
    """The model has never seen these drawings, only others of the same world."""
    rows = ledger.execute(
        "SELECT s.path_text, o.label FROM sighting s JOIN observation o ON o.media_id = s.media_id"
    ).fetchall()
    truth = {
        str(each.path): each.label for each in drawn_inbox[1] if each.kind is Kind.ANIMAL and each.label != "other"
    }
    said = {path: label for path, label in rows if path in truth}
    assert len(said) == len(truth) > 40
    assert sum(said[path] == truth[path] for path in truth) / len(truth) >= 0.9


def test_every_answer_is_whole(ledger, demo):
    """Three vectors, a stacked probability, a Grad-CAM file that exists; taxa and category with each observation."""
    predictions = ledger.execute(
        "SELECT label, probabilities, stacked, probability, gradcam FROM prediction"
    ).fetchall()
    for label, probabilities, stacked, probability, gradcam in predictions:
        assert label
        assert probabilities.count("efficientnet_lite") == 3
        assert stacked
        assert 0 <= probability <= 1
        assert (demo.parents[1] / gradcam).is_file()
    answered = ledger.execute("SELECT taxa, category FROM observation WHERE decision = 'answered'").fetchall()
    assert answered
    assert all(taxa != "[]" and category for taxa, category in answered)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_shows_everything_and_nothing_overflows(demo, browser_page, ledger, width):
    """On a phone and on a laptop: captions complete, rejected files with their reasons, the model called a demo."""
    browser_page.set_viewport_size({"width": width, "height": 900})
    browser_page.goto(demo.as_uri())
    assert browser_page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    figures = browser_page.locator(".gallery figure")
    assert figures.count() >= 40
    for figure in figures.all():
        assert figure.locator("img").count() == 2
        caption = figure.locator("figcaption").inner_text()
        assert re.search(r"\d{2}:\d{2}", caption)
        assert re.search(r"\d+ ?%", caption)
        assert re.search(r"\b(LC|NT|VU|EN|CR)\b", caption)
    text = browser_page.locator("body").inner_text()
    assert "Demo model" in text
    for path, reason in ledger.execute("SELECT path_text, reason FROM sighting WHERE state = 'rejected'"):
        assert path in text
        assert reason in text
