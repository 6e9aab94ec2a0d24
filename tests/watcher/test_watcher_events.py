"""Events are hints: they mark folders, are bounded, and are asked for anew when they stop."""

import logging
import os
import threading
import time

import pytest
from watchdog.events import DirCreatedEvent, FileCreatedEvent, FileMovedEvent

from watcher.inbox.events import MANY, Dirty, Watches


@pytest.fixture
def dirty():
    return Dirty()


@pytest.fixture
def watches(tmp_path, dirty):
    (tmp_path / "inbox").mkdir()
    watches = Watches(tmp_path / "inbox", dirty)
    yield watches
    watches.close()


def until(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_many_events_of_one_folder_are_one_mark(dirty):
    """Where a file came its folder, where a folder came all below it, where it was moved both ends."""
    for number in range(1000):
        dirty.on_any_event(FileCreatedEvent(f"/in/A/{number}.jpg"))
    dirty.on_any_event(DirCreatedEvent("/in/B"))
    dirty.on_any_event(FileMovedEvent("/in/C/.1.x8", "/in/D/1.jpg"))
    assert dirty.collect() == {b"/in/A": False, b"/in/B": True, b"/in/C": False, b"/in/D": False}
    assert dirty.collect() == {}


def test_a_storm_is_a_full_look(dirty):
    """However many folders are marked, memory does not grow."""
    for number in range(MANY + 1):
        dirty.mark(b"%d" % number)
    assert dirty.collect() is None
    assert dirty.collect() == {}


def test_arming_asks_for_a_full_look(watches, dirty):
    """What came before the watch was armed, nobody tells of."""
    watches.keep_alive()
    assert dirty.collect() is None


def test_a_file_in_a_new_folder_marks_it(watches, dirty, tmp_path):
    """As a card reader copies: the folder and its files at once."""
    watches.keep_alive()
    dirty.collect()
    (tmp_path / "inbox/A/100RECNX").mkdir(parents=True)
    (tmp_path / "inbox/A/100RECNX/1.jpg").write_bytes(b"x")
    marked = {}
    until(lambda: marked.update(dirty.collect() or {}) or os.fsencode(tmp_path / "inbox/A") in marked)
    assert marked[os.fsencode(tmp_path / "inbox/A")]


@pytest.mark.parametrize("part", ["InotifyEmitter", "InotifyObserver", "InotifyFD"])
def test_a_thread_that_has_died_is_replaced(watches, dirty, tmp_path, part):
    """With a full look after it, and then events come again."""
    watches.keep_alive()
    dirty.collect()
    (thread,) = [each for each in threading.enumerate() if type(each).__name__ == part]
    thread.stop()
    thread.join(5)
    watches.keep_alive()
    assert watches.rebuilt == 1
    assert dirty.collect() is None
    (tmp_path / "inbox/1.jpg").write_bytes(b"x")
    until(lambda: dirty.collect() == {os.fsencode(tmp_path / "inbox"): False})


def test_a_root_that_is_mounted_anew_is_watched_anew(watches, dirty, tmp_path):
    """The old watch is blind and says nothing of it."""
    watches.keep_alive()
    dirty.collect()
    (tmp_path / "inbox").rename(tmp_path / "old")
    (tmp_path / "inbox").mkdir()
    watches.keep_alive()
    assert dirty.collect() is None
    (tmp_path / "inbox/1.jpg").write_bytes(b"x")
    until(lambda: dirty.collect() == {os.fsencode(tmp_path / "inbox"): False})


def test_an_overflow_of_the_system_s_queue_is_a_full_look(watches, dirty):
    """watchdog says it in its log and nowhere else."""
    watches.keep_alive()
    dirty.collect()
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed; filesystem events were lost")
    assert dirty.collect() is None


def test_the_folders_that_events_come_from_are_counted(watches, tmp_path):
    """So that a limit of the system that leaves some out is seen."""
    for name in "abc":
        (tmp_path / "inbox" / name).mkdir()
    watches.keep_alive()
    assert watches.count() == 4
