"""The whole of one training, top-down: pictures → clean examples → splits → features → model → figures → folder."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml import artifacts, graph
from ml.arrays import Floats
from ml.decision import decide
from ml.labels import SPECIES
from training import features
from training.dataset import ClassFolder, Dataset, read
from training.evaluate import STACK, Decided, Scores, by_class, comparison, decided, in_words, score
from training.learn import Learned, learn, log_probabilities
from training.settings import TrainingSettings
from training.splits import Split, split_up

_FORWARD_BATCH = 8


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model: where it lies and what was measured."""

    folder: Path
    scores: dict[str, dict[str, Scores]]  # pretrained, testing, testing_without_twins → backbone or stack → scores


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be trained, and with what."""

    name: str
    created: date
    backbones: tuple[str, ...]
    settings: TrainingSettings
    cache: Path  # of features
    weights_folder: Path | None = None
    untrained_seed: int | None = None  # draws the backbones' weights in place of ImageNet's


def fit(folders: Sequence[ClassFolder], job: Job, *, models: Path, console: Console) -> Fitted:
    """Train a model on ``folders`` and write it to ``models/<version>``; what happens is told on ``console``.

    The same pictures, settings and date give the same version. Raises ``DatasetError`` and ``WeightsMissing``.
    """
    drawn = {} if job.untrained_seed is None else dict.fromkeys(job.backbones, job.untrained_seed)
    joined = graph.build(job.backbones, weights_folder=job.weights_folder, untrained=drawn, batch_size=_FORWARD_BATCH)
    size = graph.picture_size(job.backbones)
    dataset = read(folders, size=size, console=console)
    split = split_up(dataset, job.settings)
    console.print(_overview(dataset, split))
    if unseen := [label for label in SPECIES if label not in split.classes]:
        console.print(f"there are no pictures of {', '.join(unseen)}: this model will never answer with them")
    pooled = features.pooled(dataset.examples, joined, size=size, cache=job.cache, console=console)
    with console.status("training the heads"):
        learned = learn(
            [part[split.training] for part in pooled],
            split.labels[split.training],
            split.folds[split.training],
            classes=split.classes,
            settings=job.settings,
        )
    seen = [part[:, 0] for part in pooled]
    scores = _scores(learned, seen, split, job.backbones)
    decisions = _decisions(learned, seen, split)
    metrics = _metrics(scores) | {"decisions": {title: each.model_dump() for title, each in decisions.items()}}
    card = _card(job, joined, learned, classes=split.classes, metrics=metrics, dataset=_facts(dataset, split))
    rows = _stored_rows(dataset, split, learned.familiar.reduce(seen))
    folder = artifacts.save(models, card, heads=learned.heads, familiar=learned.familiar, features=rows)
    console.print(comparison(scores), by_class(scores["testing"][STACK]))
    for title, figures in decisions.items():
        console.print(f"{title}: {in_words(figures)}")
    return Fitted(folder, scores)


def _overview(dataset: Dataset, split: Split) -> Table:
    table = Table("class", "training", "held out", title="What is learned from")
    for label, (training, held_out) in _counts(split).items():
        table.add_row(label, str(training), str(held_out))
    for reason, count in _left_out(dataset).items():
        table.add_row(f"[dim]left out: {escape(reason)}[/dim]", str(count), "")
    return table


def _counts(split: Split) -> dict[str, tuple[int, int]]:
    inside = Counter(split.labels[split.training].tolist())
    outside = Counter(split.labels[~split.training].tolist())
    return {label: (inside[place], outside[place]) for place, label in enumerate(split.classes)}


def _left_out(dataset: Dataset) -> dict[str, int]:
    return dict(Counter(reason.partition(":")[0] for _, reason in dataset.left_out).most_common())


def _scores(
    learned: Learned, seen: Sequence[Floats], split: Split, backbones: Sequence[str]
) -> dict[str, dict[str, Scores]]:
    """Score each backbone and the stack on the folds and on the held-out pictures."""
    held_out = log_probabilities(learned.heads, [part[~split.training] for part in seen])
    of_stack = learned.stack.log_probabilities(held_out)
    labels = split.labels[~split.training]
    apart = ~split.twins[~split.training]
    sets = {
        "pretrained": (learned.out_of_fold, learned.stacked, split.labels[split.training]),
        "testing": (held_out, of_stack, labels),
        "testing_without_twins": (held_out[apart], of_stack[apart], labels[apart]),
    }
    if apart.all() or not apart.any():
        del sets["testing_without_twins"]
    return {
        title: {name: score(each[:, place], truth, split.classes) for place, name in enumerate(backbones)}
        | {STACK: score(stacked, truth, split.classes)}
        for title, (each, stacked, truth) in sets.items()
    }


def _decisions(learned: Learned, seen: Sequence[Floats], split: Split) -> dict[str, Decided]:
    """Decide of the folds' and of the held-out pictures as the daemon would."""
    held_out = [part[~split.training] for part in seen]
    stacked = learned.stack.log_probabilities(log_probabilities(learned.heads, held_out))
    sets = {
        "pretrained": (learned.stacked, learned.distances, split.labels[split.training]),
        "testing": (stacked, learned.familiar.distance(held_out), split.labels[~split.training]),
    }
    return {
        title: decided(
            [
                decide(np.exp(row), split.classes, distance=distance, thresholds=learned.thresholds)
                for row, distance in zip(answers, distances.tolist(), strict=True)
            ],
            [split.classes[label] for label in labels],
        )
        for title, (answers, distances, labels) in sets.items()
    }


def _metrics(scores: Mapping[str, Mapping[str, Scores]]) -> dict[str, Any]:
    """Tell everything of the stack, and the three figures that fit a line of each backbone."""
    brief = {"accuracy", "macro_f1", "species_accuracy"}
    return {
        title: {name: each.model_dump(include=None if name == STACK else brief) for name, each in column.items()}
        for title, column in scores.items()
    }


def _facts(dataset: Dataset, split: Split) -> dict[str, Any]:
    return {
        "fingerprint": dataset.fingerprint,
        "pictures": {label: {"training": inside, "held_out": out} for label, (inside, out) in _counts(split).items()},
        "groups": len(np.unique(split.groups)),
        "left_out": _left_out(dataset),
    }


def _card(
    job: Job,
    joined: graph.Graph,
    learned: Learned,
    *,
    classes: tuple[str, ...],
    metrics: dict[str, Any],
    dataset: dict[str, Any],
) -> artifacts.Card:
    import keras

    return artifacts.Card(
        name=job.name,
        created=job.created,
        classes=classes,
        picture_size=graph.picture_size(job.backbones),
        preprocessing=graph.PREPROCESSING,
        backbones=joined.weights_sha256,
        stack_weights=learned.stack.weights.tolist(),
        stack_bias=learned.stack.bias.tolist(),
        temperature=learned.stack.temperature,
        thresholds=learned.thresholds,
        metrics=metrics,
        dataset=dataset,
        settings=job.settings.model_dump(),
        versions={package: metadata.version(package) for package in ("keras", keras.backend.backend())},
    )


def _stored_rows(dataset: Dataset, split: Split, reduced: Floats) -> dict[str, Any]:
    """Return what a later training needs of each picture when the picture is gone; arrays over all examples."""
    pictures = [each.picture for each in dataset.examples]
    return {
        "reduced": reduced.astype(np.float16),
        "label": split.labels.astype(np.uint8),
        "fold": split.folds.astype(np.int8),  # -1: held out
        "group": split.groups.astype(np.int32),
        "sha256": np.array([list(bytes.fromhex(each.sha256)) for each in pictures], np.uint8),
        "phash": np.array([list(bytes.fromhex(each.phash)) for each in pictures], np.uint8),
    }
