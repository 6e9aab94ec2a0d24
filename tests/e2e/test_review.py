"""Corrections that come back to a real daemon, and to the real command without one."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from db import store
from db.engine import open_ledger
from db.models import Media, Question, Report
from db.types import Reason, ReportKind

TESTS = Path(__file__).resolve().parents[1]
TOKEN = "5f0c2b7a9d3e4f1c8b6a7d5e4c3b2a19"


@pytest.fixture
def ask(tmp_path):
    """Read from the ledger; nothing where there is none yet."""

    def read(query):
        if not (tmp_path / "data/trapline.db").exists():
            return []
        with closing(sqlite3.connect(tmp_path / "data/trapline.db", timeout=10)) as ledger:
            return ledger.execute(query).fetchall() if ledger.execute("SELECT 1 FROM sqlite_master").fetchone() else []

    return read


@pytest.fixture
def house(tmp_path, environment, drawn_inbox):
    """Give the variables of a house with one picture in its inbox."""
    station = drawn_inbox[0] / "Mara-07/100RECNX"
    (tmp_path / "inbox/Mara-07").mkdir(parents=True)
    shutil.copy(min(station.iterdir()), tmp_path / "inbox/Mara-07")
    return environment | {
        "TRAPLINE_INBOX": str(tmp_path / "inbox"),
        "TRAPLINE_INTAKE__SETTLE_SECONDS": "0.5",
        "PYTHONPATH": f"{TESTS.parent}:{TESTS}",
    }


@contextmanager
def watching(folder, variables):
    """Run the daemon that says of every picture that it is a lion; SIGTERM must stop it with 0."""
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, str(TESTS / "constant_daemon.py")], cwd=folder, env=variables, stderr=log
        )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()


def until(condition, seconds=60):
    """Wait for ``condition``, as a person would, but not for ever."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def reported(folder):
    """Let a report have asked about the one picture, and give its sha256."""
    ledger = open_ledger(folder / "data/trapline.db")
    now = datetime.now(UTC)
    with ledger.write() as session:
        media = session.query(Media).one()
        question = Question(media_id=media.id, region=0, prediction_id=media.answered_by, reason=Reason.AUDIT)
        span = {"since": now - timedelta(days=1), "until": now, "written_at": now}
        store.report(session, Report(kind=ReportKind.NIGHTLY, token=TOKEN, path="r.html", **span), [question])
    ledger.close()
    return media.sha256


def corrections(path, media, label, reviewer):
    """Save what a report saves."""
    said = {
        "format": "trapline-corrections", "version": 1, "id": str(uuid4()), "report": TOKEN, "reviewer": reviewer,
        "corrections": [{"media": media, "label": label, "said_at": datetime.now(UTC).isoformat()}],
    }  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(said))
    return path


SHOWN = "SELECT classification_method, label, classified_by FROM observation"


def test_a_word_comes_back_through_the_folder_and_through_the_command(tmp_path, house, ask, trapline):
    """Dropped while the daemon runs, it counts; so does an import beside it; what is refused is named by ``status``."""
    folder = tmp_path / "inbox/corrections"
    inbox = {"TRAPLINE_INBOX": str(tmp_path / "inbox")}
    with watching(tmp_path, house):
        until(lambda: [row[:2] for row in ask(SHOWN)] == [("machine", "lion")])
        media = reported(tmp_path)
        corrections(folder / "asha.json", media, "rhino", "Asha")
        until(lambda: ask(SHOWN) == [("human", "rhino", "Asha")])
        yesterday = datetime.now(UTC) - timedelta(days=1)
        report = Path(trapline("report", "--since", f"{yesterday:%Y-%m-%dT%H:%M:%S}").stdout.strip()).read_text("utf-8")
        assert "said by <bdi>Asha</bdi>" in report
        assert "Lion → Rhino <b>1</b>" in report

        (folder / "broken.json").write_text('{"format": "trapline-corr')
        until(lambda: ask("SELECT 1 FROM corrections_file WHERE refused IS NOT NULL"))
        state = json.loads(trapline("status", "--json", code=1, **inbox).stdout)
        (refused,) = state["corrections_refused"]
        assert (state["corrections"], refused["path"]) == (1, f"{folder}/broken.json")
        assert refused["reason"].startswith("it is no sound corrections file")

        path = corrections(tmp_path / "ben.json", media, "cheetah", "Ben")
        assert "1 corrections taken" in trapline("review", "import", path).stdout
        assert ask(SHOWN) == [("human", "cheetah", "Ben")]
        (folder / "broken.json").unlink()
        until(lambda: not ask("SELECT 1 FROM corrections_file WHERE refused IS NOT NULL"))
    assert json.loads(trapline("status", "--json", code=1, **inbox).stdout)["corrections"] == 2
    assert "Traceback" not in (tmp_path / "log").read_text()

    again = trapline("review", "import", path, folder / "nowhere.json", code=2)
    assert [line.split(" is refused: ")[1].split(",")[0].split(" (")[0] for line in again.stderr.splitlines()] == [
        "it was taken before",
        "it cannot be read",
    ]
    assert ask("SELECT count(*) FROM review") == [(2,)]
    assert sorted(path.name for path in folder.iterdir()) == ["asha.json"]
