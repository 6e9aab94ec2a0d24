"""What all backbones share about weights: the errors, the digest, and seeded weights in place of trained ones."""

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

_UNTRAINED = "untrained"


class WeightsMissing(FileNotFoundError):  # noqa: N818  # reads as what happened
    """A backbone's weights are nowhere to be had; the message names the files and where to put them."""


class WeightsDamaged(ValueError):  # noqa: N818  # reads as what happened
    """A weights file is there and is not what its name says."""


def seed_weights(model: "keras.Model", seed: int) -> str:
    """Give a freshly built model random weights (He et al. 2015), the same for a seed on every machine.

    Returns ``untrained:SEED:SHA256``, the sha256 being that of the drawn weights before ``_settle``, whose last digits
    differ between processors.
    """
    import keras

    random = np.random.default_rng(seed)
    for layer in model.layers:
        for variable in layer.weights:
            if variable.name == "kernel":
                depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                fan_in = math.prod(variable.shape[:2] if depthwise else variable.shape[:-1])
                values = random.standard_normal(variable.shape, dtype=np.float32)
                variable.assign(values * np.float32(math.sqrt(2 / fan_in)))
    digest = weights_digest(model)
    _settle(model, random)
    return f"{_UNTRAINED}:{seed}:{digest}"


def _settle(model: "keras.Model", random: np.random.Generator) -> None:
    """Bring the features to the scale of trained ones, by one pass over drawn patchwork pictures.

    Without it fifty random layers let the signal vanish (EfficientNetB0: 1e-6) or swell (ResNet50V2: 1e3). A network
    with batch normalisation takes the statistics of that pass; in one without, the last convolution is scaled.
    """
    import keras

    size = model.input_shape[1]
    patch = np.arange(size) * 8 // size
    pictures = random.integers(0, 256, (8, 8, 8, 3)).astype(np.float32)[:, patch][:, :, patch]
    normalisations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0  # chance has no part in what a seed gives
    momenta = [layer.momentum for layer in normalisations]
    for layer in normalisations:
        layer.momentum = 0.0
    pooled = keras.ops.convert_to_numpy(model(pictures, training=True)[1])
    for layer, momentum in zip(normalisations, momenta, strict=True):
        layer.momentum = momentum
    if not normalisations:
        kernel = [variable for variable in model.weights if variable.name == "kernel"][-1]
        kernel.assign(kernel / np.sqrt(np.mean(np.square(pooled))))


def untrained_seed(weights_sha256: str) -> int | None:
    """Read the seed out of what ``load`` said of untrained weights; None for trained ones."""
    kind, _, rest = weights_sha256.partition(":")
    return int(rest.partition(":")[0]) if kind == _UNTRAINED else None


def weights_digest(model: "keras.Model") -> str:
    """Take the sha256 of all weights in the model's order, whatever its layers happen to be called."""
    digest = hashlib.sha256()
    for variable in model.weights:
        values = np.ascontiguousarray(variable)
        digest.update(f"{values.dtype.str}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
