"""JAX answers as TensorFlow does."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_models import assert_alike, numbers, opened
from needs import skip_or_fail

from ml.artifacts import STARTER

HERE = Path(__file__).parent


@pytest.fixture
def by_jax(monkeypatch, tmp_path):
    """Ask a model in a process of its own: ``by_jax(folder, pictures)`` gives the numbers of the answers."""
    if importlib.util.find_spec("jax") is None:
        skip_or_fail("jax", "JAX is not installed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], str(HERE)]))

    def ask(folder, pictures):
        given, answers = tmp_path / "pictures.npy", tmp_path / "answers.npz"
        np.save(given, pictures)
        command = [sys.executable, HERE / "answers_by.py", folder, "jax", tmp_path, given, answers]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.strip().endswith("jax in float32")
        with np.load(answers) as found:
            return dict(found)

    return ask


def test_a_small_model_answers_on_jax_as_on_tensorflow(by_jax, small_folder, small_pictures, tmp_path):
    """Probabilities and heat maps, however many pictures there are."""
    exact = numbers(opened(small_folder, tmp_path, "tensorflow").predict(small_pictures))
    assert_alike(by_jax(small_folder, small_pictures), exact)


def test_the_starter_answers_on_jax_as_on_tensorflow(by_jax, scenes, tmp_path):
    """The shipped model too, on the demo's drawings."""
    exact = numbers(opened(STARTER, tmp_path, "tensorflow").predict(scenes))
    assert_alike(by_jax(STARTER, scenes), exact)
