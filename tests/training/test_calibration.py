import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from training.judging.calibration import BINS, coverage_at, ece, reliability, risk_coverage


def answers_of(confidence):
    """Two classes: the first is answered with so much confidence."""
    return np.log(np.stack([confidence, 1 - confidence], axis=1))


@given(st.integers(0, 2**32 - 1), st.integers(1, 400))
@settings(max_examples=50, deadline=None)
def test_the_bins_are_those_of_scikit_learn(seed, n):
    """The calibration curve is scikit-learn's, and the error the mean distance to the diagonal, by pictures."""
    chance = np.random.default_rng(seed)
    confidence = chance.uniform(0.51, 0.999, n)
    right = chance.random(n) < confidence
    bins = reliability(answers_of(confidence), np.where(right, 0, 1))
    accuracies, confidences = calibration_curve(right, confidence, n_bins=BINS)
    assert [each.accuracy for each in bins] == pytest.approx(accuracies)
    assert [each.confidence for each in bins] == pytest.approx(confidences)
    apart = sum(each.pictures * abs(each.accuracy - each.confidence) for each in bins) / n
    assert ece(answers_of(confidence), np.where(right, 0, 1)) == pytest.approx(apart)


def test_an_answer_that_means_what_it_says_has_no_error():
    """Three of four right at 75 %: nothing is off. Sure and always wrong: everything."""
    assert ece(answers_of(np.full(4, 0.75)), np.array([0, 0, 0, 1])) == pytest.approx(0)
    assert ece(answers_of(np.full(4, 1 - 1e-12)), np.ones(4, int)) == pytest.approx(1)


def test_the_surest_are_answered_first():
    """Risk and coverage by hand: right, wrong, right, in the order of confidence."""
    curve = risk_coverage(np.array([0.5, 0.9, 0.7]), np.array([True, True, False]))
    assert curve.coverage == pytest.approx([1 / 3, 2 / 3, 1])
    assert curve.risk == pytest.approx([0, 1 / 2, 1 / 3])
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)


def test_as_many_are_answered_as_the_precision_allows():
    """All where two thirds are enough, the surest alone where all must be right, none where that is wrong."""
    curve = risk_coverage(np.array([0.5, 0.9, 0.7]), np.array([True, True, False]))
    assert [coverage_at(curve, precision) for precision in (2 / 3, 0.99)] == pytest.approx([1, 1 / 3])
    assert coverage_at(risk_coverage(np.array([0.9]), np.array([False])), 0.5) == 0


@given(st.integers(0, 2**32 - 1), st.integers(2, 100))
@settings(max_examples=50, deadline=None)
def test_no_order_is_better_than_the_one_that_knows_the_mistakes(seed, n):
    """The area is least where every right answer is surer than every wrong one, and greatest the other way round."""
    chance = np.random.default_rng(seed)
    right, confidence = chance.random(n) < 0.7, chance.random(n)
    best, worst = (risk_coverage(each, right).area for each in (right * 1.0, 1.0 - right))
    assert best <= risk_coverage(confidence, right).area <= worst
