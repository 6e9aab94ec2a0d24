"""How sure a prediction is of itself: pure functions of its probabilities, kept beside it so that a query can sort."""

from collections.abc import Mapping
from typing import Any


def margin(prediction: Mapping[str, Any]) -> float:
    """Give how far the most probable class is ahead of the next, 0 to 1, by ``stacked``; 1 where there is one only."""
    first, *others = sorted(prediction["stacked"], reverse=True) or [1.0]
    return first - others[0] if others else 1.0


def disagreement(prediction: Mapping[str, Any]) -> float:
    """Give how far the backbones are from what they say together, 0 to 1.

    The mean over the backbones of the total variation distance between ``probabilities`` of one and ``stacked``.
    """
    said, together = prediction["probabilities"].values(), prediction["stacked"]
    distances = [sum(abs(p - q) for p, q in zip(one, together, strict=True)) / 2 for one in said]
    return sum(distances) / len(distances) if distances else 0.0
