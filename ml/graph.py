"""Several frozen backbones as one Keras graph, run once a batch at one batch shape (each other shape costs memory)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from ml import machine
from ml.arrays import Floats, Pixels
from ml.backbones import backbone, load
from ml.backbones.top import put_back
from ml.settings import Precision

PREPROCESSING = 1
"""Version of how a kept picture reaches the backbones: features of different versions do not compare."""

CPU_BATCH = 4
"""Pictures a run on a CPU: more gain next to nothing there, and cost a hundred megabytes for each four."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The joined backbones and the sha256 of the weights each came with."""

    keras_model: Any
    weights_sha256: dict[str, str]
    batch_size: int

    def at(self, batch_size: int) -> Self:
        """Return the same backbones with the same weights in memory, to be run at another batch size."""
        import keras

        shape = (batch_size, *self.keras_model.input_shape[1:])
        pixels = keras.Input(batch_shape=shape, dtype="uint8", name="pixels")
        return replace(self, keras_model=_compiled(pixels, self.keras_model(pixels)), batch_size=batch_size)

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
    batch_size: int = CPU_BATCH,
    size: int | None = None,
    tops: Mapping[str, Path] | None = None,
    precision: Precision = Precision.FLOAT32,
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
    precision
        What the backbones compute in. Their preprocessing, their pooling and all outputs are float32 in any case.

    """
    machine.prepare()
    usual = picture_size(names)
    size = size or usual
    models, weights = [], {}
    for name in names:
        entry = backbone(name)
        with _computing_in(precision):
            loaded = load(name, weights_folder, untrained=untrained.get(name), size=entry.input_size * size // usual)
        if tops and name in tops:
            put_back(loaded.model, entry.cut, tops[name])
        models.append(loaded.model)
        weights[name] = loaded.weights_sha256
    return Graph(side_by_side(models, size=size, batch_size=batch_size), weights, batch_size)


def side_by_side(models: Sequence[Any], *, size: int, batch_size: int = CPU_BATCH) -> Any:
    """Join Keras models on one input, pictures uint8 (batch_size, size, size, 3), each fed at its own size.

    Returns a compiled model with all their outputs, one behind the other.
    """
    import keras

    pixels = keras.Input(batch_shape=(batch_size, size, size, 3), dtype="uint8", name="pixels")
    floats = keras.ops.cast(pixels, "float32")
    outputs = []
    for model in models:
        side = model.input_shape[1]
        outputs += model(floats if side == size else keras.ops.image.resize(floats, (side, side)))
    return _compiled(pixels, [keras.ops.cast(output, "float32") for output in outputs])


def _compiled(pixels: Any, outputs: Sequence[Any]) -> Any:
    import keras

    joined = keras.Model(pixels, outputs)
    # XLA makes TensorFlow slower on a CPU, and is all that JAX is.
    joined.compile(jit_compile="auto" if machine.prepare() or machine.backend() == "jax" else False)
    return joined


@contextmanager
def _computing_in(precision: Precision) -> Iterator[None]:
    """Let the layers that are built meanwhile compute in ``precision``; their weights stay float32."""
    import keras

    usual = keras.config.dtype_policy()
    if precision is Precision.BFLOAT16:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)
