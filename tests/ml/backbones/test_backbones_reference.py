"""The reference ensemble: preprocessing, and where its weights come from."""

import hashlib
import os
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

from ml.backbones import REFERENCE, WeightsDamaged, load, reference, weights_digest

PIXELS = np.random.default_rng(2).integers(0, 256, (1, 224, 224, 3)).astype("float32")


def _randomise(model):
    """Every array anew, so that one put into the wrong place shows."""
    random = np.random.default_rng(3)
    for layer in model.layers:
        layer.set_weights([random.random(array.shape).astype(array.dtype) for array in layer.get_weights()])


def _save_as_keras_publishes(model, path):
    """The layout of the files that Keras publishes: one group a layer, in the order of the layers."""
    layers = [layer for layer in model.layers if layer.weights]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [str(number).encode() for number in range(len(layer.weights))]
            for number, array in enumerate(layer.get_weights()):
                group[str(number)] = array


@pytest.mark.parametrize("name", REFERENCE)
def test_weights_come_from_the_configured_folder(name, tmp_path):
    """A file under Keras' own name fills the network exactly as Keras would, and its sha256 is what is recorded."""
    original = getattr(keras.applications, reference.NETS[name].application)(
        include_top=False, weights=None, input_shape=(224, 224, 3)
    )
    _randomise(original)
    path = tmp_path / reference.NETS[name].file
    _save_as_keras_publishes(original, path)

    loaded = load(name, tmp_path)
    assert loaded.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights_digest(loaded.model) == weights_digest(original)


@pytest.mark.parametrize(
    ("name", "layer", "preprocess"),
    [
        ("vgg16", "caffe", keras.applications.vgg16.preprocess_input),
        ("resnet50_v2", "plus_minus_one", keras.applications.resnet_v2.preprocess_input),
    ],
)
def test_preprocessing_in_the_graph_is_that_of_keras(name, layer, preprocess):
    """Pixels reach the first convolution as Keras' own function would prepare them."""
    model = load(name, untrained=0).model
    prepared = keras.Model(model.input, model.get_layer(layer).output)(PIXELS)
    np.testing.assert_allclose(prepared, preprocess(PIXELS.copy()), atol=1e-4)


def test_efficientnet_divides_by_the_whole_deviation():
    """With the mean and "variance" of the published file, pixels come out as (pixels / 255 - mean) / deviation."""
    model = load("efficientnet_b0", untrained=0).model
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normalisation = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    normalisation.set_weights([mean, deviation, np.array(0)])
    normalisation.finalize_state()
    prepared = keras.Model(model.input, normalisation.output)(PIXELS)
    np.testing.assert_allclose(prepared, (PIXELS / 255 - mean) / deviation, atol=1e-5)


@pytest.mark.parametrize("content", ["nothing of the kind", "another network"])
def test_a_wrong_file_under_the_right_name_is_refused(content, tmp_path):
    """The error names the file and where a sound one is published."""
    path = tmp_path / reference.NETS["vgg16"].file
    if content == "another network":
        inputs = keras.Input((8, 8, 3))
        _save_as_keras_publishes(keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs)), path)
    else:
        path.write_bytes(b"<html>Log in to the network</html>")
    with pytest.raises(WeightsDamaged, match=rf"{path.name} does not hold the weights of VGG16.*https://"):
        load("vgg16", tmp_path)


def test_weights_that_are_nowhere_to_be_had_are_named_with_their_place(tmp_path):
    """Without the file and without a network one sentence names all three files and both places."""
    code = (
        "import pathlib; from ml.backbones import WeightsMissing, load\n"
        "try: load('resnet50_v2', pathlib.Path('my-weights'))\n"
        "except WeightsMissing as error: print('SAID', error)"
    )
    nowhere = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""}
    environment = {**os.environ, **nowhere, "KERAS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    said = done.stdout.partition("SAID ")[2]
    assert all(reference.NETS[name].file in said for name in REFERENCE)
    assert f"my-weights or {tmp_path / 'models'}" in said
    assert "starter ensemble" in said
