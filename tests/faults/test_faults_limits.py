"""The system tells of too little: a queue of events that overflows, fewer watches than folders."""

import signal
from contextlib import ExitStack

import pytest
from arrivals import WAYS, pictures
from daemon import contents, until
from limits import inotify_limit, need_limits

pytestmark = pytest.mark.alone
FOLDERS = 40


def test_files_whose_events_were_lost_are_found_at_once(house):
    """Not only by the next scan at its interval."""
    need_limits()
    stations = {way: house.inbox / f"station-{number}" for number, way in enumerate(WAYS)}
    for number, (way, station) in enumerate(stations.items()):
        way(station, pictures(number, 1))  # so that folders are there, and watched from the start
    with ExitStack() as stack:
        with inotify_limit("max_queued_events", 64):
            daemon = stack.enter_context(house.running(TRAPLINE_INTAKE__SCAN_MINUTES="60"))
            until(house.has_looked)  # before that a status may find no daemon
            until(lambda: house.status()["daemon"]["inboxes"][0]["folders_heard"])
        daemon.send_signal(signal.SIGSTOP)  # so that nobody empties the queue
        for number, (way, station) in enumerate(stations.items()):
            way(station, pictures(100 + number, 39))
        daemon.send_signal(signal.SIGCONT)
        until(lambda: house.is_answered(200))
    assert "events were lost" in house.log
    assert house.faults(contents(house.inbox)) == []


def test_folders_that_cannot_be_watched_are_looked_through_and_named(house):
    """The limit of watches is silent: the daemon counts, looks more often, and says what to raise."""
    need_limits()
    folders = [house.inbox / f"station-{number:02}" for number in range(FOLDERS)]
    for folder in folders:
        folder.mkdir()
    with ExitStack() as stack:
        with inotify_limit("max_user_watches", FOLDERS // 2):
            stack.enter_context(house.running(TRAPLINE_INTAKE__SCAN_MINUTES="60"))
            until(lambda: "are heard" in house.log or "no events of" in house.log)  # others may have taken them all
        for number, folder in enumerate(folders):
            WAYS[0](folder, pictures(number, 2))
        until(lambda: house.is_answered(2 * FOLDERS))
        until(lambda: any("max_user_watches" in problem for problem in house.status()["problems"]))
    assert house.faults(contents(house.inbox)) == []


def test_a_system_out_of_events_is_no_reason_to_stop(house):
    """Where other programs have taken all there are, folders are looked through more often instead."""
    need_limits()
    with inotify_limit("max_user_instances", 0), house.watching():
        WAYS[0](house.inbox / "Mara", pictures(0, 5))
        until(lambda: house.is_answered(5))
        until(lambda: any("max_user_instances" in problem for problem in house.status()["problems"]))
