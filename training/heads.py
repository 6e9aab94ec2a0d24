"""Trains the heads on pooled features: those of all backbones side by side in one Keras model, each for itself.

They share the order of the rows and the epoch at which to stop, and no weights. Features are standardised for
training; the scaling is folded into the first layer afterwards, so that a stored head takes them as they are.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ml.arrays import Floats, Ints
from ml.heads import Dense, Head
from training.settings import TrainingSettings


class Trained(NamedTuple):
    """The heads in the order of the backbones, and after how many epochs they were best."""

    heads: tuple[Head, ...]
    epochs: int


def train(
    pooled: Sequence[Floats],
    labels: Ints,
    *,
    classes: int,
    settings: TrainingSettings,
    validation: tuple[Sequence[Floats], Ints] | None = None,
    epochs: int | None = None,
) -> Trained:
    """Train one head for each of ``pooled``, (n, views, features), on class indices ``labels`` (n,).

    Every view is a row. Rare classes weigh as much as common ones. With ``validation`` (one view: (m, features)) the
    epoch with the least validation loss is kept; ``epochs`` says how many there are without it.
    """
    import keras

    keras.utils.set_random_seed(settings.seed)
    rows = [part.reshape(-1, part.shape[-1]) for part in pooled]
    labels = np.repeat(labels, pooled[0].shape[1])
    scales = [(part.mean(axis=0), np.sqrt(part.var(axis=0) + _LEAST_VARIANCE)) for part in rows]
    model = _build([part.shape[-1] for part in rows], classes, settings)
    stop = keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True)
    history = model.fit(
        _standardised(rows, scales),
        _targets(labels, classes, len(rows)),
        sample_weight=np.repeat(_balance(labels, classes)[:, None], len(rows), axis=1),
        validation_data=validation
        and (_standardised(validation[0], scales), _targets(validation[1], classes, len(rows))),
        callbacks=[stop] if validation else [],
        epochs=epochs or settings.epochs,
        batch_size=settings.batch_size,
        verbose=0,
    ).history
    best = int(np.argmin(history["val_loss"])) + 1 if validation else len(history["loss"])
    return Trained(tuple(_head(model, place, scale) for place, scale in enumerate(scales)), best)


_LEAST_VARIANCE = 1e-3  # a feature that hardly ever fires is not blown up


def _build(widths: Sequence[int], classes: int, settings: TrainingSettings) -> Any:
    import keras

    inputs = [keras.Input((width,)) for width in widths]
    outputs = []
    for place, pooled in enumerate(inputs):
        inner = keras.layers.Dropout(settings.dropout)(pooled)
        if settings.hidden:
            inner = keras.layers.Dense(settings.hidden, activation="relu", name=f"hidden{place}")(inner)
            inner = keras.layers.Dropout(settings.dropout)(inner)
        outputs.append(keras.layers.Dense(classes, name=f"output{place}")(inner))
    model = keras.Model(inputs, keras.ops.stack(outputs, axis=1))  # (rows, backbones, classes)
    model.compile(
        optimizer=keras.optimizers.AdamW(settings.learning_rate, weight_decay=settings.weight_decay),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing),
        jit_compile=False,
    )
    return model


def _standardised(rows: Sequence[Floats], scales: Sequence[tuple[Floats, Floats]]) -> list[Floats]:
    return [(part - mean) / deviation for part, (mean, deviation) in zip(rows, scales, strict=True)]


def _targets(labels: Ints, classes: int, heads: int) -> Floats:
    one_hot: Floats = np.eye(classes, dtype=np.float32)[labels]
    return np.repeat(one_hot[:, None], heads, axis=1)


def _balance(labels: Ints, classes: int) -> Floats:
    counts = np.bincount(labels, minlength=classes)
    weights: Floats = len(labels) / np.maximum(counts, 1) / np.count_nonzero(counts)
    return weights[labels]


def _head(model: Any, place: int, scale: tuple[Floats, Floats]) -> Head:
    names = {layer.name for layer in model.layers}
    layers = [name for name in (f"hidden{place}", f"output{place}") if name in names]
    first, *last = [Dense(*model.get_layer(name).get_weights()) for name in layers]
    first = _unscaled(first, *scale)
    return Head(first, _stored(last[0])) if last else Head(None, first)


def _unscaled(dense: Dense, mean: Floats, deviation: Floats) -> Dense:
    """Fold the standardisation into the layer that follows it."""
    folded = _stored(Dense(dense.kernel / deviation[:, None], dense.bias))
    return Dense(folded.kernel, folded.bias - mean @ folded.kernel)


def _stored(dense: Dense) -> Dense:
    """Round the kernel as an artefact stores it, so that what is judged is what will answer."""
    return Dense(dense.kernel.astype(np.float16).astype(np.float32), dense.bias)
