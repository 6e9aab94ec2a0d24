"""Fine-tuning: the top blocks of each backbone learn with its head, in each fold and then on all of them.

The column *Retrained* comes from here. A fold's training stops when the loss on its validation pictures does, and these
are also what it is judged by, as it is usual: the choice of the epoch makes that slightly optimistic. The final tops
have no such choice, they take the median number of epochs. On one machine without a GPU the same pictures and settings
give the same tops to the last bit, killed in between or not; a GPU adds up in any order.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from ml import familiarity, machine
from ml.arrays import Floats, Ints
from ml.backbones import backbone, load, top
from ml.graph import PREPROCESSING, picture_size
from ml.heads import Head
from training.dataset import Example
from training.finetuning.below import Maps, maps_below
from training.finetuning.checkpoints import Progress
from training.finetuning.tops import Task, network, pooled, train
from training.learn import Folds, log_probabilities
from training.record import Curve
from training.settings import TrainingSettings
from training.splits import Split


@dataclass(frozen=True, slots=True)
class FineTuned:
    """Backbones with tops of their own, and what the folds said of pictures they had not learned from."""

    tops: dict[str, bytes]  # backbone → content of its ``.weights.h5``
    heads: tuple[Head, ...]
    folds: Folds  # over the pictures to learn from
    pooled: list[Floats]  # by the final tops, of every example as it is: float32 (n, features) of each backbone


def fine_tune(
    examples: Sequence[Example],
    split: Split,
    heads_per_fold: Sequence[tuple[Head, ...]],
    final_heads: tuple[Head, ...],
    *,
    labels: Ints,
    trusted: NDArray[np.bool_],
    backbones: tuple[str, ...],
    settings: TrainingSettings,
    cache: Path,
    checkpoints: Path,
    weights_folder: Path | None,
    untrained: Mapping[str, int],
    views: Sequence[str],
    console: Console,
) -> FineTuned:
    """Fine-tune ``backbones`` for ``examples``; a killed call goes on where it stopped.

    Parameters
    ----------
    examples, split
        All pictures, and which stands where.
    heads_per_fold, final_heads
        What learning begins with: heads that learned without each fold, and from all of them.
    labels, trusted
        Of the pictures to learn from, in their order: class indices, and whether they are learned from.
    backbones, weights_folder, untrained
        As ``ml.graph.build`` takes them; ``CannotBeTuned`` where one does not say where its top begins.
    settings
        Those named ``fine_…``, and of the heads' the ones on labels, patience and seed.
    cache, checkpoints
        Folders: of the maps below the tops, and of where each training stands. The second can go when all is done.
    views
        In which a picture is shown beside as it is; an epoch shows each picture once, in one of them.

    """
    machine.prepare()
    loaded = {name: load(name, weights_folder, untrained=untrained.get(name)) for name in backbones}
    size = picture_size(backbones)
    maps = maps_below(examples, loaded, size=size, views=views, cache=cache, console=console)
    given = _given(examples, split, labels, trusted, size=size, views=views, settings=settings)
    tops, finals, features, by_backbone = {}, [], [], []
    for place, name in enumerate(backbones):
        subject = _subject(name, loaded[name].model, loaded[name].weights_sha256, maps[name], checkpoints)
        folds = []
        for fold, heads in enumerate(heads_per_fold):
            with console.status(f"fine-tuning {name}, fold {fold + 1} of {len(heads_per_fold)}"):
                head, progress = _trained(
                    subject, given, heads[place], settings, fold=fold, epochs=settings.fine_epochs
                )
                reduced = head.reduction(pooled(subject.top, subject.maps, np.flatnonzero(given.inside)))
            folds.append(_Fold(head, reduced, progress))
        epochs = round(float(np.median([each.progress.best for each in folds])))
        with console.status(f"fine-tuning {name} on all folds, {epochs} epochs"):
            head, _ = _trained(subject, given, final_heads[place], settings, fold=None, epochs=epochs)
            tops[name] = top.packed(subject.top)
            features.append(pooled(subject.top, subject.maps, np.arange(len(examples))))
        finals.append(head)
        by_backbone.append(folds)
    return FineTuned(tops, tuple(finals), _judged(by_backbone, given, settings), features)


@dataclass(frozen=True, slots=True)
class _Given:
    """What is learned, the same for all backbones; arrays over all examples."""

    labels: Ints
    folds: Ints  # -1 where held out
    trusted: NDArray[np.bool_]  # learned from, when the fold allows
    classes: int
    facts: str  # names all of it, and how it is learned

    @property
    def inside(self) -> NDArray[np.bool_]:
        return self.folds >= 0


@dataclass(frozen=True, slots=True)
class _Subject:
    """One backbone, whose top is trained again and again from the same beginning."""

    top: Any  # the layers of the backbone itself, which hold the weights of the last training
    beginning: list[np.ndarray]
    blocks: Sequence[set[str]]
    maps: Maps
    checkpoints: Path  # what their names begin with
    facts: str


@dataclass(frozen=True, slots=True)
class _Fold:
    """One backbone, trained without one fold."""

    head: Head
    reduced: Floats  # float32 (pictures to learn from, dimensions)
    progress: Progress


def _given(
    examples: Sequence[Example],
    split: Split,
    labels: Ints,
    trusted: NDArray[np.bool_],
    *,
    size: int,
    views: Sequence[str],
    settings: TrainingSettings,
) -> _Given:
    everywhere, learned = split.labels.copy(), split.training.copy()
    everywhere[split.training], learned[split.training] = labels, trusted
    rows = zip(
        (each.picture.sha256 for each in examples),
        split.folds.tolist(), everywhere.tolist(), learned.tolist(), strict=True,
    )  # fmt: skip
    facts = json.dumps([PREPROCESSING, size, list(views), settings.model_dump(mode="json"), list(rows)])
    return _Given(everywhere, split.folds, learned, len(split.classes), facts)


def _subject(name: str, model: Any, weights_sha256: str, maps: Maps, checkpoints: Path) -> _Subject:
    entry = backbone(name)
    _, above = top.split(model, entry.cut)
    above.compile(jit_compile=False)
    blocks = [top.layers(model, cut) for cut in entry.tops]
    facts = f"{weights_sha256} {entry.tops}"
    return _Subject(above, above.get_weights(), blocks, maps, checkpoints / name, facts)


def _trained(
    subject: _Subject, given: _Given, head: Head, settings: TrainingSettings, *, fold: int | None, epochs: int
) -> tuple[Head, Progress]:
    """Train the subject's top and ``head`` on all folds but ``fold``; the subject holds the top afterwards."""
    outside = given.folds == fold if fold is not None else np.zeros_like(given.trusted)
    task = Task(
        subject.maps,
        given.labels,
        given.classes,
        learned=np.flatnonzero(given.trusted & ~outside),
        validated=np.flatnonzero(given.trusted & outside),
        epochs=epochs,
    )
    subject.top.set_weights(subject.beginning)
    net = network(subject.top, subject.blocks, head)
    key = _key(given.facts, subject.facts, str((fold, epochs)), head)
    progress = train(net, task, settings=settings, path=Path(f"{subject.checkpoints}-{key}.safetensors"))
    subject.top.set_weights(net.top.get_weights())
    return net.learned_head(), progress


def _key(given: str, subject: str, which: str, head: Head) -> str:
    """Name a training by everything that it depends on."""
    digest = hashlib.sha256(f"{given} {subject} {which}".encode())
    for part in (head.reduction.mean, head.reduction.components):
        digest.update(part.tobytes())
    for dense in (head.hidden, head.output):
        digest.update(b"" if dense is None else dense.kernel.tobytes() + dense.bias.tobytes())
    return digest.hexdigest()[:16]


def _judged(by_backbone: Sequence[Sequence[_Fold]], given: _Given, settings: TrainingSettings) -> Folds:
    """Say of each picture what the backbones trained without its fold make of it."""
    labels, folds, trusted = (part[given.inside] for part in (given.labels, given.folds, given.trusted))
    said = np.zeros((len(labels), len(by_backbone), given.classes), np.float32)
    distances, heads, curves = np.zeros(len(labels), np.float32), [], []
    for fold, parts in enumerate(zip(*by_backbone, strict=True)):
        outside, learned = folds == fold, (folds != fold) & trusted
        heads.append(tuple(each.head for each in parts))
        judged = [each.reduced[outside] for each in parts]
        said[outside] = log_probabilities(heads[-1], judged)
        familiar = familiarity.fit(
            [each.reduced[learned] for each in parts],
            labels[learned],
            prototypes=settings.prototypes,
            seed=settings.seed,
        )
        distances[outside] = familiar.distance(judged)
        curves.append(_curve([each.progress for each in parts]))
    epochs = round(float(np.median([each.progress.best for folds in by_backbone for each in folds])))
    return Folds(said, distances, tuple(heads), epochs, tuple(curves))


def _curve(several: Sequence[Progress]) -> Curve:
    """Average over the backbones that were still at it."""
    names = ("loss", "accuracy", "validation_loss", "validation_accuracy")
    return Curve(*(_means([getattr(each, name) for each in several]) for name in names))


def _means(several: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    figures = zip_longest(*several)
    return tuple(float(np.mean([each for each in epoch if each is not None])) for epoch in figures)
