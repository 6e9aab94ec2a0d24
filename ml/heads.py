"""The head on each frozen backbone: pooled features → reduction → Dense(h, relu; optional) → Dense(classes).

It is trained by Keras (``training/heads.py``) and run here in NumPy: the closed-form Grad-CAM needs its activations.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Floats
from ml.reduction import Reduction


@dataclass(frozen=True, slots=True)
class Dense:
    """One layer."""

    kernel: Floats  # float32 (inputs, outputs)
    bias: Floats  # float32 (outputs,)

    def __call__(self, inputs: Floats) -> Floats:
        """Return ``inputs @ kernel + bias``."""
        return inputs @ self.kernel + self.bias


@dataclass(frozen=True, slots=True)
class Head:
    """The layers of one head; without a hidden one it is linear."""

    reduction: Reduction
    hidden: Dense | None
    output: Dense


@dataclass(frozen=True, slots=True)
class Passed:
    """What one forward pass through a head leaves behind."""

    reduced: Floats  # (n, dimensions)
    logits: Floats  # (n, classes)
    active: NDArray[np.bool_] | None  # bool (n, h): which hidden units fired


def forward(head: Head, pooled: Floats) -> Passed:
    """Run ``head`` over ``pooled`` features (n, features)."""
    return behind_reduction(head, head.reduction(pooled))


def behind_reduction(head: Head, reduced: Floats) -> Passed:
    """Run what of ``head`` stands behind its reduction over ``reduced`` features (n, dimensions)."""
    if head.hidden is None:
        return Passed(reduced, head.output(reduced), None)
    before = head.hidden(reduced)
    return Passed(reduced, head.output(np.maximum(before, 0)), before > 0)


def pullback(head: Head, passed: Passed, by_logits: Floats) -> Floats:
    """Carry a gradient by the logits (n, classes) back to one by the pooled features (n, features)."""
    by_reduced = by_logits @ head.output.kernel.T
    if head.hidden is not None and passed.active is not None:
        by_reduced = (by_reduced * passed.active) @ head.hidden.kernel.T
    return by_reduced @ head.reduction.components.T


def log_softmax(logits: Floats) -> Floats:
    """Return the log-probabilities of ``logits`` along the last axis; finite whatever their size."""
    shifted: Floats = logits - logits.max(axis=-1, keepdims=True)
    total: Floats = np.exp(shifted).sum(axis=-1, keepdims=True)
    return shifted - np.log(total)
