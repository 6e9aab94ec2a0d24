from ledger_builders import NOW, answer, content, deployment, review, seen, sighting_of, take
from sqlalchemy.orm import Session

from db import store
from db.engine import Ledger
from db.queries.answers import COLUMNS, FileAnswer, file_answers
from db.types import Decision


def rows(session: Session, *roots: str) -> dict[str, FileAnswer]:
    return {row.path: row for row in file_answers(session, roots or ["/inbox"], "/data")}


def test_the_columns_are_what_the_design_names() -> None:
    """The head of ``answers.csv`` is an interface: others read it."""
    assert ", ".join(COLUMNS) == (
        "path, sha256, state, reason, captured_at, station, observation_type, label, probability, decision, taxa, "
        "category, gradcam"
    )


def test_an_answered_file_has_every_column(ledger: Ledger) -> None:
    """Paths are absolute, times ISO 8601 in UTC, several taxa apart by a bar."""
    with ledger.write() as session:
        media_id = take(session, "A/1.JPG", "one", deployed=deployment("A", timezone="Africa/Nairobi"))
        answer(session, media_id, "orangutan", probability=0.98765, gradcam="gradcam/1.jpg")
        row = rows(session)["/inbox/A/1.JPG"]
        assert (row.state, row.reason, row.station) == ("answered", "", "A")
        assert row.captured_at == "2026-11-23T19:15:00+00:00"
        assert (row.observation_type, row.label, row.decision, row.probability) == (
            "animal", "orangutan", "answered", "0.9877",
        )  # fmt: skip
        assert (row.taxa, row.category) == ("Pongo pygmaeus|Pongo abelii|Pongo tapanuliensis", "CR")
        assert row.gradcam == "/data/gradcam/1.jpg"
        assert len(row.sha256) == 64


def test_the_most_probable_label_stands_whatever_the_decision(ledger: Ledger) -> None:
    """Below the threshold there is a label and a probability to judge by, and neither taxa nor category."""
    with ledger.write() as session:
        answer(session, take(session, "A/1.JPG", "one"), "rhino", decision=Decision.UNKNOWN, probability=0.4)
        row = rows(session)["/inbox/A/1.JPG"]
        assert (row.label, row.probability, row.decision) == ("rhino", "0.4000", "unknown")
        assert (row.observation_type, row.taxa, row.category) == ("unknown", "", "")


def test_what_cannot_live_there_is_out_of_range(ledger: Ledger) -> None:
    """The prediction said answered; the observation knows where the camera stands."""
    with ledger.write() as session:
        media_id = take(session, "A/1.JPG", "one", deployed=deployment("A", country="NO"))
        answer(session, media_id, "lion")
        row = rows(session)["/inbox/A/1.JPG"]
        assert (row.decision, row.label, row.taxa, row.category) == ("out_of_range", "lion", "", "")


def test_a_human_decides_and_the_label_stays_the_model_s(ledger: Ledger) -> None:
    """Decision, taxa and category are the person's; label and probability say what the model thought."""
    with ledger.write() as session:
        media_id = take(session, "A/1.JPG", "one")
        answer(session, media_id, "lion", decision=Decision.UNKNOWN)
        review(session, media_id, "cheetah")
        row = rows(session)["/inbox/A/1.JPG"]
        assert (row.decision, row.label, row.taxa, row.category) == ("answered", "lion", "Acinonyx jubatus", "VU")


def test_every_file_has_a_row_also_without_an_answer(ledger: Ledger) -> None:
    """Rejected with its reason, to be tried again, or waiting for the model; by path, and one for each copy."""
    with ledger.write() as session:
        for path in ("B/2.JPG", "B/1.JPG"):
            media_id = take(session, path, "one")
        answer(session, media_id)
        take(session, "A/3.JPG", "two")
        store.reject(session, seen("A/2.JPG"), code="corrupt", reason="cut off", now=NOW)
        store.postpone(session, seen("A/1.JPG"), code="OSError", reason="the share is away", now=NOW)
        assert [(row.path, row.state, row.reason) for row in rows(session).values()] == [
            ("/inbox/A/1.JPG", "retry", "the share is away"),
            ("/inbox/A/2.JPG", "rejected", "cut off"),
            ("/inbox/A/3.JPG", "retry", "waits for the model"),
            ("/inbox/B/1.JPG", "answered", ""),
            ("/inbox/B/2.JPG", "answered", ""),
        ]
        bad = rows(session)["/inbox/A/2.JPG"]
        assert {bad.sha256, bad.label, bad.probability, bad.decision, bad.taxa, bad.category, bad.gradcam} == {""}


def test_a_file_that_cannot_be_read_now_shows_no_older_answer(ledger: Ledger) -> None:
    """Nobody knows whether it still holds what was answered."""
    with ledger.write() as session:
        answer(session, take(session, "A/1.JPG", "one"))
        store.postpone(session, seen(signature="2"), code="OSError", reason="the share is away", now=NOW)
        row = rows(session)["/inbox/A/1.JPG"]
        assert (row.state, row.reason, row.sha256, row.label) == ("retry", "the share is away", "", "")


def test_a_damaged_picture_is_answered_and_says_so(ledger: Ledger) -> None:
    """Its reason stands beside its answer."""
    with ledger.write() as session:
        answer(session, take(session, "A/1.JPG", content("one", integrity="suspect")))
        row = rows(session)["/inbox/A/1.JPG"]
        assert (row.state, row.reason, row.label) == ("answered", "suspect: only a part of it decodes cleanly", "lion")


def test_only_files_that_are_there_now_have_a_row(ledger: Ledger) -> None:
    """Missing files, superseded contents and other roots are left out."""
    with ledger.write() as session:
        take(session, "A/1.JPG", "one")
        take(session, "A/1.JPG", "two", signature="2")
        take(session, "A/2.JPG", "three")
        take(session, "A/3.JPG", "four", root="/other")
        store.mark_missing(session, [sighting_of(session, "A/2.JPG")], now=NOW)
        assert rows(session).keys() == {"/inbox/A/1.JPG"}
        assert rows(session, "/inbox", "/other").keys() == {"/inbox/A/1.JPG", "/other/A/3.JPG"}
