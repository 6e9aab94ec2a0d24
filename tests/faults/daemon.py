"""A daemon with a constant answer over a data folder and inboxes of its own, and what its ledger says of them."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TRAPLINE = [sys.executable, "-m", "watcher"]
CONSTANT = [sys.executable, str(TESTS / "constant_daemon.py")]
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class House:
    """A folder with ``data``, ``log`` and, unless others are named, one ``inbox``; daemons come and go over it."""

    folder: Path
    inboxes: tuple[Path, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def inbox(self):
        """The first inbox."""
        return self.inboxes[0] if self.inboxes else self.folder / "inbox"

    @property
    def data(self):
        """The data folder."""
        return self.folder / "data"

    @property
    def log(self):
        """What all the daemons have said."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def environment(self, **variables):
        """Give the variables of a run."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith("TRAPLINE_")}
        inboxes = os.pathsep.join(map(str, self.inboxes or (self.inbox,)))
        here = {"TRAPLINE_DATA_DIR": str(self.data), "TRAPLINE_INBOX": inboxes, "COLUMNS": "200"}
        return mine | here | {"PYTHONPATH": f"{TESTS.parent}:{TESTS}"} | self.variables | variables

    def start(self, command=CONSTANT, **variables):
        """Start a daemon in a session of its own and give the process."""
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(
                command, cwd=self.folder, env=self.environment(**variables), stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    @contextmanager
    def running(self, command=CONSTANT, **variables):
        """Run a daemon that is killed in the end, with every process that it started."""
        process = self.start(command, **variables)
        try:
            yield process
        finally:
            end(process)

    @contextmanager
    def watching(self, **variables):
        """Run a daemon that watches; SIGTERM must stop it in time, with 0."""
        before = self.log.count("INFO watching")
        with self.running(**variables) as process:
            until(lambda: self.log.count("INFO watching") > before or process.poll() is not None)
            yield process
            if process.poll() is None:
                stop(process)
            assert process.returncode == 0

    def has_looked(self):
        """Tell whether the daemon that runs has said that each root was looked at or is away."""
        with suppress(OSError, ValueError):
            roots = json.loads((self.data / "daemon.json").read_text())["inboxes"]
            return all(root["looked_at"] or root["away"] for root in roots)
        return False

    def trapline(self, *arguments, code=None):
        """Run the real command to its end and give what it printed."""
        done = subprocess.run(
            [*TRAPLINE, *arguments], cwd=self.folder, env=self.environment(), capture_output=True, text=True,
            timeout=600, check=False,
        )  # fmt: skip
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def status(self):
        """Give what ``trapline status --json`` says."""
        return json.loads(self.trapline("status", "--json"))

    def ask(self, query, *values):
        """Read from the ledger; nothing where there is none yet. Never writes, so never checkpoints either."""
        try:
            with closing(sqlite3.connect(f"file:{self.data}/trapline.db?mode=ro", uri=True, timeout=20)) as ledger:
                return ledger.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "unable to open" in str(error):
                return []
            raise

    def count(self, table, where="1"):
        """Count rows."""
        rows = self.ask(f"SELECT count(*) FROM {table} WHERE {where}")
        return rows[0][0] if rows else 0

    def taken(self):
        """Give path → sha256 of what each taken file holds."""
        query = "SELECT path_text, sha256 FROM sighting s JOIN media m ON m.id = s.media_id WHERE state = 'taken'"
        return dict(self.ask(query))

    def is_answered(self, files):
        """Tell whether so many files are taken and nothing waits for an answer."""
        return self.count("sighting", "state = 'taken'") >= files and not self.count("media", "answered_by IS NULL")

    def faults(self, expected):
        """Say what differs from: each of ``expected`` (path → sha256) is one taken row, one media, one prediction."""
        taken = self.taken()
        found = [f"{path} is not taken as it is" for path in expected if taken.get(path) != expected[path]]
        found += [f"{path} should not be taken" for path in taken.keys() - expected.keys()]
        twice = self.ask("SELECT path_text, count(*) FROM sighting GROUP BY root, path HAVING count(*) > 1")
        found += [f"{path} has {rows} rows" for path, rows in twice]
        media = len(set(expected.values()))
        counts = {"sighting": len(expected), "media": media, "prediction": media, "observation": media}
        for table, wanted in counts.items():
            if (rows := self.count(table)) != wanted:
                found.append(f"{table} has {rows} rows instead of {wanted}")
        found += [f"{rows} media have no answer" for rows in [self.count("media", "answered_by IS NULL")] if rows]
        found += [str(row) for row in self.ask("PRAGMA integrity_check") if row[0] != "ok"]
        found += [f"a broken reference: {row}" for row in self.ask("PRAGMA foreign_key_check")]
        products = self.ask("SELECT kept FROM media UNION SELECT gradcam FROM prediction")
        found += [f"{path} is not there" for (path,) in products if not (self.data / path).is_file()]
        return found + [f"{part} is left over" for part in self.data.rglob("*.part")]


def until(condition, seconds=60):
    """Wait for ``condition``, as a person would, but not for ever; give the seconds that it took."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - begin


def stop(process):
    """Ask the daemon to stop, give the seconds that it took; it must say that all went well."""
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=STOP_SECONDS) == 0
    return time.monotonic() - begin


def kill(process):
    """Kill the daemon alone, as the system does that is out of memory: its workers must see to themselves."""
    process.kill()
    process.wait()


def end(process):
    """Kill the daemon and every process that it started, whatever became of it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def left_over(process):
    """Give the processes of the daemon's session that outlived it."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _parent, _group, session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(session) == process.pid and state != "Z":
                found.append(int(stat.parent.name))
    return found


def contents(root, ignored=()):
    """Give path below ``root`` → sha256 of every file."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name not in ignored
    }
