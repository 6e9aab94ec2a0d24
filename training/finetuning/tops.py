"""Trains the top of one backbone together with its head, from the maps below: one visible loop.

The head has learned already; the top opens block by block, the last one first (Howard & Ruder 2018). What chance there
is, the order of the pictures and their views, is drawn from seed and epoch, so that an epoch is the same whether or not
the process was killed before it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ml import machine
from ml.arrays import Floats, Ints
from ml.backbones.top import copied
from ml.heads import Dense, Head, behind_reduction, log_softmax
from training.finetuning import checkpoints
from training.finetuning.below import Maps
from training.finetuning.checkpoints import Checkpoint, Progress
from training.heads import balance
from training.settings import TrainingSettings

_BATCH = 32
_EPOCHS_A_BLOCK = 2  # before the next one opens
_WEIGHT_DECAY = 0.01


@dataclass(frozen=True, slots=True)
class Task:
    """What a top learns from, and what it is judged by after each epoch."""

    maps: Maps
    labels: Ints  # of all examples
    classes: int
    learned: Ints  # places of the examples that are learned from
    validated: Ints  # places of those that are not; none: it takes ``epochs``, whatever comes
    epochs: int  # at most


@dataclass(frozen=True, slots=True)
class Net:
    """A top in training: its copy, and the Keras model of map → logits that it is a part of."""

    top: Any
    model: Any
    blocks: Sequence[set[str]]  # layers that learn at first, then, …; the last has all
    head: Head  # as it began

    @property
    def variables(self) -> list[Any]:
        """All that may learn, whether it does so yet or not."""
        tuned = [layer for layer in self.top.layers if layer.name in self.blocks[-1]]
        return [variable for layer in [*tuned, *self._dense()] for variable in layer.weights]

    def learned_head(self) -> Head:
        """Return the head as it is now, its kernels rounded as an artefact stores them."""
        *hidden, output = [Dense(*_rounded(*layer.get_weights())) for layer in self._dense()]
        return Head(self.head.reduction, hidden[0] if hidden else None, output)

    def _dense(self) -> list[Any]:
        return [layer for layer in self.model.layers if layer.name in {"hidden", "output"}]


def network(top: Any, blocks: Sequence[set[str]], head: Head) -> Net:
    """Put a copy of ``top`` and ``head`` into one model; bfloat16 does the arithmetic where there is a GPU."""
    gpus = machine.prepare()
    import keras

    copy = copied(top, "mixed_bfloat16" if gpus else "float32")
    copy.compile(jit_compile=False)
    layers = {"reduction": _folded(head), "hidden": head.hidden, "output": head.output}
    below = keras.Input(copy.input_shape[1:])
    inner = copy(below, training=False)[1]  # (b, features); no chance in it, and batch normalisation as it is
    for name, dense in layers.items():
        if dense is not None:
            activation = "relu" if name == "hidden" else None
            layer = keras.layers.Dense(dense.kernel.shape[1], activation, trainable=name != "reduction", name=name)
            inner = layer(inner)
            layer.set_weights([dense.kernel, dense.bias])
    return Net(copy, keras.Model(below, inner), blocks, head)


def train(net: Net, task: Task, *, settings: TrainingSettings, path: Path) -> Progress:
    """Train ``net``, going on from the checkpoint at ``path`` where there is one; it is left as it was best."""
    found = checkpoints.read(path)
    here = found or _beginning(net, task, settings)
    if here.weights:
        _assign(net.variables, here.weights)
    targets = np.eye(task.classes, dtype=np.float32)[task.labels]  # (n, classes)
    weights = np.zeros(len(targets), np.float32)  # (n,)
    weights[task.learned] = balance(task.labels[task.learned], task.classes, settings.balance)
    while not _is_over(here, task, settings):
        epoch = here.progress.epochs
        opens = epoch == 0 or _block(net, epoch) != _block(net, epoch - 1)
        if opens or here is found:
            _open(net, epoch, settings)
            if not opens:
                _assign(net.model.optimizer.variables, here.optimizer)
        net.model.optimizer.learning_rate = _rate(epoch, settings)
        chance = np.random.default_rng((settings.seed, epoch))
        order = chance.permutation(task.learned)
        views = chance.integers(0, len(task.maps.stores), len(order))
        size, said = min(_BATCH, len(order)), []
        for start in range(0, len(order) - size + 1, size):
            batch = order[start : start + size]
            maps = task.maps(batch, views[start : start + size])  # (b, h, w, c)
            said.append(net.model.train_on_batch(maps, targets[batch], weights[batch], return_dict=True))
        here = _after(here, net, task, settings, said)
        checkpoints.write(path, here)
    _assign(net.variables, here.best)
    if here.weights:
        checkpoints.write(path, Checkpoint(here.progress, here.best))
    return here.progress


def pooled(top: Any, maps: Maps, places: Ints) -> Floats:
    """Return what ``top`` makes of the pictures at ``places`` as they are, float32 (n, features)."""
    rows = []
    for start in range(0, len(places), _BATCH):
        batch = np.resize(places[start : start + _BATCH], _BATCH)  # each other shape costs memory
        rows.append(top.predict_on_batch(maps(batch, np.zeros(_BATCH, np.intp)))[1].astype(np.float32))
    return np.concatenate(rows)[: len(places)]


def _beginning(net: Net, task: Task, settings: TrainingSettings) -> Checkpoint:
    weights = _values(net.variables)
    progress = Progress()
    if len(task.validated):
        progress = replace(progress, best_loss=_validated(net, task, settings)[0])
    return Checkpoint(progress, weights, weights)


def _is_over(here: Checkpoint, task: Task, settings: TrainingSettings) -> bool:
    done = here.progress.epochs
    waited = len(task.validated) > 0 and done - here.progress.best >= settings.patience
    return not here.weights or done >= task.epochs or waited


def _rate(epoch: int, settings: TrainingSettings) -> float:
    """Return the learning rate: half a cosine, from the full rate to nearly none (Loshchilov & Hutter 2017)."""
    return settings.fine_learning_rate * (1 + math.cos(math.pi * epoch / settings.fine_epochs)) / 2


def _block(net: Net, epoch: int) -> set[str]:
    return net.blocks[min(epoch // _EPOCHS_A_BLOCK, len(net.blocks) - 1)]


def _open(net: Net, epoch: int, settings: TrainingSettings) -> None:
    """Let the blocks learn whose turn it is in this epoch, with an optimizer that knows nothing yet."""
    import keras

    block = _block(net, epoch)
    for layer in net.top.layers:
        layer.trainable = layer.name in block
    net.model.compile(
        optimizer=keras.optimizers.AdamW(settings.fine_learning_rate, weight_decay=_WEIGHT_DECAY),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    net.model.optimizer.build(net.model.trainable_variables)


def _after(
    here: Checkpoint, net: Net, task: Task, settings: TrainingSettings, said: Sequence[dict[str, float]]
) -> Checkpoint:
    """Judge the epoch, and keep its weights where they are the best so far."""
    was, weights = here.progress, _values(net.variables)
    now = replace(
        was,
        epochs=was.epochs + 1,
        loss=(*was.loss, float(np.mean([each["loss"] for each in said]))),
        accuracy=(*was.accuracy, float(np.mean([each["accuracy"] for each in said]))),
    )
    better = True
    if len(task.validated):
        loss, accuracy = _validated(net, task, settings)
        better = loss < was.best_loss
        now = replace(
            now,
            best_loss=min(loss, was.best_loss),
            validation_loss=(*was.validation_loss, loss),
            validation_accuracy=(*was.validation_accuracy, accuracy),
        )
    if better:
        now = replace(now, best=now.epochs)
    return Checkpoint(now, weights if better else here.best, weights, _values(net.model.optimizer.variables))


def _validated(net: Net, task: Task, settings: TrainingSettings) -> tuple[float, float]:
    """Return loss and accuracy on the pictures that are not learned from; the loss is smoothed as in training."""
    head = net.learned_head()
    reduced = head.reduction(pooled(net.top, task.maps, task.validated))
    said = log_softmax(behind_reduction(head, reduced).logits)
    truth = task.labels[task.validated]
    smoothing = settings.label_smoothing
    right = said[np.arange(len(truth)), truth]
    loss = -(1 - smoothing) * right.mean() - smoothing * said.mean()
    return float(loss), float((said.argmax(axis=1) == truth).mean())


def _folded(head: Head) -> Dense:
    """Return the reduction as a layer."""
    components = head.reduction.components
    return Dense(components, -head.reduction.mean @ components)


def _rounded(kernel: Floats, bias: Floats) -> tuple[Floats, Floats]:
    return kernel.astype(np.float16).astype(np.float32), bias


def _values(variables: Sequence[Any]) -> list[np.ndarray]:
    return [np.asarray(variable).copy() for variable in variables]


def _assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
