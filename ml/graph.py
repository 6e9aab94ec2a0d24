"""Several frozen backbones as one Keras graph, run once a batch at one batch shape (each other shape costs memory)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml import runtime
from ml.arrays import Floats, Pixels
from ml.backbones import backbone, load
from ml.backbones.top import put_back

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
        outputs = self.keras_model.predict_on_batch(padded)
        return outputs if isinstance(outputs, list) else [outputs]  # of one output Keras gives the array itself


def picture_size(names: tuple[str, ...]) -> int:
    """Return the side of the picture these backbones are fed: the largest input among them, in pixels."""
    return max(backbone(name).input_size for name in names)


def build(
    names: tuple[str, ...],
    *,
    weights_folder: Path | None,
    untrained: Mapping[str, int],
    batch_size: int,
    size: int | None = None,
    tops: Mapping[str, Path] | None = None,
) -> Graph:
    """Join the backbones ``names`` to one graph.

    Parameters
    ----------
    names, weights_folder
        As ``ml.backbones.load`` takes them; what it raises is raised.
    untrained
        Backbone → the seed from which its weights are drawn, in place of trained ones.
    batch_size
        Pictures a run.
    size
        The side of the pictures that a model was trained on, where its backbones may have had another input size.
    tops
        Backbone → file with its fine-tuned top, put in place of the published one; raises ``TopMismatch``.

    """
    runtime.prepare()
    usual = picture_size(names)
    size = size or usual
    models, weights = [], {}
    for name in names:
        entry = backbone(name)
        loaded = load(name, weights_folder, untrained=untrained.get(name), size=entry.input_size * size // usual)
        if tops and name in tops:
            put_back(loaded.model, entry.cut, tops[name])
        models.append(loaded.model)
        weights[name] = loaded.weights_sha256
    return Graph(side_by_side(models, size=size), weights, batch_size)


def side_by_side(models: Sequence[Any], *, size: int) -> Any:
    """Join Keras models on one input, pictures uint8 (n, size, size, 3), each fed at its own size.

    Returns a compiled model with all their outputs, one behind the other.
    """
    gpus = runtime.prepare()
    import keras

    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    floats = keras.ops.cast(pixels, "float32")
    outputs = []
    for model in models:
        side = model.input_shape[1]
        outputs += model(floats if side == size else keras.ops.image.resize(floats, (side, side)))
    joined = keras.Model(pixels, outputs)
    # XLA makes a CPU slower.
    joined.compile(jit_compile="auto" if gpus else False)
    return joined
