"""Labels and pictures that look wrong, by what is said of a picture by models that have not seen it.

Two signs, each with a limit of its own:

- *Another label*: confident learning (Northcutt, Jiang & Chuang 2021). A class is believed of a picture by how far its
  probability lies above the class's threshold, the mean probability of the class over the pictures labelled so. Where
  another class is further above its own than the label is, or nearly so, the label is in doubt.
- *A strange picture*: a drawing, an icon, a toy or another animal lies far from the mean of its class in the space of
  the reduced features, and drawings have flat areas besides. The limit was set by hand on a web collection of eleven
  species, by looking at 692 of its 5,370 pictures: of the 302 beyond it, 85 % were no photograph of their class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml import reduction
from ml.arrays import Floats, Ints, Pixels

DROP = "drop"
"""What is suggested where no class fits."""

STRANGE = -0.1
"""A picture is strange where 0.4 · flatness - likeness is above."""
_FLAT_WEIGHT = 0.4
_NARROW = 0.05  # a label that is ahead by less is in doubt as well
_FITS = 0.5  # probability of a class that is suggested
_SURELY_STRANGE = 0.95
_EVEN = 3  # levels between neighbours: below, an area is flat
_NIGHT = 20  # level below which it is the black of a night, which says nothing
_DIMENSIONS = 200  # of each backbone
_STRENGTH = 10.0  # C of the logistic regression: best log-loss out of fold on two collections


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of pictures without having learned from their labels; arrays over the pictures."""

    log_probabilities: Floats  # (n, classes)
    likeness: Floats  # (n, classes) cosine to the mean of the class's other pictures, -1…1
    flatness: Floats  # (n,) share of the picture that has no texture at all


@dataclass(frozen=True, slots=True)
class Suspect:
    """A picture whose label, or which itself, looks wrong."""

    place: int
    label: str
    suggested: str  # a class, or ``DROP``
    confidence: float  # 0…1
    reason: str


def suspects(evidence: Evidence, labels: Ints, classes: Sequence[str]) -> list[Suspect]:
    """Give the pictures whose label (n,), a place in ``classes``, looks wrong; the surest first."""
    rows = np.arange(len(labels))
    probabilities = np.exp(evidence.log_probabilities)
    above = probabilities - _thresholds(probabilities, labels)
    others = above.copy()
    others[rows, labels] = -np.inf
    rivals = others.argmax(axis=1)
    doubted = above[rows, labels] - others.max(axis=1) < _NARROW
    strangeness = _FLAT_WEIGHT * evidence.flatness[:, None] - evidence.likeness
    found = []
    for place in np.flatnonzero(doubted | (strangeness[rows, labels] > STRANGE)).tolist():
        rival, strange = int(rivals[place]), strangeness[place]
        if doubted[place] and probabilities[place, rival] >= _FITS and strange[rival] <= STRANGE:
            found.append(_relabelled(place, probabilities[place], int(labels[place]), rival, classes))
        elif strange[labels[place]] > STRANGE:
            found.append(_strange(place, evidence, labels, classes))
        else:
            found.append(_undecided(place, probabilities[place], int(labels[place]), rival, classes))
    return sorted(found, key=lambda each: (-each.confidence, each.place))


def believed(
    log_probabilities: Floats, labels: Ints, *, relabel: float = 0.9, contradicted: float = 0.1, drop: float = 0.3
) -> tuple[Ints, NDArray[np.bool_]]:
    """Return labels (n,) to learn from, and which of them are trusted (n,), by out-of-fold log-probabilities.

    A label of at most ``contradicted`` gives way to a class of at least ``relabel``; of the others those below ``drop``
    are not trusted.
    """
    probabilities = np.exp(log_probabilities)
    own = probabilities[np.arange(len(labels)), labels]
    wrong = (own <= contradicted) & (probabilities.max(axis=1) >= relabel)
    return np.where(wrong, probabilities.argmax(axis=1), labels), wrong | (own >= drop)


def evidence(features: Sequence[Floats], flatness: Floats, labels: Ints, folds: Ints) -> Evidence:
    """Learn from all folds but one what is said of that one, from each backbone's pooled features (n, features).

    A multinomial logistic regression on the reduced features of all backbones side by side: it takes seconds, and its
    probabilities are calibrated well enough to be compared with thresholds.
    """
    from sklearn.linear_model import LogisticRegression

    likeness = np.zeros((len(labels), int(labels.max()) + 1))
    said = np.full_like(likeness, -np.inf)  # of a class that none of the other folds has
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        reductions = [reduction.fit(part[inside].astype(np.float32), dimensions=_DIMENSIONS) for part in features]
        reduced = np.concatenate([each(part) for each, part in zip(reductions, features, strict=True)], axis=1)
        model = LogisticRegression(C=_STRENGTH, max_iter=300, tol=1e-3).fit(reduced[inside], labels[inside])
        known = np.ix_(outside, model.classes_)
        said[known] = model.predict_log_proba(reduced[outside])
        means = np.stack([reduced[inside & (labels == label)].mean(axis=0) for label in model.classes_])
        likeness[known] = _unit(reduced[outside]) @ _unit(means).T
    return Evidence(said, likeness, flatness)


def flatness(pixels: Pixels) -> float:
    """Return the share of uint8 pixels (size, size, 3) that hardly differ from their right and lower neighbours.

    Black ones are not counted: they are a night more often than ink. Seen in green, which the other channels rarely
    depart from. About 0.05 in a photograph, 0.3 and more in a drawing.
    """
    green = pixels[..., 1].astype(np.int16)
    even = (np.abs(np.diff(green, axis=0))[:, :-1] < _EVEN) & (np.abs(np.diff(green, axis=1))[:-1] < _EVEN)
    return float((even & (green[:-1, :-1] >= _NIGHT)).mean())


def _thresholds(probabilities: Floats, labels: Ints) -> Floats:
    """Return each class's mean self-confidence (classes,)."""
    every = range(probabilities.shape[1])
    return np.array([probabilities[labels == label, label].mean() for label in every])


def _relabelled(place: int, probabilities: Floats, label: int, rival: int, classes: Sequence[str]) -> Suspect:
    reason = f"looks like {classes[rival]} ({probabilities[rival]:.2f}), {_labelled(probabilities, label, classes)}"
    return Suspect(place, classes[label], classes[rival], round(float(probabilities[rival]), 4), reason)


def _undecided(place: int, probabilities: Floats, label: int, rival: int, classes: Sequence[str]) -> Suspect:
    reason = f"undecided: {classes[rival]} ({probabilities[rival]:.2f}), {_labelled(probabilities, label, classes)}"
    return Suspect(place, classes[label], DROP, round(float(1 - probabilities[label]), 4), reason)


def _strange(place: int, evidence: Evidence, labels: Ints, classes: Sequence[str]) -> Suspect:
    """Say why; the confidence rises from 0.8 at the limit, as the share of wrong ones did where the limit was set."""
    label = labels[place]
    likeness, flat = evidence.likeness[place, label], evidence.flatness[place]
    usual = np.median(evidence.likeness[labels == label, label])
    reason = f"unlike the other pictures of {classes[label]} (likeness {likeness:.2f}, usual {usual:.2f})"
    if flat > -STRANGE / _FLAT_WEIGHT:
        reason += f", {flat:.0%} of it is flat, as in a drawing, an icon or a cut-out"
    beyond = _FLAT_WEIGHT * flat - likeness - STRANGE
    return Suspect(place, classes[label], DROP, round(float(min(0.8 + beyond, _SURELY_STRANGE)), 4), reason)


def _labelled(probabilities: Floats, label: int, classes: Sequence[str]) -> str:
    return f"labelled {classes[label]} ({probabilities[label]:.2f})"


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
