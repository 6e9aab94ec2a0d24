"""Several frozen backbones as one Keras graph, run once a batch at one batch shape (each other shape costs memory)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml import runtime
from ml.arrays import Floats, Pixels
from ml.backbones import backbone, load

PREPROCESSING = 1
"""Version of how a kept picture reaches the backbones: features of different versions do not compare."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The joined backbones and the sha256 of the weights each came with."""

    keras_model: Any
    weights_sha256: dict[str, str]
    batch_size: int

    def __call__(self, pixels: Pixels) -> list[Floats]:
        """Run up to ``batch_size`` pictures, uint8 (n, size, size, 3).

        Returns map (batch_size, h, w, features) and pooled (batch_size, features) of each backbone in turn; the rows
        after the n-th belong to no picture. Whoever computes on all rows gets answers that do not depend on n.
        """
        padded = np.zeros((self.batch_size, *pixels.shape[1:]), np.uint8)
        padded[: len(pixels)] = pixels
        outputs: list[Floats] = self.keras_model.predict_on_batch(padded)
        return outputs


def picture_size(names: tuple[str, ...]) -> int:
    """Return the side of the picture these backbones are fed: the largest input among them, in pixels."""
    return max(backbone(name).input_size for name in names)


def build(
    names: tuple[str, ...], *, weights_folder: Path | None, untrained: Mapping[str, int], batch_size: int
) -> Graph:
    """Join the backbones ``names``; those in ``untrained`` get weights drawn from that seed in place of trained ones.

    Raises what ``ml.backbones.load`` raises.
    """
    gpus = runtime.prepare()
    import keras

    size = picture_size(names)
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    outputs, weights = [], {}
    for name in names:
        loaded = load(name, weights_folder, untrained=untrained.get(name))
        side = backbone(name).input_size
        floats = keras.ops.cast(pixels, "float32")
        outputs += loaded.model(floats if side == size else keras.ops.image.resize(floats, (side, side)))
        weights[name] = loaded.weights_sha256
    joined = keras.Model(pixels, outputs)
    # XLA makes a CPU slower.
    joined.compile(jit_compile="auto" if gpus else False)
    return Graph(joined, weights, batch_size)
