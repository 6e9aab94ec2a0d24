"""What a model keeps of each picture it was trained and tested on, so that it can be retrained when those are gone.

Reduced features are kept as bytes, each dimension with a scale of its own: a 255th of its range is far less than what
two photographs of one animal differ by.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats, Ints
from ml.artifacts import Model, features
from training.dataset import Example

_STEPS = 127


@dataclass(frozen=True, slots=True)
class Rows:
    """All pictures of one model; arrays over them."""

    features: list[Floats]  # of each backbone, reduced, float32 (n, the first dimensions)
    labels: Ints  # (n,) places in the model's classes
    folds: Ints  # (n,) -1: held out
    groups: Ints  # (n,)
    contents: list[str]  # sha256 of each file
    phashes: list[str]
    unseen: Floats  # (n, classes): the stack's log-probabilities when it had not seen the picture


def read(model: Model) -> Rows:
    """Read the rows of ``model``; raises ``ArtifactError`` where they are damaged."""
    stored = features(model)
    return Rows(
        [stored[f"reduced.{name}"].astype(np.float32) * stored[f"scale.{name}"] for name in model.card.backbones],
        stored["label"].astype(np.intp),
        stored["fold"].astype(np.intp),
        stored["group"].astype(np.intp),
        [bytes(row).hex() for row in stored["sha256"]],
        [bytes(row).hex() for row in stored["phash"]],
        stored["unseen"].astype(np.float32),
    )


def tensors(rows: Rows, backbones: Sequence[str]) -> dict[str, np.ndarray]:
    """Return what ``read`` reads, as it is stored."""
    stored: dict[str, np.ndarray] = {
        "label": rows.labels.astype(np.uint8),
        "fold": rows.folds.astype(np.int8),
        "group": rows.groups.astype(np.int32),
        "sha256": _bytes(rows.contents),
        "phash": _bytes(rows.phashes),
        "unseen": rows.unseen.astype(np.float16),
    }
    for name, part in zip(backbones, rows.features, strict=True):
        scale = np.maximum(np.abs(part).max(axis=0), 1e-12) / _STEPS
        stored[f"scale.{name}"] = scale.astype(np.float32)
        stored[f"reduced.{name}"] = np.rint(part / scale).astype(np.int8)
    return stored


def hashes(examples: Sequence[Example]) -> tuple[list[str], list[str]]:
    """Return the sha256 and the perceptual hash of each example."""
    return [each.picture.sha256 for each in examples], [each.picture.phash for each in examples]


def _bytes(digests: Sequence[str]) -> np.ndarray:
    return np.array([list(bytes.fromhex(each)) for each in digests], np.uint8).reshape(len(digests), -1)
