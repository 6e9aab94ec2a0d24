"""From cached features to a model, always in this order: folds, stack, temperature, thresholds, the final heads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ml import familiarity, reduction, stacking
from ml.arrays import Floats, Ints
from ml.decision import Thresholds
from ml.familiarity import Familiar
from ml.heads import Head, behind_reduction, log_softmax
from ml.reduction import Reduction
from ml.stacking import Stack
from training import thresholds
from training.heads import train
from training.record import Curve
from training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Folds:
    """What the folds said of pictures they had not seen, and the heads that said it."""

    log_probabilities: Floats  # (n, backbones, classes)
    distances: Floats  # (n,), to prototypes that the row had no part in
    heads: tuple[tuple[Head, ...], ...]  # of each fold
    epochs: int  # the median of what was best
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """All that a model is beside its backbones, and what was said of pictures that were not seen."""

    heads: tuple[Head, ...]
    stack: Stack
    familiar: Familiar
    thresholds: Thresholds
    folds: Folds
    stacked: Floats  # log-probabilities (n, classes), the stack itself not fitted on the row's fold

    @property
    def out_of_fold(self) -> Floats:
        """Log-probabilities of the backbones, (n, backbones, classes)."""
        return self.folds.log_probabilities

    def say(self, pooled: Sequence[Floats]) -> Floats:
        """Return what each head says, log-probabilities (n, heads, classes), of pooled features (n, features)."""
        return log_probabilities(self.heads, _behind(self.heads, pooled))

    def distance(self, pooled: Sequence[Floats]) -> Floats:
        """Return the distances (n,) of pooled features (n, features) to what was learned from."""
        return self.familiar.distance(_behind(self.heads, pooled))


def learn(
    features: Sequence[Floats],
    labels: Ints,
    folds: Ints,
    *,
    classes: Sequence[str],
    settings: TrainingSettings,
    trusted: NDArray[np.bool_] | None = None,
    reductions: Sequence[Reduction] | None = None,
    on_fold: Callable[[int, float], None] | None = None,
) -> Learned:
    """Learn from each backbone's features (n, views, features), class indices (n,) and fold numbers (n,).

    Parameters
    ----------
    features, labels, folds
        Of all pictures; the folds are judged whole.
    classes
        What the indices mean.
    settings
        How heads, stack and thresholds are learned.
    trusted
        Bool (n,): the pictures whose labels are learned from; all of them if not given.
    reductions
        What the features went through already, as those did that a model stores; else they are learned.
    on_fold
        Hears each fold's number and the log-loss of the backbones' plain mean so far, calibrated; what it raises ends
        it all.

    """
    good = np.ones(len(labels), np.bool_) if trusted is None else trusted
    by_folds = cross_validate(
        features, labels, folds, classes=classes, settings=settings,
        trusted=good, reductions=reductions, on_fold=on_fold,
    )  # fmt: skip
    learned_from = [part[good] for part in features]
    with threadpool_limits(1, "blas"):
        fitted = reductions or _reductions(learned_from, settings)
        reduced = learned_from if reductions else _reduced(learned_from, fitted)
    heads = train(
        reduced, labels[good], reductions=fitted, classes=len(classes), settings=settings, epochs=by_folds.epochs
    ).heads
    familiar = _familiar([part[:, 0] for part in reduced], labels[good], settings)
    return conclude(by_folds, heads, familiar, labels, folds, trusted=good, classes=classes, settings=settings)


def cross_validate(
    features: Sequence[Floats],
    labels: Ints,
    folds: Ints,
    *,
    classes: Sequence[str],
    settings: TrainingSettings,
    trusted: NDArray[np.bool_] | None = None,
    reductions: Sequence[Reduction] | None = None,
    on_fold: Callable[[int, float], None] | None = None,
) -> Folds:
    """Train on all folds but one, for each in turn, and judge that one; as ``learn`` does first."""
    good = np.ones(len(labels), np.bool_) if trusted is None else trusted
    said = np.zeros((len(labels), len(features), len(classes)), np.float32)
    distances, trained = np.zeros(len(labels), np.float32), []
    with threadpool_limits(1, "blas"):  # two threads beside another busy process wait more than they work
        for fold in np.unique(folds):
            inside, outside = (folds != fold) & good, folds == fold
            learned_from = [part[inside] for part in features]
            fitted = reductions or _reductions(learned_from, settings)
            reduced = learned_from if reductions else _reduced(learned_from, fitted)
            judged = [part[outside, 0] for part in features]  # the view in which pictures are answered
            if not reductions:
                judged = [reduce(part) for reduce, part in zip(fitted, judged, strict=True)]
            trained.append(
                train(
                    reduced,
                    labels[inside],
                    reductions=fitted,
                    classes=len(classes),
                    settings=settings,
                    validation=([part[good[outside]] for part in judged], labels[outside & good]),
                )
            )
            said[outside] = log_probabilities(trained[-1].heads, judged)
            distances[outside] = _familiar([part[:, 0] for part in reduced], labels[inside], settings).distance(judged)
            if on_fold:
                known = (folds <= fold) & good
                on_fold(int(fold), _log_loss(said[known], labels[known]))
    epochs = round(float(np.median([each.epochs for each in trained])))
    return Folds(said, distances, tuple(each.heads for each in trained), epochs, tuple(each.curve for each in trained))


def conclude(
    by_folds: Folds,
    heads: tuple[Head, ...],
    familiar: Familiar,
    labels: Ints,
    folds: Ints,
    *,
    trusted: NDArray[np.bool_],
    classes: Sequence[str],
    settings: TrainingSettings,
) -> Learned:
    """Fit the stack, its temperature and the thresholds to what the folds said: the last step of every training."""
    stack, stacked = _stack(by_folds.log_probabilities, labels, folds, trusted, settings.stack_strength)
    said, truth = stacked[trusted], labels[trusted]
    limits = Thresholds(
        confidence=thresholds.confidence(np.exp(said), truth, classes, precision=settings.precision),
        distance=thresholds.distance(by_folds.distances[trusted], said, truth, classes, familiar=settings.familiar),
    )
    return Learned(heads, stack, familiar, limits, by_folds, stacked)


def log_probabilities(heads: Sequence[Head], reduced: Sequence[Floats]) -> Floats:
    """Return what each head says, (n, heads, classes), of its backbone's reduced features (n, dimensions)."""
    return np.stack([log_softmax(behind_reduction(*each).logits) for each in zip(heads, reduced, strict=True)], axis=1)


def remember(heads: Sequence[Head], pooled: Sequence[Floats], labels: Ints, settings: TrainingSettings) -> Familiar:
    """Sum up what the training set looks like behind ``heads``, from pooled features (n, features)."""
    return _familiar(_behind(heads, pooled), labels, settings)


def _behind(heads: Sequence[Head], pooled: Sequence[Floats]) -> list[Floats]:
    return [head.reduction(part) for head, part in zip(heads, pooled, strict=True)]


def _reductions(features: Sequence[Floats], settings: TrainingSettings) -> list[Reduction]:
    """Fit them to the pictures as they are: the other views shall not decide what matters."""
    return [reduction.fit(part[:, 0], dimensions=settings.dimensions) for part in features]


def _reduced(features: Sequence[Floats], reductions: Sequence[Reduction]) -> list[Floats]:
    return [reduce(part) for reduce, part in zip(reductions, features, strict=True)]


def _familiar(reduced: Sequence[Floats], labels: Ints, settings: TrainingSettings) -> Familiar:
    return familiarity.fit(reduced, labels, prototypes=settings.prototypes, seed=settings.seed)


def _log_loss(log_probabilities: Floats, labels: Ints) -> float:
    mean = log_softmax(log_probabilities.mean(axis=1))
    calibrated = log_softmax(mean / stacking.temperature(mean, labels))
    return -float(calibrated[np.arange(len(labels)), labels].mean())


def _stack(
    out_of_fold: Floats, labels: Ints, folds: Ints, trusted: NDArray[np.bool_], strength: float
) -> tuple[Stack, Floats]:
    """Fit the stack; its temperature, and what it says of each row, come from stacks that had not seen the fold."""
    logits = np.zeros((len(labels), out_of_fold.shape[-1]))
    for fold in np.unique(folds):
        inside, outside = (folds != fold) & trusted, folds == fold
        fitted = stacking.fit(out_of_fold[inside], labels[inside], strength=strength)
        logits[outside] = fitted.logits(out_of_fold[outside])
    # A stack is to be as sure as it is right on pictures with labels as people give them, doubtful ones among them.
    temperature = stacking.temperature(logits, labels)
    stack = replace(stacking.fit(out_of_fold[trusted], labels[trusted], strength=strength), temperature=temperature)
    return stack, log_softmax(logits / temperature)
