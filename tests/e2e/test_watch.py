"""``trapline watch``: a real daemon over a real folder."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager

import pytest
from real_command import TRAPLINE

from ml.artifacts import STARTER, promote
from ml.artifacts import load as load_model

FAST = {"TRAPLINE_INTAKE__SETTLE_SECONDS": "0.5", "TRAPLINE_INTAKE__SCAN_MINUTES": "0.05"}


@pytest.fixture
def watching(tmp_path, environment):
    """Start the daemon: ``with watching()``; a signal to it and its workers must stop it with 0 within 10 s."""

    @contextmanager
    def start(stop=signal.SIGTERM, **variables):
        (tmp_path / "log").touch()
        before = (tmp_path / "log").read_text().count("INFO watching")
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                [*TRAPLINE, "watch"],
                cwd=tmp_path,
                env=environment | FAST | {"TRAPLINE_INBOX": str(tmp_path / "inbox")} | variables,
                stderr=log,
                start_new_session=True,
            )
        try:
            until(lambda: (tmp_path / "log").read_text().count("INFO watching") > before)
            yield process
            os.killpg(process.pid, stop)  # as a terminal does, and a service manager may
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
            process.wait()

    return start


@pytest.fixture
def answered(tmp_path):
    """Give path → version of the model that answered it."""

    def look():
        if not (tmp_path / "data/trapline.db").exists():
            return {}
        query = (
            "SELECT s.path_text, m.version FROM sighting s JOIN media ON media.id = s.media_id"
            " JOIN prediction p ON p.id = media.answered_by JOIN model m ON m.id = p.model_id"
        )
        with closing(sqlite3.connect(tmp_path / "data/trapline.db", timeout=10)) as ledger:
            return dict(ledger.execute(query)) if ledger.execute("SELECT 1 FROM sqlite_master").fetchone() else {}

    return look


def until(condition, seconds=60):
    """Wait for ``condition``, as a person would, but not for ever."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def put(tmp_path, drawn_inbox, count, start=0):
    """Copy drawn pictures of one station into the inbox and give their paths."""
    station = drawn_inbox[0] / "Mara-07/100RECNX"
    pictures = sorted(station.iterdir())[start : start + count]
    (tmp_path / "inbox/Mara-07").mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        shutil.copy(picture, tmp_path / "inbox/Mara-07")
    return {f"Mara-07/{picture.name}" for picture in pictures}


@pytest.mark.usefixtures("ready")
def test_the_daemon_answers_reports_and_takes_up_a_promoted_model(tmp_path, drawn_inbox, watching, answered, trapline):
    """What came while it was down and what comes while it runs, the report at its minute, a model between batches."""
    before = put(tmp_path, drawn_inbox, 3)
    starter = load_model(STARTER).version
    reports = tmp_path / "data/reports"
    with watching(TRAPLINE_REPORT__NIGHTLY="* * * * *"):
        until(lambda: set(answered()) == before)
        during = put(tmp_path, drawn_inbox, 3, start=3)
        until(lambda: set(answered()) == before | during)
        assert set(answered().values()) == {starter}

        state = json.loads(trapline("status", "--json", TRAPLINE_INBOX=str(tmp_path / "inbox")).stdout)
        until((tmp_path / "data/daemon.json").exists)
        assert state["daemon"] is not None
        assert state["problems"] == []

        copy = tmp_path / "data/models" / starter
        shutil.copytree(STARTER, copy)
        other = renamed(copy)
        promote(tmp_path / "data/models", other)
        late = put(tmp_path, drawn_inbox, 2, start=6)
        until(lambda: late <= set(answered()))
        assert {answered()[path] for path in late} == {other}
        assert {answered()[path] for path in before | during} == {starter}

        until(lambda: any("Mara-07" in report.read_text() for report in reports.glob("*.html")), seconds=75)
    assert (reports / "latest.html").exists()
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert not list((tmp_path / "data").rglob("*.part"))


def renamed(folder):
    """Make the copied model another version: the same numbers under another name."""
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | {"name": "challenger"}))
    target = folder.with_name("challenger")
    folder.rename(target)
    version = load_model(target).version
    target.rename(target.with_name(version))
    return version


def test_ctrl_c_stops_it_as_well_even_while_the_model_is_loaded(tmp_path, drawn_inbox, watching, answered):
    """Within ten seconds; what was under way is done at the next start."""
    expected = put(tmp_path, drawn_inbox, 16)
    with watching(stop=signal.SIGINT):
        until((tmp_path / "data/kept").exists)
    with watching(stop=signal.SIGTERM):
        pass
    with watching():
        until(lambda: set(answered()) == expected)


@pytest.mark.usefixtures("ready")
def test_a_file_that_grows_slowly_is_taken_when_it_is_whole(tmp_path, drawn_inbox, watching, answered):
    """Copied over a flaky network in pieces."""
    picture = min((drawn_inbox[0] / "Wolong-12/100EK113").iterdir()).read_bytes()
    (tmp_path / "inbox/Wolong-12").mkdir(parents=True)
    with watching():
        with (tmp_path / "inbox/Wolong-12/slow.jpg").open("wb") as file:
            for start in range(0, len(picture), len(picture) // 5 + 1):
                file.write(picture[start : start + len(picture) // 5 + 1])
                file.flush()
                time.sleep(0.7)
        until(lambda: set(answered()) == {"Wolong-12/slow.jpg"})
    with closing(sqlite3.connect(tmp_path / "data/trapline.db")) as ledger:
        assert ledger.execute("SELECT state FROM sighting").fetchall() == [("taken",)]


@pytest.mark.usefixtures("ready")
def test_an_inbox_that_goes_away_and_comes_back_loses_nothing(tmp_path, drawn_inbox, watching, answered):
    """An unmounted share is not a deleted folder."""
    first = put(tmp_path, drawn_inbox, 2)
    with watching():
        until(lambda: set(answered()) == first)
        (tmp_path / "inbox").rename(tmp_path / "away")
        until(lambda: "is offline" in (tmp_path / "log").read_text())
        (tmp_path / "away").rename(tmp_path / "inbox")
        second = put(tmp_path, drawn_inbox, 2, start=2)
        until(lambda: set(answered()) == first | second)
    with closing(sqlite3.connect(tmp_path / "data/trapline.db")) as ledger:
        assert ledger.execute("SELECT DISTINCT state FROM sighting").fetchall() == [("taken",)]
