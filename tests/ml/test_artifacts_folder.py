"""A model on disk: written whole, read verified, refused when anything in it changed."""

import json

import numpy as np
import pytest

from ml.artifacts import ArtifactError, load


def test_what_is_saved_is_what_is_loaded(tmp_path, saved):
    """Heads, thresholds and stack come back as they were; the version names the day and the content."""
    folder = saved(tmp_path)
    model = load(folder)
    assert model.version == folder.name
    assert model.version.startswith("model-2026-11-24-")
    assert model.card.thresholds.confidence == 0.7
    assert model.stack.temperature == 1.5
    assert model.heads[0].hidden.kernel.shape == (6, 4)
    assert model.heads[1].hidden is None
    np.testing.assert_array_equal(model.heads[1].output.kernel, load(saved(tmp_path / "again")).heads[1].output.kernel)


def test_same_content_same_version(tmp_path, saved):
    """The version depends on the content alone: saved twice it is one model, other weights are another."""
    assert saved(tmp_path, seed=1) == saved(tmp_path, seed=1)
    assert saved(tmp_path, seed=2) != saved(tmp_path, seed=1)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["heads.safetensors", "features.safetensors", "README.md"])
def test_one_changed_byte_is_refused(tmp_path, saved, name):
    """A single flipped bit in any file is found, and the message names the file."""
    path = saved(tmp_path) / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=f"{name} was changed"):
        load(path.parent)


def test_a_changed_threshold_is_refused(tmp_path, saved):
    """model.json is the version: edited by hand, it no longer is what its folder is called."""
    path = saved(tmp_path) / "model.json"
    card = json.loads(path.read_text())
    card["thresholds"]["confidence"] = 0.1
    path.write_text(json.dumps(card))
    with pytest.raises(ArtifactError, match="was changed"):
        load(path.parent)


@pytest.mark.parametrize("name", ["model.json", "heads.safetensors", "features.safetensors"])
def test_a_missing_file_is_refused(tmp_path, saved, name):
    """A folder that lacks a file is no model, and the message names the file."""
    path = saved(tmp_path) / name
    path.unlink()
    with pytest.raises(ArtifactError, match=name):
        load(path.parent)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 3}', "\x80\x04pickle"])
def test_junk_in_place_of_the_card_is_refused(tmp_path, saved, text):
    """Whatever stands in model.json, it is an error that names the file."""
    path = saved(tmp_path) / "model.json"
    path.write_text(text)
    with pytest.raises(ArtifactError, match=r"model\.json"):
        load(path.parent)
