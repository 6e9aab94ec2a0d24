from datetime import timedelta

import pytest
from ledger_builders import NOW, answer, content, deployment, review, seen, sighting_of, take
from sqlalchemy.orm import Session

from db import store
from db.check import originals, products
from db.engine import Ledger
from db.queries.status import (
    Rejected,
    StationSign,
    Totals,
    at_two_deployments,
    labels_of,
    models_used,
    rejected,
    stations,
    totals,
)
from db.types import Decision, LinkKind, State

NOTHING = Totals(files={}, media=0, pending=0, animals=0, decisions={}, copies=0, stale=0)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """Two roots with a bit of everything."""
    with ledger.write() as session:
        one = take(session, "A/1.JPG", content("one", picture="p"))
        copy = take(session, "A/2.JPG", content("copy", picture="p"))
        store.relink(session, LinkKind.SAME_PICTURE, [one, copy], {copy: one})
        for media_id in (one, copy):
            answer(session, media_id, "lion")
        take(session, "B/1.JPG", content("one", picture="p"))
        answer(session, take(session, "B/2.JPG", "dark"), "rhino", decision=Decision.UNKNOWN)
        take(session, "B/3.JPG", "waits")
        store.reject(session, seen("B/4.JPG"), code="corrupt", reason="cut off", now=NOW)
        store.postpone(session, seen("B/5.JPG"), code="OSError", reason="the share is away", now=NOW)
        answer(session, take(session, "C/1.JPG", "elsewhere", root="/other"), "rhino")
    return ledger


def test_an_empty_ledger_counts_nothing(ledger: Ledger) -> None:
    """The first ``trapline status`` says zeros, not an error."""
    with ledger.read() as session:
        assert totals(session) == totals(session, ["/inbox"]) == NOTHING
        assert [*stations(session), *rejected(session), *models_used(session)] == []


def test_totals_count_files_media_and_decisions(filled: Ledger) -> None:
    """Files by state, contents once, copies beside them; of the whole ledger or of some roots."""
    with filled.read() as session:
        everything, inbox, other = totals(session), totals(session, ["/inbox"]), totals(session, ["/other"])
    assert everything.files == {State.TAKEN: 6, State.REJECTED: 1, State.RETRY: 1}
    assert (everything.media, everything.pending, everything.copies, everything.stale) == (5, 1, 1, 0)
    assert everything.decisions == {Decision.ANSWERED: 3, Decision.UNKNOWN: 1}
    assert inbox.files == {State.TAKEN: 5, State.REJECTED: 1, State.RETRY: 1}
    assert (inbox.media, inbox.pending, inbox.copies) == (4, 1, 1)
    assert inbox.decisions == {Decision.ANSWERED: 2, Decision.UNKNOWN: 1}
    assert other == Totals({State.TAKEN: 1}, 1, 0, 0, {Decision.ANSWERED: 1}, 0, 0)


def test_stale_observations_are_told(filled: Ledger) -> None:
    """Whoever reads knows how many answers are behind."""
    with filled.write() as session:
        store.mark_root_stale(session, "/other")
        assert totals(session).stale == 1


def labels(session: Session, *roots: str) -> list[tuple[str, str, int]]:
    return labels_of(session, roots or ["/inbox"])


def test_labels_are_counted_the_most_frequent_first(filled: Ledger) -> None:
    """As a report prints them, with their category; what was not answered is not among them."""
    with filled.write() as session:
        assert labels(session) == [("Lion", "VU", 2)]
        assert labels(session, "/inbox", "/other") == [("Lion", "VU", 2), ("Rhino", "NT–CR", 1)]


def test_a_picture_that_a_person_called_blank_is_no_species(filled: Ledger) -> None:
    """It has a label, and no animal to count."""
    with filled.write() as session:
        media_id = take(session, "A/9.JPG", "grass")
        answer(session, media_id, "lion")
        review(session, media_id, "blank")
        assert labels(session) == [("Lion", "VU", 2)]


def test_stations_are_shown_with_their_last_sign_of_life(ledger: Ledger) -> None:
    """The time at which the last of their files was first seen, whatever became of it; a path counts once."""
    with ledger.write() as session:
        take(session, "B/1.JPG", "one", deployed=deployment("B"))
        take(session, "A/1.JPG", "two")
        take(session, "A/1.JPG", "three", signature="2")
        later = NOW + timedelta(days=1)
        store.reject(session, seen("B/2.JPG"), code="corrupt", reason="cut off", now=later)
        assert stations(session) == [StationSign("A", 1, NOW), StationSign("B", 2, later)]


def test_a_card_in_the_wrong_folder_is_told(ledger: Ledger) -> None:
    """A content at two deployments at once counts once; two files of it at one deployment are no matter."""
    with ledger.write() as session:
        for path in ("A/1.JPG", "A/2.JPG", "B/1.JPG"):
            take(session, path, "one", deployed=deployment(path[0]))
        for path in ("A/3.JPG", "A/4.JPG"):
            take(session, path, "two", deployed=deployment("A"))
        assert at_two_deployments(session) == at_two_deployments(session, ["/inbox"]) == 1
        assert at_two_deployments(session, ["/other"]) == 0
        store.mark_missing(session, [sighting_of(session, "B/1.JPG")], now=NOW)
        assert at_two_deployments(session) == 0


def test_rejected_files_are_named_the_newest_first(filled: Ledger) -> None:
    """With their reason, so many and no more, of some roots if so wished; a completed file is no longer named."""
    with filled.write() as session:
        store.reject(session, seen("A/7.MP4", root="/other"), code="unsupported", reason="video", now=NOW)
        video, cut = Rejected("A", "/other/A/7.MP4", "video"), Rejected("B", "/inbox/B/4.JPG", "cut off")
        assert rejected(session) == [video, cut]
        assert rejected(session, limit=1) == [video]
        assert rejected(session, roots=["/inbox"]) == [cut]
        take(session, "B/4.JPG", "whole", signature="2")
        assert rejected(session, roots=["/inbox"]) == []


def test_models_are_counted_by_what_they_answered(filled: Ledger) -> None:
    """In the order of their first use."""
    with filled.write() as session:
        answer(session, take(session, "A/8.JPG", "new"), version="m2")
        assert models_used(session) == [("m1", 4), ("m2", 1)]


def test_products_and_originals_are_what_the_doctor_compares(filled: Ledger) -> None:
    """Every file that a row names, and every file that is there now, with the content that is expected of it."""
    with filled.write() as session:
        store.mark_missing(session, [sighting_of(session, "A/2.JPG")], now=NOW)
        named = set(products(session))
        assert named >= {"kept/one.jpg", "kept/waits.jpg", "gradcam/1.jpg"}
        assert len(named) == 5 + 4
        assert [(root, path, signature) for root, path, signature, _ in originals(session)] == [
            ("/inbox", b"A/1.JPG", "1"), ("/inbox", b"B/1.JPG", "1"), ("/inbox", b"B/2.JPG", "1"),
            ("/inbox", b"B/3.JPG", "1"), ("/other", b"C/1.JPG", "1"),
        ]  # fmt: skip
        assert {sha256 for *_, sha256 in originals(session)} >= {content("one").sha256}
