"""The stack of the backbones' log-probabilities, and its temperature."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.heads import log_softmax
from ml.stacking import Stack, fit, plain_mean, temperature

CLASSES, BACKBONES = 4, 3


@pytest.fixture(scope="module")
def answers():
    """Log-probabilities of three backbones, of which the third is the best and the first takes class 0 for class 1."""
    random = np.random.default_rng(1)
    labels = random.integers(0, CLASSES, 400)
    logits = random.normal(size=(400, BACKBONES, CLASSES))
    logits[np.arange(400), :, labels] += np.array([0.5, 1.0, 3.0])
    logits[labels == 0, 0, 1] += 3
    return log_softmax(logits), labels


def cross_entropy(stack, log_probabilities, labels):
    return -stack.log_probabilities(log_probabilities)[np.arange(len(labels)), labels].mean()


def test_pulled_hard_it_is_the_plain_mean(answers):
    """With a penalty without bound the stack averages the backbones."""
    log_probabilities, _ = answers
    stacked = fit(*answers, strength=1e9).log_probabilities(log_probabilities)
    np.testing.assert_allclose(stacked, log_softmax(log_probabilities.mean(axis=1)), atol=1e-5)


def test_fitted_it_beats_the_plain_mean(answers):
    """On what it was fitted to, the stack has a smaller log-loss than the plain mean and than the best backbone."""
    log_probabilities, labels = answers
    fitted = cross_entropy(fit(*answers, strength=1e-3), log_probabilities, labels)
    assert fitted < cross_entropy(plain_mean(BACKBONES, CLASSES), log_probabilities, labels)
    assert fitted < -log_probabilities[np.arange(len(labels)), 2, labels].mean()


def test_the_fit_is_a_minimum(answers):
    """No small step away from the fitted weights lowers the penalised loss."""
    log_probabilities, labels = answers
    prior = plain_mean(BACKBONES, CLASSES).weights
    best = fit(*answers, strength=0.1)

    def loss(stack):
        penalty = ((stack.weights - prior) ** 2).sum() + (stack.bias**2).sum()
        return cross_entropy(stack, log_probabilities, labels) + 0.05 * penalty

    random = np.random.default_rng(2)
    for _ in range(20):
        step = random.normal(size=prior.shape) * 0.01
        assert loss(replace(best, weights=best.weights + step)) > loss(best)


@given(seed=st.integers(0, 2**32 - 1), overconfident=st.floats(0.2, 5))
def test_temperature_never_changes_the_answer(seed, overconfident):
    """Whatever the temperature, the most probable class stays, and the log-loss is no worse than without."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, 50)
    logits = random.normal(size=(50, CLASSES))
    logits[np.arange(50), labels] += 1
    logits *= overconfident
    stack = Stack(np.eye(CLASSES), np.zeros(CLASSES))
    cooled = replace(stack, temperature=temperature(logits, labels))
    inputs = logits[:, None, :]
    assert (cooled.log_probabilities(inputs).argmax(axis=1) == logits.argmax(axis=1)).all()
    assert cross_entropy(cooled, inputs, labels) <= cross_entropy(stack, inputs, labels) + 1e-6


def test_gradient_by_the_logits_is_right(answers):
    """The closed-form derivative of a stacked logit equals finite differences."""
    stack = fit(*answers, strength=0.01)
    logits = np.random.default_rng(3).normal(size=(2, BACKBONES, CLASSES))
    explained = np.array([1, 3])
    gradient = stack.pullback(log_softmax(logits), explained)
    for place in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[place] = 1e-6
        change = stack.logits(log_softmax(logits + step)) - stack.logits(log_softmax(logits - step))
        assert change[place[0], explained[place[0]]] / 2e-6 == pytest.approx(gradient[place], abs=1e-6)
