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
    SPANS,
    Known,
    elsewhere,
    has_files,
    known_folders,
    known_in,
    linked_media,
    media_below,
    media_of_seconds,
    media_with_pictures_of,
    retries,
    sightings_of,
    stations_digest,
)
from db.store import ANY_SHARE
from db.types import LinkKind, LinkStatus

SECOND = timedelta(seconds=1)


def known(session: Session, *, now: datetime = NOW, root: str = "/inbox") -> dict[str, Known]:
    return {path.decode(): row for path, row in known_in(session, root, b"A", share=ANY_SHARE, now=now).items()}


def test_a_folder_knows_its_own_files_and_no_others(ledger: Ledger) -> None:
    """Not those of folders below it, nor of another inbox, nor what a path held before."""
    with ledger.write() as session:
        take(session, "A/1.JPG", "one")
        take(session, "A/1.JPG", "two", signature="2")
        take(session, "A/deep/2.JPG", "three")
        take(session, "A/3.JPG", "four", root="/other")
        store.reject(session, seen("A/bad.JPG"), code="corrupt", reason="cut off", now=NOW)
        assert known(session).keys() == {"A/1.JPG", "A/bad.JPG"}
        assert known(session)["A/1.JPG"].signature == "2"
        assert known_folders(session, "/inbox") == {b"A", b"A/deep"}


def test_what_is_to_be_tried_again_waits_for_its_time(ledger: Ledger) -> None:
    """It is due at its time and not before."""
    with ledger.write() as session:
        store.postpone(session, seen(), code="OSError", reason="the share is away", now=NOW)
        assert not known(session, now=NOW + SECOND)["A/1.JPG"].is_due
        assert known(session, now=NOW + 2 * SECOND)["A/1.JPG"].is_due


def test_what_was_taken_whole_may_come_back_without_being_read(ledger: Ledger) -> None:
    """What was rejected, or could not be read again after a change, may not."""
    with ledger.write() as session:
        take(session, "A/1.JPG", "one")
        take(session, "A/2.JPG", "two")
        store.postpone(session, seen("A/2.JPG", signature="2"), code="OSError", reason="away", now=NOW)
        store.reject(session, seen("A/3.JPG"), code="corrupt", reason="cut off", now=NOW)
        store.mark_missing(session, [row.id for row in known(session).values()], now=NOW)
        back = {path: row.is_whole for path, row in known(session).items() if row.is_missing}
        assert back == {"A/1.JPG": True, "A/2.JPG": False, "A/3.JPG": False}
        store.found_again(session, [known(session)["A/1.JPG"].id])
        assert not known(session)["A/1.JPG"].is_missing


def test_a_file_whose_kept_picture_is_gone_is_read_again(ledger: Ledger) -> None:
    """The original is still there, so what was made of it can be made anew."""
    with ledger.write() as session:
        store.read_again(session, take(session, "A/1.JPG", "one"))
        assert known(session)["A/1.JPG"].signature != seen().signature


def test_files_of_another_share_are_counted_apart(ledger: Ledger) -> None:
    """They stay as they are until they are seen on the share that is mounted now."""
    with ledger.write() as session:
        take(session, "A/1.JPG", "one", share="ext4 1 2")
        take(session, "A/2.JPG", "two", share="ext4 1 2")
        assert elsewhere(session, "/inbox", ["ext4 1 2"]) == 0
        assert elsewhere(session, "/inbox", ["ext4 3 2"]) == 2
        store.move_to_share(session, [known(session)["A/1.JPG"].id], "ext4 3 2")
        assert elsewhere(session, "/inbox", ["ext4 3 2"]) == 1


def test_an_inbox_has_files_as_long_as_one_is_not_missing(ledger: Ledger) -> None:
    """So an empty folder in its place is told from an inbox that was always empty."""
    with ledger.write() as session:
        assert not has_files(session, "/inbox")
        take(session, "A/1.JPG", "one")
        assert has_files(session, "/inbox")
        store.mark_missing(session, [row.id for row in known(session).values()], now=NOW)
        assert not has_files(session, "/inbox")


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


def test_the_media_of_seconds_are_of_any_deployment_with_sure_times(ledger: Ledger, burst: dict[str, int]) -> None:
    """Only these can be re-exports of each other; many seconds are asked of the ledger in parts."""
    with ledger.read() as session:
        found = [media.id for media in media_of_seconds(session, [CAMERA_TIME])]
        assert sorted(found) == sorted(burst[name] for name in ("A/first", "A/within", "B/first"))
        found = [media.id for media in media_of_seconds(session, [CAMERA_TIME + n * SECOND for n in range(2 * SPANS)])]
        assert sorted(found) == sorted(burst[name] for name in ("A/first", "A/within", "A/later", "B/first"))
        assert media_of_seconds(session, []) == []


def test_the_media_of_a_picture_are_of_any_deployment(ledger: Ledger, burst: dict[str, int]) -> None:
    """The same picture is the same wherever it lies and whatever its tags say."""
    both = {burst["A/first"], burst["B/first"]}
    with ledger.read() as session:
        assert {media.id for media in media_with_pictures_of(session, [burst["A/first"]])} == both
        found = {media.id for media in media_with_pictures_of(session, [burst["B/first"], burst["A/later"]])}
        assert found == both | {burst["A/later"]}


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
        assert retries(session, "/inbox", after=NOW - SECOND, until=NOW) == ([], NOW + 3 * SECOND)
        assert retries(session, "/inbox", after=NOW, until=NOW + 3 * SECOND) == ([b"A"], NOW + 4 * SECOND)
        assert retries(session, "/inbox", after=NOW + 3 * SECOND, until=NOW + 3 * SECOND)[0] == [], "told once"


def test_media_below_a_root_are_those_ever_seen_there(ledger: Ledger) -> None:
    """Superseded and missing ones have a deployment too, and follow a change of stations.csv."""
    with ledger.write() as session:
        old = take(session, "A/1.JPG", "one")
        new = take(session, "A/1.JPG", "two")
        store.reject(session, seen("A/2.JPG"), code="corrupt", reason="cut off", now=NOW)
        store.mark_missing(session, session.scalars(select(Sighting.id)).all(), now=NOW)
        assert sorted(media_below(session, "/inbox")) == [old, new]
