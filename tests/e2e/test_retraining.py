"""The loop closes: what rangers correct becomes a better model, in a running daemon, whoever is killed on the way."""

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from real_command import TRAPLINE
from reviewed_world import blocked, put, reviews
from rich.console import Console
from tiny_backbones import register_tiny

from db import store
from db.engine import open_ledger
from db.models import Review
from db.observe import refresh
from db.redlist import load as load_redlist
from ml.artifacts import current, load, promote
from training.dataset import class_folders
from training.fit import fit
from training.prepare import Job
from training.retraining.field import is_reserved
from training.settings import TrainingSettings

TESTS = Path(__file__).resolve().parents[1]
OLD_LOOK = {"panda": (230, 230, 230), "lion": (220, 170, 60), "jaguar": (200, 60, 40), "other": (50, 140, 60)}
STATIONS = [f"Station {number}" for number in range(3, 17)]  # five are reserved


def watched_stations():
    """Fourteen station folders; of the deployments that the daemon makes of them, five are reserved."""
    names = [f"Station {number}" for number in range(100)]
    reserved = [name for name in names if is_reserved(f"seen:{name}:", 0.2)]
    return [*reserved[:5], *(name for name in names if name not in reserved)][:14]


@pytest.fixture(scope="module")
def champion(tmp_path_factory):
    """A model store with a champion that knows one look of the world; its backbones are tiny."""
    folder = tmp_path_factory.mktemp("champion")
    chance = np.random.default_rng(0)
    for label, colour in OLD_LOOK.items():
        (folder / "pictures" / label).mkdir(parents=True)
        for number in range(15):
            blocked(chance, colour).save(folder / "pictures" / label / f"{number}.png")
    job = Job(
        name="champion",
        created=date(2026, 11, 1),
        backbones=register_tiny({"tiny_a": 16, "tiny_b": 24}, size=32),
        settings=TrainingSettings(
            folds=2,
            epochs=10,
            learning_rate=0.03,
            hidden=16,
            dropout=0.1,
            prototypes=2,
            batch_size=32,
            views=("mirror",),
        ),
        cache=folder / "cache",
        untrained_seed=7,
    )
    fitted = fit(class_folders(folder / "pictures"), job, models=folder / "models", console=Console(quiet=True))
    promote(folder / "models", fitted.folder.name)
    return folder / "models"


@pytest.fixture
def environment(environment, tmp_path):
    """As the other tests' environment; each process knows the tiny backbones, and a retraining is due each hour."""
    return environment | {
        "PYTHONPATH": os.pathsep.join([str(TESTS / "e2e" / "tiny"), str(TESTS)]),
        "TRAPLINE_INBOX": str(tmp_path / "inbox"),
        "TRAPLINE_INTAKE__SETTLE_SECONDS": "0",
        "TRAPLINE_INTAKE__DECODE_WORKERS": "1",
        "TRAPLINE_INTAKE__SCAN_MINUTES": "0.05",
        "TRAPLINE_RETRAINING__CRON": "0 * * * *",
        "TRAPLINE_RETRAINING__REVIEWS": "20",
    }


@pytest.fixture
def data(champion, tmp_path):
    """A data folder with that champion."""
    shutil.copytree(champion, tmp_path / "data" / "models")
    (tmp_path / "inbox").mkdir()
    return tmp_path / "data"


@pytest.fixture
def watching(tmp_path, environment):
    """Start the daemon: ``with watching() as process``; it is stopped in the end, if it still runs."""

    @contextmanager
    def start(**variables):
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen([*TRAPLINE, "watch"], cwd=tmp_path, env=environment | variables, stderr=log)
        try:
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=15) == 0
        finally:
            process.kill()
            process.wait()

    return start


def until(condition, seconds=120):
    """Wait for ``condition``, as a person would, but not for ever; give what it gives."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


def ask(data, query):
    """Give the rows that the ledger answers with; none as long as it is not there."""
    try:
        with closing(sqlite3.connect(f"file:{data}/trapline.db?mode=ro", uri=True, timeout=10)) as ledger:
            return ledger.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def answered(data):
    """Path → version of the model that answered it."""
    return dict(
        ask(
            data,
            "SELECT s.path_text, m.version FROM sighting s JOIN media ON media.id = s.media_id"
            " JOIN prediction p ON p.id = media.answered_by JOIN model m ON m.id = p.model_id",
        )
    )


def finished(data):
    """What became of the retrainings that came to an end: (period, failure)."""
    return ask(data, "SELECT period, failure FROM job_run WHERE kind = 'retraining' AND finished_at IS NOT NULL")


def drop(inbox, said):
    """Put pictures into the folders of their stations; give path → label."""
    paths = {}
    for number, (picture, label, station, _) in enumerate(said):
        (inbox / station).mkdir(exist_ok=True)
        path = f"{station}/{len(list((inbox / station).iterdir()))}-{number}.png"
        picture.save(inbox / path)
        paths[path] = label
    return paths


def say(data, labels):
    """Review pictures (path → label) as a person would, while the daemon runs."""
    media = dict(ask(data, "SELECT path_text, media_id FROM sighting"))
    ledger, redlist = open_ledger(data / "trapline.db"), load_redlist()
    with ledger.write() as session:
        for path, label in labels.items():
            said = Review(
                media_id=media[path], region=0, label=label, reviewer="Asha", at=datetime.now(UTC), source="test"
            )
            store.review(session, said)
            refresh(session, [media[path]], redlist)
    ledger.close()


def test_reviews_become_a_better_model_without_a_restart(data, tmp_path, watching, trapline):
    """The minute comes, a process starts, the gate promotes, and the next pictures are answered by the new model."""
    before = current(data / "models").name
    with watching(TRAPLINE_RETRAINING__CRON="* * * * *"):
        labels = drop(tmp_path / "inbox", reviews(watched_stations()))
        until(lambda: set(answered(data)) == set(labels))
        assert set(answered(data).values()) == {before}
        keys = [key for (key,) in ask(data, "SELECT key FROM deployment")]
        assert sum(is_reserved(key, 0.2) for key in keys) == 5

        say(data, labels)
        until(lambda: current(data / "models").name != before)
        after = current(data / "models").name
        fresh = drop(tmp_path / "inbox", reviews(["Station 101", "Station 102"], seed=77))
        until(lambda: set(fresh) <= set(answered(data)))
        assert {answered(data)[path] for path in fresh} == {after}
        assert {answered(data)[path] for path in labels} == {before}

        until(lambda: (data / "runs" / "retraining.json").exists() and finished(data))
        state = json.loads(trapline("status", "--json").stdout)
        assert state["problems"] == []
        assert state["retraining"]["says"]
        assert "retraining" in state["daemon"]["next"]
    assert all(failure is None for _, failure in finished(data))
    labels_now = dict(
        ask(data, "SELECT s.path_text, p.label FROM sighting s JOIN prediction p ON p.media_id = s.media_id")
    )
    animals = {path: label for path, label in fresh.items() if label != "other"}
    assert sum(labels_now[path] == label for path, label in animals.items()) >= len(animals) - 1
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.fixture
def due(data):
    """Reviews are there, and the job was last done hours ago: it is due as soon as a daemon starts."""
    put(data, reviews(STATIONS), at=datetime.now(UTC))
    ledger = open_ledger(data / "trapline.db")
    long_ago = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    with ledger.write() as session:
        store.finish_job(session, store.begin_job(session, "retraining", long_ago, now=long_ago), now=long_ago)
    ledger.close()
    return data


def child(tmp_path, count=1):
    """Give the process of the ``count``-th retraining that the daemon told of."""
    told = re.findall(r"retraining \(process (\d+)\)", (tmp_path / "log").read_text())
    return int(told[count - 1]) if len(told) >= count else None


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_daemon_leaves_one_promotion(seed, due, tmp_path, watching):
    """The process that it started lives on; the next daemon's waits for it, and the job ends once."""
    before, chance = current(due / "models").name, random.Random(seed)
    with watching() as daemon:
        until(lambda: child(tmp_path))
        time.sleep(chance.random() * 8)
        daemon.kill()
        daemon.wait()
    load(current(due / "models"))
    with watching():
        until(lambda: len(finished(due)) == 2)
    assert [failure for _, failure in finished(due)] == [None, None]
    history = (due / "models" / "current").read_text().split()
    assert history[1:] == [before]
    assert history[0].startswith("retrained-")
    assert len(list((due / "runs").glob("retrain-*"))) == 1
    load(current(due / "models"))


def test_a_killed_retraining_leaves_the_champion_and_goes_on_when_it_is_started_again(
    due, tmp_path, watching, trapline
):
    """The failure is told once; a later start, here by hand, comes to the model that an unkilled one makes."""
    before, untouched = current(due / "models").name, shutil.copytree(due, tmp_path / "untouched")
    with ThreadPoolExecutor() as beside:
        unkilled = beside.submit(trapline, "train", "retrain", TRAPLINE_DATA_DIR=str(untouched))
        with watching():
            process = until(lambda: child(tmp_path))
            time.sleep(random.Random(3).random() * 4)
            os.kill(process, signal.SIGKILL)
            until(lambda: len(finished(due)) == 2)
            assert current(due / "models").name == before
            state = json.loads(trapline("status", "--json", code=1).stdout)
            assert any("killed by SIGKILL" in problem for problem in state["problems"])
        trapline("train", "retrain")
        unkilled.result()
    after = current(due / "models").name
    assert after != before
    assert current(untouched / "models").name == after


def test_a_stopped_daemon_stops_its_retraining_and_starts_it_again(due, tmp_path, watching):
    """In order, within seconds; the period stays open."""
    with watching():
        process = until(lambda: child(tmp_path))
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert len(finished(due)) == 1
    with watching():
        until(lambda: len(finished(due)) == 2)
    assert current(due / "models").name.startswith("retrained-")
