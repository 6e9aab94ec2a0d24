"""Whether a map shows what the answer hangs on: deletion and insertion (Petsiuk et al. 2018, RISE).

The most important places are taken away first (deletion: the probability should fall soon) or given back first to a
blurred picture (insertion: it should rise soon). A score is the area under that curve.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageFilter

from ml.arrays import Floats, Ints, Pixels

Predict: TypeAlias = Callable[[Pixels], Floats]
"""Pixels uint8 (n, size, size, 3) → probabilities (n, classes)."""

_STEPS = 10
_GREY = 127
_BLUR = 1 / 20  # of the side: enough that no animal is left to be seen


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """The scores of one kind of map; arrays (n,) over the pictures, 0..1."""

    deletion: Floats  # the lower the better
    insertion: Floats  # the higher the better


def faithfulness(predict: Predict, pixels: Pixels, maps: Floats, explained: Ints) -> Faithfulness:
    """Score ``maps`` (n, h, w) of ``pixels`` (n, size, size, 3) for the class indices ``explained`` (n,)."""
    rows = [_areas(predict, *each) for each in zip(pixels, maps, explained.tolist(), strict=True)]
    deletion, insertion = np.array(rows).T
    return Faithfulness(deletion, insertion)


def random_maps(maps: Floats, *, seed: int) -> Floats:
    """Return smooth random maps of the shape (n, h, w) of ``maps``: what a map is worth that knows nothing."""
    from scipy.ndimage import gaussian_filter

    drawn: Floats = np.random.default_rng(seed).normal(size=maps.shape)
    smooth: Floats = gaussian_filter(drawn, sigma=(0, 1, 1))
    return smooth


def _areas(predict: Predict, picture: Pixels, heat: Floats, explained: int) -> tuple[float, float]:
    ranks = _ranks(heat, len(picture))
    blurred = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(_BLUR * len(picture))))
    shares = np.linspace(0, 1, _STEPS + 1)
    taken = [ranks < share for share in shares]
    deleted = [np.where(gone[..., None], np.uint8(_GREY), picture) for gone in taken]
    inserted = [np.where(given[..., None], picture, blurred) for given in taken]
    probability = predict(np.stack(deleted + inserted))[:, explained]
    return tuple(float(np.trapezoid(part, shares)) for part in np.split(probability, 2))  # type: ignore[return-value]


def _ranks(heat: Floats, size: int) -> Floats:
    """Return for each pixel (size, size) which share of them is hotter, 0 to below 1."""
    enlarged = Image.fromarray(heat.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
    order = np.argsort(-np.asarray(enlarged), axis=None, kind="stable")
    ranks = np.empty(order.size)
    ranks[order] = np.arange(order.size) / order.size
    return ranks.reshape(size, size)
