"""What is worth reading now: scans decide, and the inbox may come and go."""

import errno
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from seen_files import seen_below
from small_pictures import picture
from sqlalchemy import select, update

from db import store
from db.models import Sighting
from db.store import SeenFile
from db.types import State
from watcher.inbox.lookout import TURN, Lookout, Root
from watcher.inbox.scan import Folder
from watcher.inbox.settle import Settler
from watcher.inbox.share import share_of


@pytest.fixture
def lookout(ledger, inbox):
    return Lookout(ledger, Folder(inbox), Settler(2.0, incomplete_seconds=900.0))


@pytest.fixture
def put(inbox):
    """Write small pictures into the inbox."""

    def write(*paths):
        for number, path in enumerate(paths):
            (inbox / path).parent.mkdir(parents=True, exist_ok=True)
            (inbox / path).write_bytes(picture(number))

    return write


@pytest.fixture
def take(intake, lookout):
    """Take what the lookout finds, as the daemon does."""

    def run(found):
        reads = [read for batch in intake.take(found) for read in batch]
        for read in reads:
            lookout.settler.forget(read.file)
        return sorted(read.file.path.decode() for read in reads)

    return run


def states(ledger):
    with ledger.read() as session:
        return {s.path_text: s.state for s in session.scalars(select(Sighting))}


def test_a_file_is_read_at_the_second_look_that_finds_it_unchanged(lookout, put, take):
    """And its folder is remembered until then."""
    put("A/1.jpg")
    assert take(lookout.look_through(0.0)) == []
    assert len(lookout.restless) == 1
    assert take(lookout.look_at(dict.fromkeys(lookout.restless, False), 2.5)) == ["A/1.jpg"]


def test_what_is_known_is_not_read_again(lookout, put, take):
    """One look-up in the ledger a folder."""
    put("A/1.jpg", "A/2.jpg")
    take(lookout.look_through(0.0))
    take(lookout.look_through(2.5))
    lookout.restless.clear()
    assert take(lookout.look_through(9.0)) == []
    assert not lookout.restless


def test_only_the_marked_folder_is_looked_at(lookout, put, inbox):
    """A folder that is gone again, or lies outside, is no error."""
    put("A/1.jpg", "B/2.jpg")
    lookout.settler.settle_seconds = 0.0
    assert lookout.look_at({os.fsencode(inbox / "B"): False}, 0.0) == [], "not before the first full look"
    list(lookout.look_through(0.0))
    places = {os.fsencode(inbox / "B"): False, os.fsencode(inbox / "gone"): True, b"/elsewhere": True}
    assert [each.file.path for each in lookout.look_at(places, 1.0)] == [b"B/2.jpg"]


def test_a_picture_that_ends_too_early_becomes_final_with_time(lookout, put):
    """By the daemon's own clock, whatever the file's times say."""
    put("A/1.jpg")
    assert [list(lookout.look_through(now)) for now in (0.0,)] == [[]]
    assert [each.final for each in lookout.look_through(899.0)] == [False]
    assert [each.final for each in lookout.look_through(900.5)] == [True]


def test_a_file_that_is_gone_is_missing_and_its_media_stays(lookout, put, take, inbox, ledger):
    """Nothing is ever deleted because a file is."""
    put("A/1.jpg", "A/2.jpg")
    lookout.settler.settle_seconds = 0.0
    take(lookout.look_through(0.0))
    (inbox / "A/1.jpg").rename(inbox.with_name("1.jpg"))
    take(lookout.look_through(1.0))
    assert states(ledger) == {"A/1.jpg": State.TAKEN, "A/2.jpg": State.TAKEN}, "one look may be a share that blinks"
    take(lookout.look_through(2.0))
    assert states(ledger) == {"A/1.jpg": State.MISSING, "A/2.jpg": State.TAKEN}


def test_a_file_that_is_back_as_it_was_is_not_read_again(lookout, put, take, inbox, ledger):
    """A folder moved away and back costs nothing; even where all of it had been called missing."""
    put("A/1.jpg", "B/2.jpg")
    lookout.settler.settle_seconds = 0.0
    take(lookout.look_through(0.0))
    (inbox / "A").rename(inbox.with_name("A"))
    for now in (1.0, 2.0):
        take(lookout.look_through(now))
    assert states(ledger)["A/1.jpg"] is State.MISSING
    inbox.with_name("A").rename(inbox / "A")
    assert take(lookout.look_through(3.0)) == []
    assert states(ledger) == {"A/1.jpg": State.TAKEN, "B/2.jpg": State.TAKEN}


def test_stations_take_turns(lookout, put, inbox):
    """A full card is read in parts, and between two of them everyone else has their turn."""
    for number in range(TURN + 100):
        (inbox / "Full").mkdir(exist_ok=True)
        (inbox / f"Full/{number:04}.jpg").touch()
    put("Late/1.jpg", "Late/2.jpg")
    lookout.settler.settle_seconds = 0.0
    found = [each.file.station for each in lookout.look_through(0.0)]
    assert (found[:4].count("Late"), len(found)) == (2, TURN)
    assert lookout.crowded == {os.fsencode(inbox / "Full")}


def test_whoever_asks_once_gets_every_file(ledger, inbox):
    """``trapline process`` looks once: no bound, no turn and no wait leaves a file out."""
    (inbox / "A").mkdir()
    for number in range(2_100):
        (inbox / f"A/{number}.jpg").touch()
    once = Lookout(ledger, Folder(inbox), Settler(0.0), patient=False)
    assert sum(each.final for each in once.look_through(0.0)) == 2_100


def test_two_cards_that_take_turns_are_read_once_each(lookout, put, take, inbox, ledger):
    """Their files have the same names, as cameras give them: each card keeps its own."""
    lookout.settler.settle_seconds = 0.0
    cards = [inbox.with_name(name) for name in ("first", "second")]
    put("DCIM/1.jpg", "DCIM/2.jpg")
    take(lookout.look_through(0.0))
    inbox.rename(cards[0])
    put("DCIM/3.jpg", "DCIM/1.jpg")
    assert take(lookout.look_through(1.0)) == ["DCIM/1.jpg", "DCIM/3.jpg"]
    inbox.rename(cards[1])
    for turn, card in enumerate([*cards, *cards]):
        card.rename(inbox)
        assert take(lookout.look_through(2.0 + turn)) == []
        inbox.rename(card)
    with ledger.read() as session:
        assert session.scalars(select(Sighting.state)).all() == [State.TAKEN] * 4


def test_another_share_in_the_inbox_s_place_is_not_the_same(lookout, put, take, inbox, ledger):
    """Its pictures are taken, and those of the share before it are away: not missing."""
    put("A/1.jpg", "A/2.jpg")
    lookout.settler.settle_seconds = 0.0
    take(lookout.look_through(0.0))
    inbox.rename(inbox.with_name("first"))
    put("B/3.jpg")
    for now in (1.0, 2.0, 3.0):
        take(lookout.look_through(now))
    assert states(ledger) == dict.fromkeys(["A/1.jpg", "A/2.jpg", "B/3.jpg"], State.TAKEN)
    assert lookout.root.earlier == 2
    inbox.rename(inbox.with_name("second"))
    inbox.with_name("first").rename(inbox)
    assert take(lookout.look_through(4.0)) == []
    assert lookout.root.earlier == 1


def test_a_share_that_is_identified_anew_keeps_its_files(lookout, put, take, inbox, ledger):
    """A new server, a restored disk: what is as it was there is not read again, and can be missed again."""
    put("A/1.jpg", "A/2.jpg")
    lookout.settler.settle_seconds = 0.0
    take(lookout.look_through(0.0))
    with ledger.write() as session:
        session.execute(update(Sighting).values(share="nfs4 old:/share 2"))
    lookout.root = Root()
    assert take(lookout.look_through(1.0)) == []
    assert lookout.root.earlier == 0
    (inbox / "A/1.jpg").unlink()
    for now in (2.0, 3.0):
        take(lookout.look_through(now))
    assert states(ledger)["A/1.jpg"] is State.MISSING


@pytest.fixture
def too_deep(inbox):
    """A folder that exists and cannot be listed, not even by root: its path is longer than the system takes."""
    name = "d" * 250
    here = os.open(inbox, os.O_RDONLY)
    for _ in range(20):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    yield b"/".join([name.encode()] * 20)
    shutil.rmtree(inbox)


def test_of_what_cannot_be_read_nothing_is_known(lookout, put, take, ledger, inbox, too_deep):
    """A folder that a flaky share does not list is not empty: its files are not missing."""
    put("A/1.jpg")
    lookout.settler.settle_seconds = 0.0
    hidden = SeenFile(str(inbox), too_deep + b"/1.jpg", "1", datetime.now(UTC), "d")
    gone = SeenFile(str(inbox), b"A/gone.jpg", "1", datetime.now(UTC), "A")
    with ledger.write() as session:
        for file in (hidden, gone):
            store.reject(session, file, code="corrupt", reason="cut", now=datetime.now(UTC))
        session.execute(update(Sighting).values(share=share_of(inbox)))
    for now in (0.0, 1.0):
        take(lookout.look_through(now))
    found = states(ledger)
    assert found["A/1.jpg"] is State.TAKEN
    assert list(lookout.root.unreadable.values()) == ["File name too long"]
    assert found["A/gone.jpg"] is State.MISSING
    assert found[hidden.path.decode()] is State.REJECTED


def test_a_file_is_tried_again_when_its_time_has_come(lookout, put, ledger, inbox):
    """Without waiting for the next full look."""
    put("A/1.jpg")
    (file,) = seen_below(inbox)
    now = datetime.now(UTC)
    with ledger.write() as session:
        store.postpone(session, file, code="OSError", reason="away", now=now)
    assert lookout.again(now) == (set(), now + timedelta(seconds=2))
    assert lookout.again(now + timedelta(seconds=2)) == ({os.fsencode(inbox / "A")}, None)


@pytest.mark.parametrize("way", ["away", "empty"])
def test_an_inbox_that_is_away_is_offline_and_not_empty(lookout, put, take, inbox, ledger, way):
    """An unmounted share is a folder that is gone, or one with nothing in it."""
    put("A/1.jpg")
    lookout.settler.settle_seconds = 0.0
    take(lookout.look_through(0.0))
    inbox.rename(inbox.with_name("elsewhere"))
    if way == "empty":
        inbox.mkdir()
    take(lookout.look_through(1.0))
    assert lookout.root.away
    assert states(ledger) == {"A/1.jpg": State.TAKEN}
    if way == "empty":
        inbox.rmdir()
    inbox.with_name("elsewhere").rename(inbox)
    assert take(lookout.look_through(2.0)) == []
    assert not lookout.root.away


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EHOSTDOWN, errno.ENOENT])
def test_a_share_that_blinks_loses_nothing(lookout, put, take, ledger, monkeypatch, code):
    """Ten failed looks in a row, at any folder, and then it is there again as if nothing had been."""
    put("A/1.jpg", "B/2.jpg")
    lookout.settler.settle_seconds = 0.0
    take(lookout.look_through(0.0))
    listed = os.scandir

    def blinking(place):
        if os.fsencode(place).endswith(b"/B"):
            raise OSError(code, os.strerror(code))
        return listed(place)

    monkeypatch.setattr(os, "scandir", blinking)
    for now in range(1, 11):
        assert take(lookout.look_through(float(now))) == []
    monkeypatch.undo()
    assert take(lookout.look_through(11.0)) == []
    assert states(ledger) == {"A/1.jpg": State.TAKEN, "B/2.jpg": State.TAKEN}
