from typing import Any

import pytest
from ledger_builders import NOW, answer, content, take
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from db import store
from db.engine import Ledger
from db.models import Sighting
from db.queries.pending import answered_already, count_pending, pending


@pytest.fixture
def five(ledger: Ledger) -> list[int]:
    """Five media, each with its own picture."""
    with ledger.write() as session:
        return [take(session, f"A/{number}.JPG", f"{number}") for number in range(5)]


def waiting(session: Session, **which: Any) -> list[int]:
    """Give what is pending, and hold the count to it."""
    found = [media.media_id for media in pending(session, after=0, limit=100, **which)]
    assert count_pending(session, **which) == len(found)
    return found


def test_pending_is_what_has_no_answer(ledger: Ledger, five: list[int]) -> None:
    """There is no state to set or to clear: an answer that is committed is the end of it."""
    with ledger.write() as session:
        assert waiting(session) == five
        answer(session, five[1])
        assert waiting(session) == [five[0], *five[2:]]


def test_pending_comes_in_chunks_by_id(ledger: Ledger, five: list[int]) -> None:
    """Each chunk begins after the last one, so that one media that fails does not hold up the rest."""
    with ledger.read() as session:
        assert [media.media_id for media in pending(session, after=0, limit=2)] == five[:2]
        assert [media.media_id for media in pending(session, after=five[1], limit=2)] == five[2:4]
        assert pending(session, after=five[4], limit=2) == []


def test_asking_for_what_is_pending_reads_nothing_else(ledger: Ledger) -> None:
    """The partial index holds the unanswered alone: a ledger of millions is asked as quickly as an empty one."""
    asked = "SELECT id FROM media WHERE answered_by IS NULL AND id > 0 ORDER BY id LIMIT 64"
    with ledger.read() as session:
        assert "ix_media_pending" in str(session.execute(text(f"EXPLAIN QUERY PLAN {asked}")).all())


def test_what_another_model_answered_waits_where_that_is_wanted(ledger: Ledger, five: list[int]) -> None:
    """With ``--again``, or after a promotion if so configured."""
    with ledger.write() as session:
        answer(session, five[0], version="old")
        answer(session, five[1], version="new")
        assert waiting(session) == five[2:]
        assert waiting(session, unless_by="new") == [five[0], *five[2:]]
        answer(session, five[0], version="new")
        assert waiting(session, unless_by="new") == five[2:]


def test_one_may_ask_for_some_roots_only(ledger: Ledger) -> None:
    """Media with a file there now: one that has gone waits for the daemon, not for ``trapline process`` elsewhere."""
    with ledger.write() as session:
        here, there = take(session, "A/1.JPG", "one"), take(session, "A/1.JPG", "two", root="/other")
        take(session, "A/2.JPG", "two")
        assert waiting(session, roots=["/inbox"]) == [here, there]
        assert waiting(session, roots=["/other"]) == [there]
        assert waiting(session, roots=[]) == []
        store.mark_missing(session, session.scalars(select(Sighting.id)).all()[:1], now=NOW)
        assert waiting(session, roots=["/inbox"]) == [there]
        assert waiting(session) == [here, there]


def shares(session: Session, answered: dict[str, Any], other: dict[str, Any]) -> bool:
    """Answer one content; tell whether another may have its answer."""
    first = take(session, "A/1.JPG", content("one", **answered))
    said = answer(session, first, version="m1")
    second = take(session, "A/2.JPG", content("two", **other))
    found = answered_already(session, "m1", pending(session, after=0, limit=10))
    assert answered_already(session, "m2", pending(session, after=0, limit=10)) == {}
    return {place: prediction.id for place, prediction in found.items()} == {(second, 0): said}


SAME = {"picture": "p"}


@pytest.mark.parametrize(
    ("answered", "other", "shared"),
    [
        (SAME, SAME, True),
        (SAME, SAME | {"kept": "kept/other.jpg", "exif": {"Rating": 5}, "camera_time": None}, True),
        (SAME, {"picture": "q"}, False),
        (SAME, SAME | {"orientation": 6}, False),
        (SAME | {"flat": True}, SAME | {"flat": True}, False),
        (SAME, SAME | {"flat": True}, False),
    ],
)
def test_only_the_same_picture_shares_an_answer(
    ledger: Ledger, answered: dict[str, Any], other: dict[str, Any], *, shared: bool
) -> None:
    """Same picture hash and orientation, and not flat: a black night is evidence of nothing."""
    with ledger.write() as session:
        assert shares(session, answered, other) is shared


def test_pictures_to_be_asked_together_are_told_apart_by_their_key(ledger: Ledger) -> None:
    """Of the pending media those with one key share one inference; a flat one has a key of its own."""
    with ledger.write() as session:
        for name in "ab":
            take(session, f"A/{name}.JPG", content(name, picture="p"))
        take(session, "A/turned.JPG", content("turned", picture="p", orientation=3))
        for name in "de":
            take(session, f"A/{name}.JPG", content(name, picture="p", flat=True))
        keys = [media.picture for media in pending(session, after=0, limit=10)]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


def test_a_stored_answer_of_its_own_comes_before_a_shared_one(ledger: Ledger) -> None:
    """After a rollback a media gets back what that model said of it."""
    with ledger.write() as session:
        first, second = (take(session, f"A/{name}.JPG", content(name, picture="p")) for name in ("a", "b"))
        said = {media_id: answer(session, media_id, version="m1") for media_id in (first, second)}
        for media_id in (first, second):
            answer(session, media_id, version="m2")
        found = answered_already(session, "m1", pending(session, after=0, limit=10, unless_by="m1"))
        assert {media_id: prediction.id for (media_id, _), prediction in found.items()} == said
