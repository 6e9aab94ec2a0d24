"""The stack: one multinomial logistic regression over the log-probabilities of all backbones, then a temperature.

scikit-learn can pull coefficients only towards zero, which here is the uniform answer. With few pictures the best
guess is the plain mean of the backbones' log-probabilities, so the penalty pulls towards that, and the fit is our own.
"""

from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats, Ints
from ml.heads import log_softmax


@dataclass(frozen=True, slots=True)
class Stack:
    """Its log-probabilities are ``log_softmax((inputs @ weights + bias) / temperature)``."""

    weights: Floats  # float64 (backbones * classes, classes), the backbones one below the other
    bias: Floats  # float64 (classes,)
    temperature: float = 1.0

    def logits(self, log_probabilities: Floats) -> Floats:
        """Stacked logits (n, classes), before the temperature, from log-probabilities (n, backbones, classes)."""
        flat = log_probabilities.reshape(len(log_probabilities), len(self.weights))
        return flat @ self.weights + self.bias

    def log_probabilities(self, log_probabilities: Floats) -> Floats:
        """Stacked log-probabilities (n, classes), after the temperature."""
        return log_softmax(self.logits(log_probabilities) / self.temperature)

    def pullback(self, log_probabilities: Floats, explained: Ints) -> Floats:
        """Return d(stacked logit of each row's ``explained`` class) / d(logits of each backbone).

        From log-probabilities (n, backbones, classes) and class indices (n,); the result is (n, backbones, classes):
        with S the backbone's block of weights and p its probabilities, ``S[:, c] - p * S[:, c].sum()``.
        """
        _, backbones, classes = log_probabilities.shape
        by_input: Floats = self.weights.reshape(backbones, classes, classes)[:, :, explained].transpose(2, 0, 1)
        total: Floats = by_input.sum(axis=-1, keepdims=True)
        return by_input - np.exp(log_probabilities) * total


def plain_mean(backbones: int, classes: int) -> Stack:
    """Return the stack that averages: what a fit is pulled towards, and what remains without a fit."""
    return Stack(np.tile(np.eye(classes) / backbones, (backbones, 1)), np.zeros(classes))


def fit(log_probabilities: Floats, labels: Ints, *, strength: float) -> Stack:
    """Fit a stack to out-of-fold log-probabilities (n, backbones, classes) and class indices (n,).

    Minimises mean cross-entropy + ``strength`` / 2 · ‖weights − plain mean‖². Convex, so the result is unique.
    """
    n, backbones, classes = log_probabilities.shape
    inputs = log_probabilities.reshape(n, -1).astype(np.float64)
    prior = plain_mean(backbones, classes).weights
    wanted = np.eye(classes)[labels]

    def loss_and_gradient(flat: Floats) -> tuple[float, Floats]:
        weights, bias = flat[:-classes].reshape(prior.shape), flat[-classes:]
        outputs = log_softmax(inputs @ weights + bias)
        error = (np.exp(outputs) - wanted) / n
        away = weights - prior
        loss = -(outputs * wanted).sum() / n + strength / 2 * (away**2).sum() + strength / 2 * (bias**2).sum()
        gradient = np.concatenate([(inputs.T @ error + strength * away).ravel(), error.sum(axis=0) + strength * bias])
        return float(loss), gradient

    from scipy.optimize import minimize  # a third of a second, which short commands would wait for

    start = np.concatenate([prior.ravel(), np.zeros(classes)])
    found = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000}).x
    return Stack(found[:-classes].reshape(prior.shape), found[-classes:])


def temperature(logits: Floats, labels: Ints) -> float:
    """Return the temperature, 1/20 to 20, at which ``logits`` (n, classes) give ``labels`` the least cross-entropy."""
    rows = np.arange(len(labels))

    def cross_entropy(log_t: float) -> float:
        return -float(log_softmax(logits / np.exp(log_t))[rows, labels].mean())

    from scipy.optimize import minimize_scalar

    return float(np.exp(minimize_scalar(cross_entropy, bounds=(-np.log(20), np.log(20)), method="bounded").x))
