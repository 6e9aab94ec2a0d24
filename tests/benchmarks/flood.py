"""Floods of files and what they cost: the part of the intake's benchmark that measures the daemon while files come."""

import statistics
import time
from contextlib import contextmanager, suppress
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

from arrivals import WAYS, arrive, pictures
from daemon import STOP_SECONDS, contents, stop, until

MEBI = 2**20
MOST_GROWTH = 300 * MEBI  # of the daemon's memory over what it has when idle
STATUS_SECONDS = 10.0  # between two questions


def soaked(house, say, *, files, stations, processes, seed):
    """Let files come in all ways at once, stop the daemon when half are taken, start it again; give what is wrong."""
    house.inbox.mkdir(parents=True)
    each = files // (stations * len(WAYS))
    tasks = [(house.inbox, seed, station, way, each) for station, way in product(range(stations), range(len(WAYS)))]
    expected = each * len(tasks)
    faults, arrived, begin = [], [], time.monotonic()
    with get_context("spawn").Pool(processes) as pool:
        with house.watching() as daemon, _measured(house, daemon, say, faults):
            coming = pool.starmap_async(arrive, tasks, chunksize=1, callback=lambda _: arrived.append(time.monotonic()))
            until(lambda: house.count("sighting") >= expected // 2, _patience(expected))
        say(f"{house.count('sighting'):8}    of {expected} files taken when it was stopped")
        with house.watching() as daemon, _measured(house, daemon, say, faults):
            coming.get()
            until(lambda: house.is_answered(expected), _patience(expected))
            quiet = time.monotonic()
    say(f"{arrived[0] - begin:10.1f} s until the last file came, {quiet - arrived[0]:.1f} s more until all was quiet")
    say(f"{expected / (quiet - begin):10.1f}   files a second, taken and answered")
    say(f"{len(house.log) / MEBI:10.1f} MiB of log")
    return faults + house.faults(contents(house.inbox))


def unwatched(house, say, *, folders, files, seed):
    """Let a few files come into each of more folders than can be watched; give what is wrong."""
    places = [house.inbox / f"station-{number % 10:02}" / f"{number:03}EK113" for number in range(folders)]
    for place in places:
        place.mkdir(parents=True)
    with house.watching():
        until(house.has_looked)
        for number, place in enumerate(places):
            for name, content in pictures(seed + number, max(1, files // folders)):
                (place / name).write_bytes(content)
        expected = contents(house.inbox)
        quiet = until(lambda: house.is_answered(len(expected)), _patience(len(expected)))
        problems = [problem for problem in house.status()["problems"] if "max_user_watches" in problem]
    say(f"{quiet:10.1f} s from the last of {len(expected)} files until all was quiet")
    say("\n".join(problems))
    return house.faults(expected) + ([] if problems else ["status does not tell of it"])


@contextmanager
def _measured(house, daemon, say, faults):
    """Measure memory, the answers of ``trapline status`` and the stop of a daemon, which ends with this."""
    until(house.has_looked)
    idle, done, answers, workers = _memory(daemon.pid, "VmRSS"), Event(), [0.0], [0]

    def ask():
        while not done.wait(STATUS_SECONDS):
            begin = time.monotonic()
            house.status()
            answers.append(time.monotonic() - begin)

    def measure():
        while not done.wait(1.0):
            workers.append(sum(_memory(child, "VmRSS") for child in _children(daemon.pid)))

    threads = [Thread(target=work) for work in (ask, measure)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
    peak, took = _memory(daemon.pid, "VmHWM"), stop(daemon)
    say(f"{idle / MEBI:8.0f}    MiB of memory when idle, {peak / MEBI:.0f} at most; workers {max(workers) / MEBI:.0f}")
    say(f"{statistics.median(answers):10.1f} s for status to answer, at most {max(answers):.1f}")
    say(f"{took:10.1f} s for SIGTERM to stop it, at most {STOP_SECONDS}")
    if peak - idle > MOST_GROWTH:
        faults.append(f"its memory grew by {(peak - idle) / MEBI:.0f} MiB")


def _patience(files):
    return 120 + files / 10


def _memory(pid, name):
    """Give bytes of a process by their name in proc(5); none where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)


def _children(pid):
    """Give the processes that any of its threads has started."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, children.read_text().split())
    return found
