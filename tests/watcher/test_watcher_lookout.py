"""What is worth reading now: scans decide, and the inbox may come and go."""

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from small_pictures import picture
from sqlalchemy import select

from db import store
from db.models import Sighting
from db.store import SeenFile
from db.types import State
from watcher.inbox.lookout import Lookout
from watcher.inbox.scan import Folder, scan
from watcher.inbox.settle import Settler
from watcher.intake import Settled


@pytest.fixture
def lookout(ledger, inbox):
    return Lookout(ledger, [Folder(inbox)], Settler(2.0), incomplete_seconds=900.0)


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
        reads = [read for batch in intake.take(Settled(*each) for each in found) for read in batch]
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
    assert take(lookout.look_everywhere(0.0)) == []
    assert len(lookout.restless) == 1
    assert take(lookout.look_at(lookout.restless, 2.0)) == ["A/1.jpg"]


def test_what_is_known_is_not_read_again(lookout, put, take):
    """One look-up in the ledger a file."""
    put("A/1.jpg", "A/2.jpg")
    take(lookout.look_everywhere(0.0))
    take(lookout.look_everywhere(2.0))
    lookout.restless.clear()
    assert take(lookout.look_everywhere(9.0)) == []
    assert not lookout.restless


def test_only_the_marked_folder_is_looked_at(lookout, put, inbox):
    """A folder that is gone again, or lies outside, is no error."""
    put("A/1.jpg", "B/2.jpg")
    lookout.settler.settle_seconds = 0.0
    places = {os.fsencode(inbox / "B"), os.fsencode(inbox / "gone"), b"/elsewhere"}
    assert [file.path for file, _ in lookout.look_at(places, 0.0)] == [b"B/2.jpg"]


def test_a_picture_that_ends_too_early_becomes_final_with_time(lookout, put):
    """By the daemon's own clock, whatever the file's times say."""
    put("A/1.jpg")
    assert [list(lookout.look_everywhere(now)) for now in (0.0,)] == [[]]
    assert [final for _, final in lookout.look_everywhere(899.0)] == [False]
    assert [final for _, final in lookout.look_everywhere(900.0)] == [True]


def test_a_file_that_is_gone_is_missing_and_its_media_stays(lookout, put, take, inbox, ledger):
    """Nothing is ever deleted because a file is."""
    put("A/1.jpg", "A/2.jpg")
    lookout.settler.settle_seconds = 0.0
    take(lookout.look_everywhere(0.0))
    (inbox / "A/1.jpg").unlink()
    take(lookout.look_everywhere(1.0))
    assert states(ledger) == {"A/1.jpg": State.MISSING, "A/2.jpg": State.TAKEN}


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
    take(lookout.look_everywhere(0.0))
    found = states(ledger)
    assert found["A/1.jpg"] is State.TAKEN
    assert found["A/gone.jpg"] is State.MISSING
    assert found[hidden.path.decode()] is State.REJECTED


def test_a_file_is_tried_again_when_its_time_has_come(lookout, put, ledger, inbox):
    """Without waiting for the next full look."""
    put("A/1.jpg")
    (file,) = scan(Folder(inbox))
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
    take(lookout.look_everywhere(0.0))
    inbox.rename(inbox.with_name("elsewhere"))
    if way == "empty":
        inbox.mkdir()
    take(lookout.look_everywhere(1.0))
    assert lookout.offline == {str(inbox)}
    assert states(ledger) == {"A/1.jpg": State.TAKEN}
    if way == "empty":
        inbox.rmdir()
    inbox.with_name("elsewhere").rename(inbox)
    assert take(lookout.look_everywhere(2.0)) == []
    assert lookout.offline == set()
