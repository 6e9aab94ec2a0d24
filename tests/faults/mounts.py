"""A watched disk, an ext4 image on a loop device, that is unmounted, mounted again and swapped under the daemon.

For the root user in a mount namespace of its own (``unshare --mount``).
"""

import os
import sqlite3
import subprocess
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event, Thread

from arrivals import pictures
from daemon import contents, until

SIZE = 64 * 2**20
BURST = 20  # files that are copied between two looks at the clock
SCAN_SECONDS = 3.0
RESUME_SECONDS = SCAN_SECONDS + 1.0  # a scan period, and the file has to come to rest and be read


class Mounts:
    """Two disks for one daemon. A trigger in its ledger records every row that is called missing or removed."""

    def __init__(self, house, seed):
        self.files = 0
        self.faults = []
        self._house = house
        self._random = seed
        self._stack = ExitStack()

    def __enter__(self):
        with self._stack as stack:
            self._house.inbox.mkdir(parents=True)
            self._disks = [stack.enter_context(_disk(self._house.folder / name)) for name in ("first", "second")]
            stack.callback(_unmount, self._house.inbox, check=False)
            self._mount(0)
            _record_losses(self._house)
            stack.enter_context(self._house.watching())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)

    def cycle(self, times):
        """Unmount and mount the first disk under load; give the seconds from each mount until a new file is taken."""
        resumed = []
        for number in range(times):
            with self._copying(number, still=bool(number % 2)):
                time.sleep(0.3)
                _unmount(self._house.inbox)
                time.sleep(0.5 + number % 4 * 0.5)
            self._mount(0)
            mark = self._house.inbox / f"station-00/mark-{number:03}.JPG"
            mark.parent.mkdir(exist_ok=True)
            mark.write_bytes(next(pictures(self._random + 7000 + number, 1))[1])
            self.files += 1
            path = str(mark.relative_to(self._house.inbox))
            resumed.append(until(lambda path=path: self._is_taken(path), 60))
            if resumed[-1] > RESUME_SECONDS:
                self.faults.append(f"after mount {number} it took {resumed[-1]:.1f} s until a file was taken")
        expected = contents(self._house.inbox)
        self.files = len(expected)
        until(lambda: self._house.is_answered(len(expected)), 60 + len(expected) / 10)
        self.faults += self._house.faults(expected) + self._lost()
        return resumed

    def swap(self):
        """Put another disk, then an empty folder in the first one's place, and the first again; give what is wrong."""
        first = contents(self._house.inbox)
        _unmount(self._house.inbox)
        self._mount(1)
        (self._house.inbox / "station-99").mkdir()
        for name, content in pictures(self._random + 9000, 5):
            (self._house.inbox / "station-99" / name).write_bytes(content)
        second = contents(self._house.inbox)
        until(lambda: self._house.is_answered(len(first) + len(second)), 60)
        until(lambda: self._root()["earlier"] == len(first), 30)
        _unmount(self._house.inbox)
        empty = self._house.folder / "empty"
        empty.mkdir()
        _run("mount", "--bind", empty, self._house.inbox)
        until(lambda: self._root()["away"], 30)
        _unmount(self._house.inbox)
        back = self._house.log.count("is back")
        self._mount(0)
        until(lambda: self._house.log.count("is back") > back, 30)
        time.sleep(2 * SCAN_SECONDS)  # a file is called missing when two looks have missed it
        return self._house.faults(first | second) + self._lost()

    def _mount(self, number):
        _run("mount", self._disks[number], self._house.inbox)

    def _root(self):
        (root,) = self._house.status()["daemon"]["inboxes"]
        return root

    def _is_taken(self, path):
        return self._house.ask("SELECT 1 FROM sighting WHERE path_text = ? AND state = 'taken'", path)

    def _lost(self):
        return [f"{path} was {what}" for what, path in self._house.ask("SELECT what, path FROM losses")]

    @contextmanager
    def _copying(self, number, *, still):
        """Copy files onto the disk; ``still``: until it is unmounted only, so that the disk is let go of."""
        station, done = self._house.inbox / f"station-{1 + number % 4:02}" / f"{number:03}EK113", Event()
        station.mkdir(parents=True)
        opened = os.open(station, os.O_RDONLY | os.O_DIRECTORY)  # what is open stays on the disk, mounted or not
        inside = Path(f"/proc/self/fd/{opened}")

        def copy():
            for name, content in pictures(self._random + number, BURST):
                if done.wait(0.05) or (still and not station.exists()):
                    return
                (inside / name).write_bytes(content)

        thread = Thread(target=copy)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            os.close(opened)


@contextmanager
def _disk(image):
    """Give a loop device with a new file system."""
    with image.open("wb") as file:
        file.truncate(SIZE)
    _run("mkfs.ext4", "-q", "-F", image)
    device = _run("losetup", "--find", "--show", image)
    try:
        yield device
    finally:
        _run("losetup", "--detach", device)


def _record_losses(house):
    from db.engine import open_ledger

    house.data.mkdir()
    open_ledger(house.data / "trapline.db").close()
    with closing(sqlite3.connect(house.data / "trapline.db")) as ledger:
        ledger.executescript(
            """
            CREATE TABLE losses (what TEXT, path TEXT);
            CREATE TRIGGER missing AFTER UPDATE ON sighting WHEN new.state = 'missing'
                BEGIN INSERT INTO losses VALUES ('called missing', new.path_text); END;
            CREATE TRIGGER removed AFTER DELETE ON sighting
                BEGIN INSERT INTO losses VALUES ('removed', old.path_text); END;
            """
        )


def _unmount(folder, *, check=True):
    _run("umount", "--lazy", folder, check=check)


def _run(*command, check=True):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout.strip()
