"""The rules that turn probabilities into a decision."""

import numpy as np
import pytest

from ml.decision import Decision, Thresholds, decide
from ml.labels import in_order

CLASSES = ("panda", "lion", "other", "person")
LIMITS = Thresholds(confidence=0.6, distance=0.5)


@pytest.mark.parametrize(
    ("probabilities", "distance", "decision", "label", "background"),
    [
        ((0.9, 0.05, 0.05, 0.0), 0.1, Decision.ANSWERED, "panda", None),
        ((0.6, 0.4, 0.0, 0.0), 0.5, Decision.ANSWERED, "panda", None),  # both thresholds are still good
        ((0.1, 0.2, 0.6, 0.1), 0.1, Decision.OTHER, "lion", "other"),
        ((0.1, 0.2, 0.1, 0.6), 0.1, Decision.OTHER, "lion", "person"),
        ((0.1, 0.2, 0.6, 0.1), 0.9, Decision.OTHER, "lion", "other"),  # before the distance is asked
        ((0.9, 0.05, 0.05, 0.0), 0.51, Decision.UNFAMILIAR, "panda", None),
        ((0.4, 0.3, 0.3, 0.0), 0.51, Decision.UNFAMILIAR, "panda", None),  # before the confidence is asked
        ((0.5, 0.3, 0.2, 0.0), 0.1, Decision.UNKNOWN, "panda", None),
    ],
)
def test_rules_are_asked_in_order(probabilities, distance, decision, label, background):
    """A background label goes first, then the distance, then the confidence; the best species is always named."""
    verdict = decide(np.array(probabilities), CLASSES, distance=distance, thresholds=LIMITS)
    assert (verdict.decision, verdict.label, verdict.background) == (decision, label, background)
    assert verdict.probability == max(probabilities[:2])


def test_labels_have_one_order():
    """Labels come out species first, whatever order they went in."""
    assert in_order(["other", "cheetah", "panda", "cheetah"]) == ("panda", "cheetah", "other")
    with pytest.raises(KeyError):
        in_order(["goat"])
