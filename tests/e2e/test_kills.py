"""SIGKILL at random: after a restart every file is one row and answered, and nothing is left half-done."""

import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest
from real_command import TRAPLINE, answers

from watcher.demo.world import Kind

KILLS = 3


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("command", ["process", "watch"])
def test_a_killed_run_is_finished_by_the_next(command, trapline, inbox, environment, drawn_inbox, tmp_path):
    """The ledger is the truth, and every step can be repeated."""
    chance = random.Random(command)
    variables = environment | {"TRAPLINE_INBOX": str(inbox), "TRAPLINE_INTAKE__SETTLE_SECONDS": "0"}
    arguments = ["process", str(inbox)] if command == "process" else ["watch"]
    for _ in range(KILLS):
        process = subprocess.Popen([*TRAPLINE, *arguments], cwd=tmp_path, env=variables, stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)  # fmt: skip
        wait_for_rows(tmp_path, chance.randint(1, 50), process)
        time.sleep(chance.random() * 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    trapline("process", inbox, "--out", "answers.csv", code=3)

    rows = answers(tmp_path / "answers.csv")
    kinds = {str(inbox / each.path): each.kind for each in drawn_inbox[1]}
    assert sorted(row["path"] for row in rows) == sorted(kinds)
    for row in rows:
        at_fault = kinds[row["path"]] in {Kind.TRUNCATED, Kind.TEXT}
        assert row["state"] == ("rejected" if at_fault else "answered")
    with closing(sqlite3.connect(tmp_path / "data/trapline.db")) as ledger:
        (predictions,) = ledger.execute("SELECT count(*) FROM prediction").fetchone()
        assert ledger.execute("SELECT count(*) FROM media").fetchone() == (predictions,)
    assert not list((tmp_path / "data").rglob("*.part"))
    trapline("doctor", "--check")


def wait_for_rows(tmp_path, count, process):
    """Wait until the ledger has so many rows, or the process has nothing more to do."""
    deadline = time.monotonic() + 60
    while process.poll() is None and rows_in(tmp_path / "data/trapline.db") < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def rows_in(path):
    """Count sightings and predictions; none where there is no ledger yet."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as ledger:
            return ledger.execute(
                "SELECT (SELECT count(*) FROM sighting) + (SELECT count(*) FROM prediction)"
            ).fetchone()[0]
    except sqlite3.OperationalError:
        return 0
