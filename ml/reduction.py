"""Pooled features in fewer dimensions, in which heads are trained, pictures compared and a training set stored.

Standardised, projected on the principal components and scaled to unit variance as a whole, not one by one: the
components keep their proportions, which is what a penalty on a head's weights needs.
"""

from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats


@dataclass(frozen=True, slots=True)
class Reduction:
    """``(pooled - mean) @ components``."""

    mean: Floats  # float32 (features,)
    components: Floats  # float32 (features, dimensions), rounded to what float16 holds: so they are stored

    def __call__(self, pooled: Floats) -> Floats:
        """Reduce pooled features (…, features) to float32 (…, dimensions)."""
        reduced: Floats = (pooled - self.mean) @ self.components
        return reduced


_LEAST_VARIANCE = 1e-3  # a feature that hardly ever fires is not blown up


def fit(pooled: Floats, *, dimensions: int) -> Reduction:
    """Learn the reduction from pooled features (n, features); at most ``dimensions`` and what the rows span."""
    rows = pooled.astype(np.float32)
    mean, deviation = rows.mean(axis=0), np.sqrt(rows.var(axis=0) + _LEAST_VARIANCE)
    standard = (rows - mean) / deviation
    variances, axes = np.linalg.eigh((standard.T @ standard / len(standard)).astype(np.float64))
    kept = np.argsort(-variances)[: min(dimensions, *rows.shape)]
    scale = np.sqrt(variances[kept].sum()) or 1.0
    components = axes[:, kept] / deviation[:, None] / scale
    return Reduction(mean, components.astype(np.float16).astype(np.float32))
