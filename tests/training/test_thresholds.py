"""The confidence threshold keeps its promise on the pictures it was chosen from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.thresholds import LEAST_CONFIDENCE, confidence, distance

CLASSES = ("panda", "lion", "other")


@given(seed=st.integers(0, 10_000), precision=st.floats(0.5, 0.99))
def test_of_the_answers_above_it_the_stated_share_is_right(seed, precision):
    """At the threshold the precision is at least what was asked for, and no lower threshold has it."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.4, 0.4, 0.4], 200)
    labels = np.array([random.choice(3, p=row) for row in probabilities])
    limit = confidence(probabilities, labels, CLASSES, precision=precision)

    best, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)

    def share_right(threshold):
        answered = (best < 2) & (sure >= threshold)
        return (best == labels)[answered].mean() if answered.any() else 1

    assert limit >= LEAST_CONFIDENCE
    assert share_right(limit) >= precision
    lower = sure[(best < 2) & (sure < limit) & (sure >= LEAST_CONFIDENCE)]
    assert all(share_right(each) < precision for each in lower)


def test_hopeless_pictures_are_not_answered():
    """Where even the surest answers are wrong, the threshold is one that nothing reaches."""
    assert confidence(np.array([[0.9, 0.1, 0.0]] * 5), np.ones(5, int), CLASSES, precision=0.9) == 1.0


def test_the_distance_lets_the_stated_share_pass():
    """Of the species rightly named that share is familiar, however far background and wrong answers lie."""
    distances = np.random.default_rng(0).uniform(0, 1, 1000)
    probabilities = np.tile([0.8, 0.1, 0.1], (1000, 1))
    far = np.full(300, 2.0)
    limit = distance(
        np.r_[distances, far, far],
        np.r_[probabilities, probabilities[:300], np.tile([0.1, 0.1, 0.8], (300, 1))],
        np.r_[np.zeros(1000, int), np.ones(300, int), np.full(300, 2)],
        CLASSES,
        familiar=0.98,
    )
    assert (distances <= limit).mean() == pytest.approx(0.98, abs=0.002)
