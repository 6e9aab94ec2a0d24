"""How far a picture is from everything in the training set: a cosine distance between reduced features.

The reduced features of all backbones, each scaled to length 1, are put side by side. Each class is summed up by a few
prototypes (k-means), and a picture's distance is the one to the nearest prototype of any class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class Familiar:
    """What the training set looks like."""

    prototypes: Floats  # float32 (prototypes, all dimensions), each of length 1; rounded to what float16 holds

    def distance(self, reduced: Sequence[Floats]) -> Floats:
        """Return the cosine distance (n,), 0 to 2, to the nearest prototype, from each backbone's (n, dimensions)."""
        nearest: Floats = (side_by_side(reduced) @ self.prototypes.T).max(axis=1)
        return 1 - nearest


def fit(reduced: Sequence[Floats], labels: Ints, *, prototypes: int, seed: int) -> Familiar:
    """Find at most ``prototypes`` of each class in training features (n, dimensions) each and class indices (n,)."""
    points = side_by_side(reduced)
    centres = [_centres(points[labels == label], prototypes, seed) for label in np.unique(labels)]
    return Familiar(_unit(np.concatenate(centres)).astype(np.float16).astype(np.float32))


def side_by_side(reduced: Sequence[Floats]) -> Floats:
    """Join the backbones' features to rows of length 1, so that none outweighs the others."""
    joined: Floats = np.concatenate([_unit(part.astype(np.float32)) for part in reduced], axis=1)
    return joined / np.float32(np.sqrt(len(reduced)))


def _centres(points: Floats, count: int, seed: int) -> Floats:
    from sklearn.cluster import KMeans

    count = min(count, len(np.unique(points, axis=0)))
    centres: Floats = KMeans(count, n_init=1, random_state=seed).fit(points).cluster_centers_
    return centres


def _unit(rows: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.maximum(lengths, 1e-12)
