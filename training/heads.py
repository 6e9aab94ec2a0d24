"""Trains the heads on reduced features: those of all backbones side by side in one Keras model, each for itself.

They share the order of the rows and the epoch at which to stop, and no weights.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ml.arrays import Floats, Ints
from ml.heads import Dense, Head
from ml.reduction import Reduction
from training.record import Curve
from training.settings import TrainingSettings


class Trained(NamedTuple):
    """The heads in the order of the backbones, after how many epochs they were best, and how they learned."""

    heads: tuple[Head, ...]
    epochs: int
    curve: Curve


def train(
    features: Sequence[Floats],
    labels: Ints,
    *,
    reductions: Sequence[Reduction],
    classes: int,
    settings: TrainingSettings,
    validation: tuple[Sequence[Floats], Ints] | None = None,
    epochs: int | None = None,
) -> Trained:
    """Train one head for each of ``features``, reduced (n, views, dimensions), on class indices ``labels`` (n,).

    Every view is a row. With ``validation`` (one view: (m, dimensions)) the epoch with the least validation loss is
    kept; ``epochs`` says how many there are without it. ``reductions`` is what the features went through.
    """
    import keras

    keras.utils.set_random_seed(settings.seed)
    rows = [part.reshape(-1, part.shape[-1]) for part in features]
    labels = np.repeat(labels, features[0].shape[1])
    model = _build([part.shape[-1] for part in rows], classes, settings)
    stop = keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True)
    history = model.fit(
        rows,
        _targets(labels, classes, len(rows)),
        sample_weight=np.repeat(balance(labels, classes, settings.balance)[:, None], len(rows), axis=1),
        validation_data=validation and (list(validation[0]), _targets(validation[1], classes, len(rows))),
        callbacks=[stop] if validation else [],
        epochs=epochs or settings.epochs,
        batch_size=settings.batch_size,
        verbose=0,
    ).history
    best = int(np.argmin(history["val_loss"])) + 1 if validation else len(history["loss"])
    heads = tuple(_head(model, place, reduction) for place, reduction in enumerate(reductions))
    return Trained(heads, best, _curve(history))


def balance(labels: Ints, classes: int, power: float) -> Floats:
    """Weigh each row by how rare its class is, to the ``power``; the weights' mean is 1."""
    counts = np.bincount(labels, minlength=classes)
    weights: Floats = (1 / np.maximum(counts, 1) ** power)[labels]
    balanced: Floats = weights / weights.mean()
    return balanced


def _build(widths: Sequence[int], classes: int, settings: TrainingSettings) -> Any:
    import keras

    inputs = [keras.Input((width,)) for width in widths]
    outputs = []
    for place, reduced in enumerate(inputs):
        inner = keras.layers.Dropout(settings.dropout)(reduced)
        if settings.hidden:
            inner = keras.layers.Dense(settings.hidden, activation="relu", name=f"hidden{place}")(inner)
            inner = keras.layers.Dropout(settings.dropout)(inner)
        outputs.append(keras.layers.Dense(classes, name=f"output{place}")(inner))
    model = keras.Model(inputs, keras.ops.stack(outputs, axis=1))  # (rows, backbones, classes)
    model.compile(
        optimizer=keras.optimizers.AdamW(settings.learning_rate, weight_decay=settings.weight_decay),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    return model


def _targets(labels: Ints, classes: int, heads: int) -> Floats:
    one_hot: Floats = np.eye(classes, dtype=np.float32)[labels]
    return np.repeat(one_hot[:, None], heads, axis=1)


def _head(model: Any, place: int, reduction: Reduction) -> Head:
    names = {layer.name for layer in model.layers}
    layers = [name for name in (f"hidden{place}", f"output{place}") if name in names]
    *hidden, output = [_stored(Dense(*model.get_layer(name).get_weights())) for name in layers]
    return Head(reduction, hidden[0] if hidden else None, output)


def _stored(dense: Dense) -> Dense:
    """Round the kernel as an artefact stores it, so that what is judged is what will answer."""
    return Dense(dense.kernel.astype(np.float16).astype(np.float32), dense.bias)


def _curve(history: dict[str, list[float]]) -> Curve:
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    return Curve(*(tuple(history.get(name, ())) for name in names))
