"""Features are computed once for a picture and view, and never mixed up."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ml.graph import Graph
from training.dataset import class_folders, read
from training.features import pooled


class LeftHalf:
    """Stands in for a network: its features are the mean colour of a picture's left half; it counts its pictures."""

    seen = 0

    def predict_on_batch(self, pixels):
        self.seen += np.count_nonzero(pixels.any(axis=(1, 2, 3)))
        maps = pixels[:, :, : pixels.shape[2] // 2].astype(np.float32)
        return [maps, maps.mean(axis=(1, 2))]


@pytest.fixture
def network():
    return LeftHalf()


@pytest.fixture
def graph(network):
    return Graph(network, {"left_half": "00"}, batch_size=4)


@pytest.fixture
def examples(draw, tmp_path, console):
    return read(class_folders(draw(tmp_path / "pictures", pictures=2)), size=32, console=console).examples


@pytest.fixture
def compute(tmp_path, console):
    def run(examples, graph, views=("mirror",)):
        (features,) = pooled(examples, graph, size=32, views=views, cache=tmp_path / "cache", console=console)
        return features

    return run


def test_the_views_are_as_it_is_and_mirrored(compute, examples, graph):
    """The mirrored view of a picture is the picture's other side."""
    as_it_is, mirrored = compute(examples, graph).transpose(1, 0, 2)
    for example, left, right in zip(examples, as_it_is, mirrored, strict=True):
        pixels = np.asarray(Image.open(example.path).resize((32, 32)), np.float32)
        np.testing.assert_allclose(left, pixels[:, :16].mean(axis=(0, 1)), atol=3)
        np.testing.assert_allclose(right, pixels[:, 16:].mean(axis=(0, 1)), atol=3)


def test_nothing_is_computed_twice(compute, examples, graph, network):
    """A second run reads the cache, in whatever order it asks; only a new picture is computed."""
    first = compute(examples[:6], graph)
    assert network.seen == 6 * 2
    np.testing.assert_array_equal(compute(examples[5::-1], graph), first[::-1])
    assert network.seen == 6 * 2
    compute(examples[:7], graph)
    assert network.seen == 7 * 2


def test_another_view_is_all_that_is_computed_for_it(compute, examples, graph, network):
    """A view asked for later costs that view alone, and comes out in the order in which views are asked for."""
    first = compute(examples, graph)
    seen = network.seen
    more = compute(examples, graph, views=("blur", "mirror"))
    assert network.seen == seen + len(examples)
    np.testing.assert_array_equal(more[:, [0, 2]], first)


def test_other_weights_have_other_features(compute, examples, graph, network):
    """The cache of one set of weights is no use to another."""
    compute(examples, graph)
    compute(examples, replace(graph, weights_sha256={"left_half": "11"}))
    assert network.seen == 2 * len(examples) * 2


def test_a_picture_keeps_its_features_when_it_moves(compute, examples, graph, network):
    """Content decides: a renamed file is known."""
    first = compute(examples, graph)
    moved = [replace(each, path=each.path.with_name("elsewhere.png")) for each in examples]
    np.testing.assert_array_equal(compute(moved, graph), first)
    assert network.seen == len(examples) * 2


@pytest.mark.parametrize("damage", [lambda _: b"", lambda data: data[:-9], lambda data: data[:-2] + b"zz"])
def test_a_damaged_file_of_the_cache_is_computed_again(compute, examples, graph, network, damage, tmp_path, caplog):
    """What a full disk or a power cut left behind, and a flipped bit, are noticed, told and mended."""
    first = compute(examples, graph)
    shard = next((tmp_path / "cache").rglob("*mirror/*.npy"))
    shard.write_bytes(damage(shard.read_bytes()))
    np.testing.assert_array_equal(compute(examples, graph), first)
    assert [shard.name in record.getMessage() for record in caplog.records] == [True]
    assert network.seen == len(examples) * 3
    np.testing.assert_array_equal(compute(examples, graph), first)
    assert network.seen == len(examples) * 3
