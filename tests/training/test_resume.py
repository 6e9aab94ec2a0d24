"""SIGKILL where there is something to go on from, then the same command again: what comes out is what always does."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from optuna import get_all_study_names

from training.tuning.study import SECONDS, open_study, storage_in, table

TESTS = Path(__file__).resolve().parents[1]
PATIENCE = 300  # seconds, of which a quiet machine needs some ten


@pytest.fixture(scope="module")
def pictures(draw, tmp_path_factory):
    return draw(tmp_path_factory.mktemp("pictures"), pictures=6)


@pytest.fixture
def train(pictures):
    """Start a training command that works in a folder; what still runs in the end is killed."""
    started = []

    def start(command, folder):
        name, *options = command
        arguments = [name, pictures, "--out", folder / "models", "--ensemble", "starter", "--folds", 2, *options]
        process = subprocess.Popen(
            [sys.executable, TESTS / "training" / "tiny_training.py", *map(str, arguments), "--untrained-seed", "7"],
            env=os.environ | {"PYTHONPATH": str(TESTS), "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"},
            stdout=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_killed_fit_ends_with_the_same_model(train, tmp_path):
    """Killed among the features and while the model is written, it ends with one model: of the same bytes."""
    undisturbed_and_killed(
        train,
        tmp_path,
        ["fit", "--hidden", 0],
        lambda folder: any(folder.glob("cache/features/*/*.txt")),
        lambda folder: any(folder.glob("models/*")),
    )
    unkilled, resumed = (
        [folder.name for folder in (tmp_path / name / "models").glob("[!.]*/")] for name in ("unkilled", "killed")
    )
    assert len(unkilled) == 1
    assert resumed == unkilled


def test_a_killed_tuning_ends_with_the_same_trials(train, tmp_path):
    """Killed in its first and in its second trial, it ends with the same trials and values, so the same is best."""
    undisturbed_and_killed(
        train,
        tmp_path,
        ["tune", "--trials", 2],
        lambda folder: trial_states(folder) == ["RUNNING"],
        lambda folder: trial_states(folder)[-2:] == ["COMPLETE", "RUNNING"],
    )
    unkilled, resumed = (trials_in(storage_in(tmp_path / name / "runs")) for name in ("unkilled", "killed"))
    assert len(unkilled) == 2
    assert str(resumed) == str(unkilled)
    assert trial_states(tmp_path / "killed").count("FAIL") == 2


def undisturbed_and_killed(train, tmp_path, command, *moments):
    """Let a command end in one folder; in another kill it soon after each of these moments, and let it end then.

    A moment is a function that says of the folder whether it has come.
    """
    chance = random.Random(command[0])
    unkilled = train(command, tmp_path / "unkilled")
    for has_come in moments:
        process = train(command, tmp_path / "killed")
        deadline = time.monotonic() + PATIENCE
        while not has_come(tmp_path / "killed"):
            assert still_runs(process, 0.02)
            assert time.monotonic() < deadline, "it hangs"
        assert still_runs(process, chance.uniform(0, 0.3))
        process.kill()
        process.wait()
    assert train(command, tmp_path / "killed").wait(PATIENCE) == 0
    assert unkilled.wait(PATIENCE) == 0


def still_runs(process, seconds):
    """Whether a process has not ended after so many seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def trial_states(folder):
    """What became of the trials in the database of ``folder``, in order; none where it is not there yet."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/runs/tuning.sqlite?mode=ro", uri=True)) as study:
            return [state for (state,) in study.execute("SELECT state FROM trials ORDER BY trial_id")]
    except sqlite3.OperationalError:
        return []


def trials_in(storage):
    """What the only study tried, without how long it took."""
    (name,) = get_all_study_names(storage)
    return [
        {key: value for key, value in trial.items() if key != SECONDS} for trial in table(open_study(storage, name))
    ]
