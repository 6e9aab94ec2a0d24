"""SIGKILL at drawn instants while files come, and one more start that must finish everything."""

import random
import time
from dataclasses import dataclass

from arrivals import WAYS, pictures
from daemon import House, contents, kill, left_over, until

SECONDS = 1.5  # the longest from what is awaited to the kill
STATIONS = 10
ORPHANS_SECONDS = 10  # a worker may finish its file


@dataclass(frozen=True, slots=True)
class Killed:
    """What a run of kills left behind."""

    faults: list[str]
    taken: list[int]  # files that were taken by each kill
    seconds: float  # until all was done after the last start


def killing(house: House, *, files: int, kills: int, seed: int) -> Killed:
    """Bring ``files`` in slices, a daemon for each that is killed, and let the last one finish."""
    chance, faults, taken = random.Random(seed), [], []
    house.inbox.mkdir(parents=True)
    for number in range(kills):
        mine = files * (number + 1) // kills - files * number // kills
        moment = _moment(house, number % 3, chance.randint(1, mine))
        with house.running() as process:
            station = house.inbox / f"station-{number % STATIONS:02}"
            WAYS[number % len(WAYS)](station, pictures(seed + number, mine))
            until(moment)
            time.sleep(chance.uniform(0, SECONDS))
            if process.poll() is not None:
                faults.append(f"it ended by itself with {process.returncode}")
            kill(process)
            faults += _orphans(process)
        taken.append(house.count("sighting", "state = 'taken'"))
    before = contents(house.inbox)
    with house.watching():
        seconds = until(lambda: house.is_answered(len(before)), 300)
    faults += house.faults(before)
    if contents(house.inbox) != before:
        faults.append("the inbox is not as it was")
    return Killed(faults, taken, seconds)


def _moment(house, kind, more):
    """Give what is to be awaited before a kill: nothing, that it reads, or that it has written some rows more."""
    rows, daemons = _rows(house), house.log.count("INFO watching")
    if kind == 0:
        return lambda: True
    if kind == 1:
        return lambda: house.log.count("INFO watching") > daemons
    return lambda: _rows(house) >= rows + more


def _rows(house):
    return house.count("sighting") + house.count("prediction")


def _orphans(process):
    """Say which workers outlived their daemon for long."""
    try:
        until(lambda: not left_over(process), ORPHANS_SECONDS)
    except AssertionError:
        return [f"workers outlive the daemon: {left_over(process)}"]
    return []
