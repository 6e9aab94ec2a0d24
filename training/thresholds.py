"""The two thresholds of a model, both from pictures whose folds had not seen them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Floats, Ints
from ml.labels import BACKGROUND

LEAST_CONFIDENCE = 0.5
"""No threshold is lower: an animal that is less likely than not has no name, however good the folds look."""


def confidence(probabilities: Floats, labels: Ints, classes: Sequence[str], *, precision: float) -> float:
    """Return the least probability at which, of the answers at or above it, a share of ``precision`` is right.

    From stacked out-of-fold probabilities (n, classes) and class indices (n,). An answer is a picture of which a
    species is most probable. Where no threshold is enough, 1.0: the model then answers next to nothing.
    """
    answers, species = _answers(probabilities, classes)
    likely = species & (probabilities.max(axis=1) >= LEAST_CONFIDENCE)
    order = np.argsort(-probabilities[likely].max(axis=1), kind="stable")
    sure = probabilities[likely].max(axis=1)[order]
    right = (answers == labels)[likely][order]
    reached = np.flatnonzero(np.cumsum(right) >= precision * np.arange(1, len(right) + 1))
    return float(sure[reached[-1]]) if len(reached) else 1.0


def distance(
    distances: Floats, probabilities: Floats, labels: Ints, classes: Sequence[str], *, familiar: float
) -> float:
    """Return the distance within which a share of ``familiar`` of the right answers lie.

    From out-of-fold distances (n,), probabilities (n, classes) and class indices (n,). There are no strangers to fit
    a threshold to, so it is set by what it costs: that share of the animals that would be named rightly still are.
    Background pictures are not asked (they are ``other`` whatever their distance), and drawings or wrong labels among
    the training pictures shall not widen what counts as familiar.
    """
    answers, species = _answers(probabilities, classes)
    right = species & (answers == labels)
    return float(np.quantile(distances[right], familiar)) if right.any() else 0.0


def _answers(probabilities: Floats, classes: Sequence[str]) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the most probable class of each row, and whether it is a species."""
    answers: Ints = probabilities.argmax(axis=1)
    return answers, np.isin(answers, [place for place, name in enumerate(classes) if name not in BACKGROUND])
