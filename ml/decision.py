"""What a probability vector is taken to mean: one pure function, its rules numbered."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ml.arrays import Floats
from ml.labels import BACKGROUND


class Decision(StrEnum):
    """How sure the model is of its label; whether the animal can live at the station is the ledger's to say."""

    ANSWERED = "answered"
    OTHER = "other"  # a background label is the most probable
    UNFAMILIAR = "unfamiliar"  # far from everything in the training set
    UNKNOWN = "unknown"  # below the confidence threshold


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Both come from the training folds and travel with the model."""

    confidence: float  # least stacked probability of an answer, 0..1
    distance: float  # greatest cosine distance to a prototype of the training set, 0..2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided of one picture."""

    decision: Decision
    label: str  # the most probable species, whatever the decision
    probability: float  # its stacked probability
    background: str | None  # the most probable background label where the decision is ``other``


def decide(probabilities: Floats, classes: Sequence[str], *, distance: float, thresholds: Thresholds) -> Verdict:
    """Decide of one picture from its stacked ``probabilities`` (classes,) and its ``distance``."""
    best = classes[int(np.argmax(probabilities))]
    species = [place for place, name in enumerate(classes) if name not in BACKGROUND]
    top = max(species, key=lambda place: probabilities[place])
    label, probability = classes[top], float(probabilities[top])
    # 1. None of the eleven is the best answer, however near or sure.
    if best in BACKGROUND:
        return Verdict(Decision.OTHER, label, probability, best)
    # 2. A probability means nothing far from what it was learned on.
    if distance > thresholds.distance:
        return Verdict(Decision.UNFAMILIAR, label, probability, None)
    # 3. Less sure than the stated precision asks for.
    if probability < thresholds.confidence:
        return Verdict(Decision.UNKNOWN, label, probability, None)
    # 4. Only now it is an answer.
    return Verdict(Decision.ANSWERED, label, probability, None)
