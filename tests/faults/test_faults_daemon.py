"""What writers, tools, cameras and the system do to a daemon, and what its ledger says afterwards."""

import os
import signal
import sys
import threading
import time

import pytest
from arrivals import WAYS, pictures
from daemon import TESTS, TRAPLINE, contents, kill, until
from watchdog.observers.api import BaseObserver, EventEmitter

from watcher.data_folder import DataFolder
from watcher.inbox.events import Dirty, Watches

PAUSE = 1.2  # longer than a file has to be still
# The constant daemon, whose watchers of events end at SIGUSR1.
FALTERING = f"""
import runpy, signal, threading
from watchdog.observers.api import EventEmitter
def falter(*_):
    for thread in threading.enumerate():
        if isinstance(thread, EventEmitter):
            thread.stop()
signal.signal(signal.SIGUSR1, falter)
runpy.run_path("{TESTS}/constant_daemon.py", run_name="__main__")
"""


def test_files_are_found_where_events_never_come(house):
    """A network share tells of nothing, and is looked through instead."""
    with house.watching(TRAPLINE_INTAKE__EVENTS="never", TRAPLINE_INTAKE__SCAN_MINUTES="60"):
        until((house.data / "daemon.json").exists)
        for number, way in enumerate(WAYS):
            way(house.inbox / f"station-{number}", pictures(number, 4))
        until(lambda: house.is_answered(20))
        assert house.status()["daemon"]["inboxes"][0]["folders_heard"] is None
    assert house.faults(contents(house.inbox)) == []


def test_of_two_daemons_the_second_is_told_to_wait_and_takes_over_when_the_first_is_killed(house):
    """It ends with 75 and names the other; what a killed one held is free at once."""
    with house.running() as first:
        until(lambda: "INFO watching" in house.log)
        with house.running([*TRAPLINE, "watch"]) as second:
            assert second.wait(timeout=30) == 75
        assert f"is in use by process {first.pid} on" in house.log
        kill(first)
    begin = time.monotonic()
    with DataFolder(house.data).exclusively():
        assert time.monotonic() - begin < 2
    with house.watching():
        WAYS[0](house.inbox / "Mara", pictures(0, 1))
        until(lambda: house.is_answered(1))


@pytest.mark.parametrize("part", [BaseObserver, EventEmitter])
def test_events_that_stop_are_asked_for_anew(house, part):
    """Whichever of its threads dies; and all is looked at then, since nobody knows what happened meanwhile."""
    dirty, inbox = Dirty(), house.inbox
    watches = Watches(inbox, dirty)
    watches.keep_alive()
    dirty.collect()
    (thread,) = [thread for thread in threading.enumerate() if isinstance(thread, part)]
    thread.stop()
    thread.join()
    until(lambda: watches.keep_alive() or watches.rebuilt, seconds=5)
    assert watches.rebuilt == 1
    assert dirty.collect() is None
    (inbox / "Mara").mkdir()
    until(lambda: os.fsencode(inbox / "Mara") in (dirty.collect() or {}), seconds=5)
    watches.close()


def test_status_says_that_events_stopped(house):
    """And files go on being taken."""
    faltering = [sys.executable, "-c", FALTERING]
    with house.running(faltering, TRAPLINE_INTAKE__SCAN_MINUTES="60") as process:
        until(lambda: "are heard" in house.log)
        process.send_signal(signal.SIGUSR1)
        until(lambda: "asked for anew" in house.log, seconds=5)
        WAYS[3](house.inbox / "Mara", pictures(0, 5))
        until(lambda: house.is_answered(5))
        until(lambda: "stopped 1 times" in house.trapline("status"))


def test_a_picture_that_ends_too_early_is_rejected_in_time_and_taken_when_it_is_whole(house):
    """It may be a copy that goes on after the break."""
    ((name, content),) = pictures(0, 1)
    with house.watching(TRAPLINE_INTAKE__INCOMPLETE_MINUTES="0.05"):
        (house.inbox / name).write_bytes(content[: len(content) // 2])
        until(lambda: house.count("sighting", "state = 'rejected' AND code = 'truncated'"))
        with (house.inbox / name).open("ab") as file:
            file.write(content[len(content) // 2 :])
        until(lambda: house.is_answered(1))
    assert house.faults(contents(house.inbox)) == []


def test_of_what_is_written_slowly_only_the_whole_is_taken(house):
    """With pauses longer than a file has to be still; one tool sets the old file times as it goes."""
    files = {f"{number}.jpg": content for number, (_, content) in enumerate(pictures(0, 6))}
    with house.watching():
        for part in range(3):
            _write_part(house.inbox, files, part)
            for name in list(files)[:3]:
                os.utime(house.inbox / name, (1_230_000_000, 1_230_000_000))
            time.sleep(PAUSE)
        until(lambda: house.is_answered(len(files)))
    assert house.faults(contents(house.inbox)) == []


def test_of_what_is_filled_slowly_only_the_whole_is_taken(house):
    """Some systems give a file its full size first: its end is zeros, which a decoder may take for a picture."""
    files = {f"{number}.jpg": content for number, (_, content) in enumerate(pictures(0, 6))}
    for name, content in files.items():
        (house.inbox / name).touch()
        os.truncate(house.inbox / name, len(content))
    with house.watching():
        for part in range(3):
            time.sleep(PAUSE)
            _write_part(house.inbox, files, part)
        until(lambda: house.taken() == contents(house.inbox))
        until(lambda: house.is_answered(len(files)))
    assert house.faults(contents(house.inbox)) == []


def test_another_content_under_the_same_name_is_another_generation(house):
    """The first picture stays in the ledger with what was said of it."""
    (first, second) = (content for _, content in pictures(0, 2))
    with house.watching():
        (house.inbox / "IMG_0001.JPG").write_bytes(first)
        until(lambda: house.is_answered(1))
        (house.inbox / "IMG_0001.JPG").write_bytes(second)
        until(lambda: house.count("prediction") == 2)
    rows = house.ask(
        "SELECT generation, state, sha256 = ? FROM sighting s JOIN media m ON m.id = s.media_id ORDER BY generation",
        *contents(house.inbox).values(),
    )
    assert rows == [(1, "superseded", 0), (2, "taken", 1)]


def test_the_same_name_at_three_stations_is_three_pictures(house):
    """Cameras count from one."""
    with house.watching():
        for number, station in enumerate(("Mara", "Wolong", "Pantanal")):
            WAYS[0](house.inbox / station, [("IMG_0001.JPG", content) for _, content in pictures(number, 1)])
        until(lambda: house.is_answered(3))
    assert house.faults(contents(house.inbox)) == []
    assert house.count("media") == 3


def _write_part(folder, files, part):
    """Write a third of each file in its place."""
    for name, content in files.items():
        step = len(content) // 3
        with (folder / name).open("r+b" if (folder / name).exists() else "wb") as file:
            file.seek(part * step)
            file.write(content[part * step : (part + 1) * step if part < 2 else None])
