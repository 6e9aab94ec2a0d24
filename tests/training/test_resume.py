"""SIGKILL at random, then the same command again: what comes out is what an unkilled one gives."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from optuna import get_all_study_names

from training.tuning.study import SECONDS, open_study, storage_in, table

TESTS = Path(__file__).resolve().parents[1]
KILLS = 2
PATIENCE = 900  # seconds, of which a quiet machine needs some twenty


@pytest.fixture(scope="module")
def pictures(draw, tmp_path_factory):
    return draw(tmp_path_factory.mktemp("pictures"), pictures=6)


@pytest.fixture
def train(pictures):
    """Run a training command into a folder: to its end, or until so many seconds are over and it is killed."""

    def run(command, folder, *options, seconds=None):
        arguments = [command, pictures, "--out", folder / "models", "--ensemble", "starter", "--folds", 2, *options]
        process = subprocess.Popen(
            [sys.executable, TESTS / "training" / "tiny_training.py", *map(str, arguments), "--untrained-seed", "7"],
            env=os.environ | {"PYTHONPATH": str(TESTS), "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"},
            stdout=subprocess.DEVNULL,
        )
        try:
            assert process.wait(seconds or PATIENCE) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            assert seconds, "it hangs"

    return run


def test_a_killed_fit_ends_with_the_same_model(train, tmp_path):
    """Whenever it was killed, there is one model in the end, of the same version: the same bytes."""
    undisturbed_then_killed(train, tmp_path, "fit", "--hidden", 0)
    unkilled, resumed = (
        [folder.name for folder in (tmp_path / name / "models").glob("[!.]*/")] for name in ("unkilled", "killed")
    )
    assert len(unkilled) == 1
    assert resumed == unkilled


def test_a_killed_tuning_ends_with_the_same_trials(train, tmp_path):
    """Whenever it was killed, the study has the same trials with the same values, so the same is best."""
    undisturbed_then_killed(train, tmp_path, "tune", "--trials", 2)
    unkilled, resumed = (trials_in(storage_in(tmp_path / name / "runs")) for name in ("unkilled", "killed"))
    assert len(unkilled) == 2
    assert str(resumed) == str(unkilled)


def undisturbed_then_killed(train, tmp_path, *command):
    """Let a command end in one folder; in another kill it anywhere on its way, and let it end then."""
    name, *options = command
    chance = random.Random(name)
    started = time.monotonic()
    train(name, tmp_path / "unkilled", *options)
    took = time.monotonic() - started
    for _ in range(KILLS):
        train(name, tmp_path / "killed", *options, seconds=chance.uniform(0.3, 1) * took)
    train(name, tmp_path / "killed", *options)


def trials_in(storage):
    """What the only study tried, without how long it took."""
    (name,) = get_all_study_names(storage)
    return [
        {key: value for key, value in trial.items() if key != SECONDS} for trial in table(open_study(storage, name))
    ]
