"""The maps below the tops are the network's own, each picture's and each view's in its place, computed once."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_backbones import register_tunable

from ml.backbones import backbone, load
from ml.backbones.top import split
from ml.images import kept_pixels
from training.dataset import class_folders, examined_again, read
from training.finetuning.below import maps_below

SIZE = 32


@pytest.fixture
def examples(draw, tmp_path, console):
    return read(class_folders(draw(tmp_path / "pictures", pictures=3)), size=SIZE, console=console).examples


@pytest.fixture(scope="module")
def loaded():
    names = [register_tunable(f"tunable_{letter}", size=SIZE) for letter in "ab"]
    return {name: load(name, untrained=seed) for seed, name in enumerate(names)}


@pytest.fixture
def compute(tmp_path, console):
    def run(examples, loaded):
        return maps_below(examples, loaded, size=SIZE, views=("mirror",), cache=tmp_path / "cache", console=console)

    return run


def test_each_map_is_that_of_its_picture_in_its_view(compute, examples, loaded):
    """Asked for in any order and mix of views, the maps are what the layers below the cut give."""
    found = compute(examples, loaded)
    places, views = np.array([5, 0, 11, 5, 2]), np.array([1, 0, 0, 0, 1])
    pixels = [kept_pixels(each.kept) for each in examined_again([examples[place].path for place in places], size=SIZE)]
    shown = np.stack([np.fliplr(each) if view else each for each, view in zip(pixels, views, strict=True)])
    for name, each in loaded.items():
        below, _ = split(each.model, backbone(name).cut)
        maps = found[name](places, views)
        assert maps.dtype == np.float16
        np.testing.assert_allclose(maps, below.predict_on_batch(shown.astype(np.float32)), atol=5e-3)


def test_maps_are_computed_once(compute, examples, loaded):
    """A second call needs no picture: with their files gone the maps are still there."""
    first = compute(examples, loaded)
    gone = [replace(each, path=each.path / "gone") for each in examples]
    again = compute(gone, loaded)
    places, views = np.arange(len(examples)), np.ones(len(examples), int)
    for name in loaded:
        np.testing.assert_array_equal(again[name](places, views), first[name](places, views))


def test_one_backbone_alone_has_the_same_maps(compute, examples, loaded):
    """Beside others or alone, a backbone's maps are kept under its own name."""
    together = compute(examples, loaded)
    alone = compute(examples, {"tunable_b": loaded["tunable_b"]})
    assert list(alone) == ["tunable_b"]
    places, views = np.arange(len(examples)), np.zeros(len(examples), int)
    np.testing.assert_array_equal(alone["tunable_b"](places, views), together["tunable_b"](places, views))
