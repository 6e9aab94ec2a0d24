"""The registry: names, entries of one's own, and what every model promises."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from ml.backbones import (
    ENSEMBLES,
    REFERENCE,
    STARTER,
    Backbone,
    UnknownBackbone,
    backbone,
    load,
    register,
    untrained_seed,
    weights_digest,
)


def _pictures(size: int) -> np.ndarray:
    """Five smooth pictures, so that they differ in more than noise."""
    corners = np.random.default_rng(1).integers(0, 256, (5, 4, 4, 3)).astype("float32")
    return np.asarray(keras.ops.image.resize(corners, (size, size))).round().astype("uint8")


def _tiny(name: str, features: int = 6) -> Backbone:
    def build(size: int) -> keras.Model:
        inputs = keras.Input((size, size, 3))
        scaled = keras.layers.Rescaling(1 / 255)(inputs)
        convolved = keras.layers.Conv2D(features, 3, activation="relu", name="only")(scaled)
        return keras.Model(inputs, [convolved, keras.layers.GlobalAveragePooling2D()(convolved)])

    def fill(model: keras.Model, weights_folder: Path | None) -> str:
        assert weights_folder is None
        model.get_layer("only").set_weights([np.full((3, 3, 3, features), 0.1), np.zeros(features)])
        return weights_digest(model)

    return Backbone(name, "Tiny", input_size=16, explained="only", features=features, build=build, fill=fill)


def test_both_ensembles_stand_in_the_registry():
    """Every name of an ensemble leads to its entry."""
    assert ENSEMBLES == {"reference": REFERENCE, "starter": STARTER}
    assert [backbone(name).title for name in REFERENCE] == ["VGG16", "EfficientNetB0", "ResNet50V2"]
    assert [backbone(name).title for name in STARTER] == [f"EfficientNet-Lite{number}" for number in range(3)]


@pytest.mark.parametrize("name", REFERENCE + STARTER)
def test_a_model_gives_the_map_and_the_features_that_its_entry_states(name):
    """Shapes follow the entry, uint8 is float32, nothing is trainable, and the features tell pictures apart."""
    entry = backbone(name)
    pictures = _pictures(entry.input_size)
    model = load(name, untrained=3 if name in REFERENCE else None).model
    feature_map, pooled = model.predict_on_batch(pictures)

    side = model.get_layer(entry.explained).output.shape[1]
    assert feature_map.shape == (5, side, side, entry.features)
    assert side == (14 if name == "vgg16" else 10 if name in STARTER else 7)
    assert pooled.shape == (5, entry.features)
    assert feature_map.dtype == pooled.dtype == np.float32
    assert not model.trainable_weights
    np.testing.assert_array_equal(model.predict_on_batch(pictures.astype("float32"))[1], pooled)
    if name == "vgg16":  # its explained layer feeds a pooling layer first
        feature_map = feature_map.reshape(5, 7, 2, 7, 2, -1).max(axis=(2, 4))
    np.testing.assert_allclose(feature_map.mean(axis=(1, 2)), pooled, rtol=1e-4, atol=1e-4)

    spread = pooled.std(axis=0)
    assert 0.01 < spread.mean() < 10
    assert (spread > 1e-3 * spread.mean()).mean() > 0.4


def test_seeded_weights_are_the_same_in_another_process():
    """A seed gives one digest wherever it is drawn, and the features that go with it; another seed gives another."""
    code = (
        "import numpy; from ml.backbones import load; it = load('efficientnet_b0', untrained=7);"
        "pooled = it.model.predict_on_batch(numpy.full((1, 224, 224, 3), 90))[1];"
        "print(it.weights_sha256, *pooled[0, :20])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    digest, *theirs = done.stdout.split()

    here = load("efficientnet_b0", untrained=7)
    ours = here.model.predict_on_batch(np.full((1, 224, 224, 3), 90))[1][0, :20]
    assert here.weights_sha256 == digest
    np.testing.assert_allclose(ours, np.array(theirs, float), rtol=1e-3, atol=1e-3)
    assert load("efficientnet_b0", untrained=8).weights_sha256 != digest


def test_the_seed_can_be_read_out_of_the_weights_name():
    """What a model card says of untrained weights is enough to draw them again; trained ones have no seed."""
    register(_tiny("tiny_seeded"))
    assert untrained_seed(load("tiny_seeded", untrained=41).weights_sha256) == 41
    assert untrained_seed(load("tiny_seeded").weights_sha256) is None


def test_an_entry_of_ones_own_loads_like_the_shipped_ones_and_can_be_replaced():
    """Registering under a name used before replaces what was registered, never what is shipped."""
    register(_tiny("tiny_own"))
    register(_tiny("tiny_own", features=4))
    feature_map, pooled = load("tiny_own").model.predict_on_batch(np.full((2, 16, 16, 3), 255, "uint8"))
    assert feature_map.shape == (2, 14, 14, 4)
    np.testing.assert_allclose(pooled, 2.7, rtol=1e-5)
    with pytest.raises(ValueError, match="'vgg16' is a shipped backbone"):
        register(_tiny("vgg16"))


def test_a_shipped_backbone_takes_another_input_size():
    """As an entry of its own or when it is loaded: the same weights, a coarser map."""
    register(dataclasses.replace(backbone("efficientnet_lite0"), name="lite0_224", input_size=224))
    small, asked, usual = load("lite0_224"), load("efficientnet_lite0", size=224), load("efficientnet_lite0")
    assert small.weights_sha256 == asked.weights_sha256 == usual.weights_sha256
    for each, side in ((small, 7), (asked, 7), (usual, 10)):
        assert each.model.predict_on_batch(_pictures(side * 32)[:1])[0].shape == (1, side, side, 1280)


def test_an_unknown_name_is_answered_with_the_known_ones():
    """The error names what there is."""
    with pytest.raises(UnknownBackbone, match=r"no backbone 'vgg19'; there are .*efficientnet_lite0.*vgg16"):
        load("vgg19")


def test_looking_at_the_registry_loads_no_model_library():
    """Short commands ask for names and input sizes; that must not cost them TensorFlow."""
    code = (
        "import sys; from ml.backbones import backbone; assert backbone('vgg16').input_size == 224;"
        "assert not {'keras', 'tensorflow', 'torch'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
