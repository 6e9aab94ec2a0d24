from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from ledger_builders import CAMERA_TIME, NOW, content, deployment, seen, take
from sqlalchemy import select
from sqlalchemy.orm import Session

from db import store
from db.engine import Ledger
from db.models import Link, Sighting
from db.queries.files import (
    LOOKED_UP,
    linked_media,
    media_below,
    media_of_second,
    media_with_picture,
    present,
    retries,
    sightings_of,
    stations_digest,
    unknown,
)
from db.store import SeenFile
from db.types import LinkKind, LinkStatus

SECOND = timedelta(seconds=1)


def looked_at(session: Session, *files: SeenFile, now: datetime = NOW) -> list[str]:
    return [file.path.decode() for file in unknown(session, files, now=now)]


def test_only_what_is_new_or_changed_is_read(ledger: Ledger) -> None:
    """The same path with the same signature costs no hashing, whether it was taken or rejected (D0)."""
    with ledger.write() as session:
        take(session, "A/taken.JPG", "one")
        store.reject(session, seen("A/bad.JPG"), code="corrupt", reason="cut off", now=NOW)
        assert looked_at(session, seen("A/taken.JPG"), seen("A/bad.JPG")) == []
        assert looked_at(session, seen("A/new.JPG"), seen("A/taken.JPG", root="/other")) == ["A/new.JPG", "A/taken.JPG"]
        changed = seen("A/taken.JPG", signature="2"), seen("A/bad.JPG", signature="2")
        assert looked_at(session, *changed) == ["A/taken.JPG", "A/bad.JPG"]


def test_what_is_to_be_tried_again_waits_for_its_time(ledger: Ledger) -> None:
    """Not before it is due, unless the file has changed since."""
    with ledger.write() as session:
        store.postpone(session, seen(), code="OSError", reason="the share is away", now=NOW)
        assert looked_at(session, seen(), now=NOW + SECOND) == []
        assert looked_at(session, seen(signature="2"), now=NOW + SECOND) == ["A/1.JPG"]
        assert looked_at(session, seen(), now=NOW + 2 * SECOND) == ["A/1.JPG"]


def test_a_file_that_is_back_is_read(ledger: Ledger) -> None:
    """It was missing, so even the same signature is looked at again."""
    with ledger.write() as session:
        take(session, "A/1.JPG", "one")
        store.mark_missing(session, present(session, "/inbox").values(), now=NOW)
        assert looked_at(session, seen()) == ["A/1.JPG"]


def test_an_old_content_that_is_put_back_is_read(ledger: Ledger) -> None:
    """A superseded row knows nothing of the path any more."""
    with ledger.write() as session:
        take(session, "A/1.JPG", "one", signature="1")
        take(session, "A/1.JPG", "two", signature="2")
        assert looked_at(session, seen(signature="1")) == ["A/1.JPG"]
        assert looked_at(session, seen(signature="2")) == []


def test_a_file_whose_kept_picture_is_gone_is_read_again(ledger: Ledger) -> None:
    """The original is still there, so what was made of it can be made anew."""
    with ledger.write() as session:
        media_id = take(session, "A/1.JPG", "one")
        store.read_again(session, media_id)
        assert looked_at(session, seen()) == ["A/1.JPG"]


def test_a_long_list_is_looked_up_in_chunks(ledger: Ledger) -> None:
    """However many files there are, no more than a chunk is held before the first is yielded."""
    drawn: list[int] = []

    def endless() -> Iterator[SeenFile]:
        while True:
            drawn.append(len(drawn))
            yield seen(f"A/{len(drawn)}.JPG")

    with ledger.read() as session:
        assert next(unknown(session, endless(), now=NOW)).path == b"A/1.JPG"
    assert len(drawn) == LOOKED_UP


def test_present_is_what_a_scan_should_find(ledger: Ledger) -> None:
    """Taken, rejected and postponed files of that root; missing and superseded ones are not expected."""
    with ledger.write() as session:
        take(session, "A/1.JPG", "one")
        take(session, "A/1.JPG", "two", signature="2")
        store.reject(session, seen("A/2.JPG"), code="corrupt", reason="cut off", now=NOW)
        store.postpone(session, seen("A/3.JPG"), code="OSError", reason="the share is away", now=NOW)
        take(session, "A/4.JPG", "one", root="/other")
        found = present(session, "/inbox")
        assert found.keys() == {b"A/1.JPG", b"A/2.JPG", b"A/3.JPG"}
        assert session.get_one(Sighting, found[b"A/1.JPG"]).generation == 2
        store.mark_missing(session, [found[b"A/2.JPG"]], now=NOW)
        assert present(session, "/inbox").keys() == {b"A/1.JPG", b"A/3.JPG"}


@pytest.fixture
def burst(ledger: Ledger) -> dict[str, int]:
    """Frames of two cameras around one second, and one whose clock cannot be right."""
    frames: dict[str, dict[str, Any]] = {
        "A/first": {},
        "A/within": {"camera_time": CAMERA_TIME + SECOND / 2},
        "A/later": {"camera_time": CAMERA_TIME + SECOND},
        "A/unsure": {"time_status": "implausible"},
        "A/untimed": {"camera_time": None, "time_status": "missing"},
        "B/first": {},
    }
    with ledger.write() as session:
        return {
            name: take(session, f"{name}.JPG", content(name, picture=name[2:], **facts), deployed=deployment(name[0]))
            for name, facts in frames.items()
        }


def test_the_media_of_a_second_are_of_one_deployment_with_sure_times(ledger: Ledger, burst: dict[str, int]) -> None:
    """Only these can be re-exports of each other."""
    with ledger.read() as session:
        found = [{media.id for media in group} for group in media_of_second(session, CAMERA_TIME)]
        assert {burst["A/first"], burst["A/within"]} in found
        assert sum(len(group) for group in found) == len(set.union(*found))


def test_the_media_of_a_picture_are_of_any_deployment(ledger: Ledger, burst: dict[str, int]) -> None:
    """The same picture is the same wherever it lies and whatever its tags say."""
    with ledger.read() as session:
        assert {media.id for media in media_with_picture(session, "first")} == {burst["A/first"], burst["B/first"]}


def test_linked_media_are_those_at_both_ends(ledger: Ledger, burst: dict[str, int]) -> None:
    """Also by a link that was undone: it must be looked at anew with the rest."""
    one, two, three = burst["A/first"], burst["A/within"], burst["A/later"]
    with ledger.write() as session:
        session.add(Link(media_id=one, canonical_id=two, kind=LinkKind.REEXPORT, status=LinkStatus.UNDONE))
        assert linked_media(session, [one]) == linked_media(session, [two]) == {one, two}
        assert linked_media(session, [three]) == {three}


def test_the_table_that_was_applied_last_is_known_by_root(ledger: Ledger) -> None:
    """So that an unchanged stations.csv costs nothing, and one that was applied in part is applied again."""
    with ledger.write() as session:
        assert stations_digest(session, "/inbox") is None
        store.remember_stations(session, "/inbox", "abc")
        store.remember_stations(session, "/other", "")
        store.remember_stations(session, "/inbox", "def")
        session.flush()
        assert (stations_digest(session, "/inbox"), stations_digest(session, "/other")) == ("def", "")


def test_sightings_are_given_with_their_media(ledger: Ledger) -> None:
    """Those of one root only."""
    with ledger.write() as session:
        media_id = take(session, "A/1.JPG", "one")
        take(session, "A/1.JPG", "one", root="/other")
        ((sighting, media),) = sightings_of(session, "/inbox", [media_id])
        assert (sighting.root, sighting.path, media.id) == ("/inbox", b"A/1.JPG", media_id)


def test_what_is_to_be_tried_again_is_known_with_its_time(ledger: Ledger) -> None:
    """The due ones, and when the next one is."""
    with ledger.write() as session:
        for number in (1, 2):
            store.postpone(session, seen(f"A/{number}.JPG"), code="OSError", reason="away", now=NOW + number * SECOND)
        session.flush()
        assert retries(session, NOW) == ([], NOW + 3 * SECOND)
        assert retries(session, NOW + 3 * SECOND) == ([("/inbox", b"A/1.JPG")], NOW + 4 * SECOND)


def test_media_below_a_root_are_those_ever_seen_there(ledger: Ledger) -> None:
    """Superseded and missing ones have a deployment too, and follow a change of stations.csv."""
    with ledger.write() as session:
        old = take(session, "A/1.JPG", "one")
        new = take(session, "A/1.JPG", "two")
        store.reject(session, seen("A/2.JPG"), code="corrupt", reason="cut off", now=NOW)
        store.mark_missing(session, session.scalars(select(Sighting.id)).all(), now=NOW)
        assert sorted(media_below(session, "/inbox")) == [old, new]
