"""Whether a probability means what it says, and what is left of the mistakes when the unsure answers are withheld."""

from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats, Ints

BINS = 15
"""Equal-width bins of the confidence, as in Guo et al. 2017 (On calibration of modern neural networks)."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """One bin of the calibration curve; the confidence is the highest probability."""

    pictures: int
    confidence: float  # mean
    accuracy: float


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """What is wrong of the surest answers, from the surest one to all; arrays over the pictures."""

    coverage: Floats  # share answered
    risk: Floats  # share of these that is wrong
    area: float  # AURC, the mean risk


def ece(log_probabilities: Floats, labels: Ints) -> float:
    """Return the expected calibration error 0..1 of log-probabilities (n, classes) against class indices (n,)."""
    return float(ece_of_sums(ece_sums(log_probabilities, labels).sum(axis=0)))


def ece_sums(log_probabilities: Floats, labels: Ints, bins: int = BINS) -> Floats:
    """Return what each picture adds to its bin (n, 3 · bins): itself, its confidence, whether it is right."""
    confidence = np.exp(log_probabilities.max(axis=1))
    place = np.clip(np.ceil(confidence * bins).astype(np.intp) - 1, 0, bins - 1)  # bins are open below, closed above
    inside = np.eye(bins)[place]
    right = log_probabilities.argmax(axis=1) == labels
    return np.concatenate([inside, inside * confidence[:, None], inside * right[:, None]], axis=1)


def ece_of_sums(sums: Floats) -> Floats:
    """Return the calibration error (…) of summed rows of ``ece_sums`` (…, 3 · bins): ∑ |right - confidence| / n."""
    pictures, confidence, right = np.split(sums, 3, axis=-1)
    error: Floats = np.abs(right - confidence).sum(axis=-1) / np.maximum(pictures.sum(axis=-1), 1e-12)
    return error


def reliability(log_probabilities: Floats, labels: Ints) -> list[Reliability]:
    """Return the bins that hold pictures, from the least confident to the most."""
    sums = ece_sums(log_probabilities, labels).sum(axis=0)
    return [
        Reliability(int(pictures), confidence / pictures, right / pictures)
        for pictures, confidence, right in zip(*np.split(sums, 3), strict=True)
        if pictures
    ]


def risk_coverage(confidence: Floats, right: Floats) -> RiskCoverage:
    """Return the curve of Geifman & El-Yaniv 2017 (Selective classification) from what is sure and right (n,)."""
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    risk = np.cumsum(~right.astype(bool)[order]) / answered
    return RiskCoverage(answered / len(order), risk, float(risk.mean()))


def coverage_at(curve: RiskCoverage, precision: float) -> float:
    """Return the greatest share that can be answered while a share of ``precision`` of the answers is right."""
    enough = np.flatnonzero(curve.risk <= 1 - precision + 1e-12)
    return float(curve.coverage[enough[-1]]) if len(enough) else 0.0
