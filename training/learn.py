"""From cached features to a model, always in this order: folds, stack, temperature, thresholds, the final heads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml import familiarity, stacking
from ml.arrays import Floats, Ints
from ml.decision import Thresholds
from ml.familiarity import Familiar
from ml.heads import Head, forward, log_softmax
from ml.stacking import Stack
from training import thresholds
from training.heads import train
from training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Learned:
    """All that a model is beside its backbones, and what the folds said of pictures they had not seen."""

    heads: tuple[Head, ...]
    stack: Stack
    familiar: Familiar
    thresholds: Thresholds
    out_of_fold: Floats  # log-probabilities (n, backbones, classes)
    stacked: Floats  # log-probabilities (n, classes), the stack itself not fitted on the row's fold
    distances: Floats  # (n,), to prototypes that the row had no part in


def learn(
    pooled: Sequence[Floats], labels: Ints, folds: Ints, *, classes: Sequence[str], settings: TrainingSettings
) -> Learned:
    """Learn from each backbone's features (n, views, features), class indices (n,) and fold numbers (n,)."""
    seen = [part[:, 0] for part in pooled]  # the view in which pictures are answered
    out_of_fold = np.zeros((len(labels), len(pooled), len(classes)))
    distances, epochs = np.zeros(len(labels)), []
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        validated = [part[outside] for part in seen]
        heads, best = train(
            [part[inside] for part in pooled],
            labels[inside],
            classes=len(classes),
            settings=settings,
            validation=(validated, labels[outside]),
        )
        epochs.append(best)
        out_of_fold[outside] = log_probabilities(heads, validated)
        distances[outside] = _familiar([part[inside] for part in seen], labels[inside], settings).distance(validated)

    stack, stacked = _stack(out_of_fold, labels, folds, settings.stack_strength)
    limits = Thresholds(
        confidence=thresholds.confidence(np.exp(stacked), labels, classes, precision=settings.precision),
        distance=thresholds.distance(distances, stacked, labels, classes, familiar=settings.familiar),
    )
    heads, _ = train(pooled, labels, classes=len(classes), settings=settings, epochs=round(np.median(epochs)))
    return Learned(heads, stack, _familiar(seen, labels, settings), limits, out_of_fold, stacked, distances)


def log_probabilities(heads: Sequence[Head], pooled: Sequence[Floats]) -> Floats:
    """Return what each head says, (n, heads, classes), of its backbone's features (n, features)."""
    return np.stack([log_softmax(forward(*each).logits) for each in zip(heads, pooled, strict=True)], axis=1)


def _familiar(pooled: Sequence[Floats], labels: Ints, settings: TrainingSettings) -> Familiar:
    return familiarity.fit(
        pooled, labels, dimensions=settings.dimensions, prototypes=settings.prototypes, seed=settings.seed
    )


def _stack(out_of_fold: Floats, labels: Ints, folds: Ints, strength: float) -> tuple[Stack, Floats]:
    """Fit the stack; its temperature, and what it says of each row, come from stacks that had not seen the fold."""
    logits = np.zeros((len(labels), out_of_fold.shape[-1]))
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        fitted = stacking.fit(out_of_fold[inside], labels[inside], strength=strength)
        logits[outside] = fitted.logits(out_of_fold[outside])
    temperature = stacking.temperature(logits, labels)
    stack = replace(stacking.fit(out_of_fold, labels, strength=strength), temperature=temperature)
    return stack, log_softmax(logits / temperature)
