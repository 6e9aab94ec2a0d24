"""Grad-CAM in closed form, and the picture that shows it.

Behind the explained map of a backbone stand only an average over its places and a head, so the gradient of a class
logit needs the head alone: no backward pass, no second forward. Logits are explained, never softmax outputs (through
the softmax it is another map), and for the ensemble the stacked logit: the maps add up before the one ReLU.
"""

from collections.abc import Sequence

import numpy as np
import simplejpeg
from PIL import Image

from ml.arrays import Floats, Pixels

# From violet over red and orange to yellow: lightness rises evenly, also in grey print.
_ANCHORS = np.array([(87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 214, 50)], np.float32)
_LEVELS = np.linspace(0, 1, 256)
_COLOURS = np.stack([np.interp(3 * _LEVELS, range(4), channel) for channel in _ANCHORS.T], axis=1)
_PALETTE = _COLOURS.round().astype(np.uint8).tobytes()
_STRONGEST = 0.55  # share of colour where the heat is greatest: the animal under it stays visible
# Smooth step: weak heat leaves the picture as it is.
_SHARES = (255 * _STRONGEST * _LEVELS**2 * (3 - 2 * _LEVELS)).round().astype(int).tolist()
_QUALITY = 85


def heatmaps(maps: Sequence[Floats], by_pooled: Sequence[Floats]) -> Floats:
    """Explain a batch: float32 (n, h, w), each map 0 to 1, all zero where nothing speaks for the class.

    From each backbone's map (n, h_b, w_b, features) and the gradient of the explained logit by its pooled features
    (n, features). All are brought to the largest (h, w) of them.
    """
    size = max(part.shape[1:3] for part in maps)
    total = np.zeros((len(maps[0]), *size), np.float32)
    for part, gradient in zip(maps, by_pooled, strict=True):
        places = part.shape[1] * part.shape[2]
        total += _enlarged(np.einsum("nhwk,nk->nhw", part, gradient / places, optimize=True), size)
    positive = np.maximum(total, 0)
    peak: Floats = positive.max(axis=(1, 2), keepdims=True)
    return positive / np.where(peak > 0, peak, 1)


def _enlarged(maps: Floats, size: tuple[int, int]) -> Floats:
    """Resize (n, h, w) bilinearly, pixel centres kept in place."""
    rows, columns = (_bilinear(*axis) for axis in zip(maps.shape[1:], size, strict=True))
    enlarged: Floats = rows @ maps @ columns.T
    return enlarged


def _bilinear(old: int, new: int) -> Floats:
    """Return the matrix (new, old) that resizes one axis."""
    centres = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    weights: Floats = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(old)))
    return weights.astype(np.float32)


def overlay(pixels: Pixels, heatmap: Floats) -> bytes:
    """Lay ``heatmap`` (h, w) 0 to 1 over ``pixels`` uint8 (H, W, 3): a JPEG, coloured only where the heat is."""
    picture = Image.fromarray(pixels)
    heat = Image.fromarray((heatmap * 255).round().astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)
    shares = heat.point(_SHARES)
    heat.putpalette(_PALETTE)
    blended = np.asarray(Image.composite(heat.convert("RGB"), picture, shares))
    jpeg: bytes = simplejpeg.encode_jpeg(blended, _QUALITY, "RGB", "420")
    return jpeg
