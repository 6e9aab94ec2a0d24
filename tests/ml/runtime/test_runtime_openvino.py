"""OpenVINO answers as TensorFlow does, and its errors are those of the process that exports."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from drawn_models import assert_alike, drawn_model, numbers, opened
from tiny_backbones import SMALL

from ml.artifacts import STARTER as STARTER_MODEL
from ml.artifacts import ArtifactError
from ml.backbones import STARTER, WeightsDamaged, WeightsMissing, starter
from ml.backbones.reference import NETS


def test_a_small_model_answers_as_on_tensorflow(small_folder, small_cache, small_pictures, tmp_path):
    """The probabilities of each backbone and of the stack, and the heat maps, are the same."""
    exact, other = opened(small_folder, tmp_path, "tensorflow"), opened(small_folder, small_cache, "openvino")
    assert_alike(numbers(other.predict(small_pictures)), numbers(exact.predict(small_pictures)))
    assert "openvino in float32" in other.runs_on
    assert "tensorflow in float32" in exact.runs_on


def test_the_starter_answers_as_on_tensorflow(starter_cache, scenes, tmp_path):
    """The shipped model too, on the demo's drawings."""
    exact, other = opened(STARTER_MODEL, tmp_path, "tensorflow"), opened(STARTER_MODEL, starter_cache, "openvino")
    assert_alike(numbers(other.predict(scenes)), numbers(exact.predict(scenes)))


def test_a_process_that_finds_an_export_does_not_load_tensorflow(small_folder, small_cache, small_pictures, tmp_path):
    """Neither TensorFlow nor Keras is in memory, and the answers are there."""
    np.save(tmp_path / "pictures.npy", small_pictures)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from ml.runtime import open_ensemble\n"
        "from ml.settings import ModelSettings\n"
        "folder, cache, pictures = map(Path, sys.argv[1:])\n"
        "ensemble = open_ensemble(folder, ModelSettings(runtime='openvino'), cache)\n"
        "print(len(ensemble.predict(np.load(pictures))), sorted({'tensorflow', 'keras', 'jax'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code, small_folder, small_cache, tmp_path / "pictures.npy"]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{len(small_pictures)} []"


def test_a_model_that_was_trained_on_other_weights_is_refused(small, tmp_path):
    """The process that exports sees it, and its error comes here in words."""
    folder = small(tmp_path, weights=dict.fromkeys(SMALL, "untrained:1:00"))
    with pytest.raises(ArtifactError, match=rf"{folder.name} was trained on other weights of small_a"):
        opened(folder, tmp_path / "cache", "openvino")
    assert not any((tmp_path / "cache").rglob("*.xml"))


def test_weights_that_are_missing_are_named(monkeypatch, tmp_path):
    """Without the file and without a network the error is the one that TensorFlow's runtime would raise."""
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    folder = drawn_model(tmp_path, ("resnet50_v2",), size=64, weights={"resnet50_v2": "0" * 64})
    with pytest.raises(WeightsMissing, match=NETS["resnet50_v2"].file):
        opened(folder, tmp_path / "cache", "openvino", weights_folder=tmp_path / "weights")


def test_weights_that_are_damaged_are_named(tmp_path):
    """A file of the right name that holds something else."""
    net = starter.NETS[STARTER[0]]
    (tmp_path / net.file).write_bytes(b"<html>Log in to the network</html>")
    folder = drawn_model(tmp_path, STARTER[:1], size=320, weights={STARTER[0]: net.sha256})
    with pytest.raises(WeightsDamaged, match=rf"{net.file} is not the file that was published"):
        opened(folder, tmp_path / "cache", "openvino", weights_folder=tmp_path)


@pytest.mark.parametrize("kind", [ArtifactError, WeightsMissing, WeightsDamaged])
def test_an_error_is_the_same_on_the_other_side_of_a_process(kind):
    """It is pickled on the way."""
    error = pickle.loads(pickle.dumps(kind("put it there")))
    assert type(error) is kind
    assert str(error) == "put it there"
