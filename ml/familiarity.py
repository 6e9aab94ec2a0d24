"""How far a picture is from everything in the training set: a cosine distance in a reduced feature space.

The pooled features of all backbones, each scaled to length 1, are put side by side, centred and projected on their
principal components: the same reduced features that a model stores of its training set. Each class is summed up by
a few prototypes (k-means), and a picture's distance is the one to the nearest prototype of any class.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class Familiar:
    """The reduced space and the prototypes in it."""

    mean: Floats  # float32 (all features,)
    components: Floats  # float32 (all features, dimensions), rounded to what float16 holds: so they are stored
    prototypes: Floats  # float32 (prototypes, dimensions), each of length 1

    def reduce(self, pooled: Sequence[Floats]) -> Floats:
        """Reduce the pooled features of each backbone, (n, features) each, to float32 (n, dimensions)."""
        return (side_by_side(pooled) - self.mean) @ self.components

    def distance(self, pooled: Sequence[Floats]) -> Floats:
        """Return the cosine distance (n,), 0 to 2, to the nearest prototype."""
        nearest: Floats = (_unit(self.reduce(pooled)) @ self.prototypes.T).max(axis=1)
        return 1 - nearest


def fit(pooled: Sequence[Floats], labels: Ints, *, dimensions: int, prototypes: int, seed: int) -> Familiar:
    """Learn the space and the prototypes from training features (n, features) each and class indices (n,)."""
    from sklearn.decomposition import PCA

    joined = side_by_side(pooled)
    pca = PCA(min(dimensions, *joined.shape), random_state=seed).fit(joined)
    components = pca.components_.T.astype(np.float16).astype(np.float32)
    space = Familiar(pca.mean_, components, np.empty((0, 0), np.float32))
    reduced = _unit(space.reduce(pooled))
    centres = [_centres(reduced[labels == label], prototypes, seed) for label in np.unique(labels)]
    return replace(space, prototypes=_unit(np.concatenate(centres)))


def side_by_side(pooled: Sequence[Floats]) -> Floats:
    """Scale each backbone's features to length 1 and join them, so that none outweighs the others."""
    return np.concatenate([_unit(part.astype(np.float32)) for part in pooled], axis=1)


def _centres(points: Floats, count: int, seed: int) -> Floats:
    from sklearn.cluster import KMeans

    count = min(count, len(np.unique(points, axis=0)))
    centres: Floats = KMeans(count, n_init=4, random_state=seed).fit(points).cluster_centers_
    return centres


def _unit(rows: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.maximum(lengths, 1e-12)
