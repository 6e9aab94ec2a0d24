"""A part of a picture, cut out of the file itself: an animal in a box has more pixels there than in what is kept."""

import warnings
from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np
from PIL import Image

from ml.images.decode import decode
from ml.images.fingerprint import upright
from ml.images.picture import encoded

MARGIN = 0.1  # of the box's longer side, on each side: what is around an animal helps to tell what it is
LEAST = 0.02  # of a picture's side: no box is smaller
Box = tuple[float, float, float, float]  # left, top, width and height as fractions of the upright picture


def crops(data: bytes, boxes: Sequence[Box], *, orientation: int, size: int, max_pixels: int) -> Iterator[bytes]:
    """Cut boxes out of the picture in ``data`` one by one: each a JPEG of ``size`` × ``size`` RGB pixels, upright.

    A crop is square, so that nothing is squashed, but where that would be larger than the picture: see `crop_span`.
    ``orientation`` is that of the picture's EXIF (1 to 8), by which the boxes' upright picture is told.
    Raises ``Unreadable`` where the fault is the file's. It mutes Python's warnings while it runs, as ``examine`` does.
    """
    longest = min(max(LEAST, width, height) for _, _, width, height in boxes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decoded = decode(data, at_least=ceil(size / longest), max_pixels=max_pixels)
        picture = upright(decoded.pixels, orientation)
    for box in boxes:
        span = crop_span(box, picture.width, picture.height)
        yield encoded(np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS, box=span)))


def crop_span(box: Box, width: int, height: int) -> tuple[float, float, float, float]:
    """Give left, top, right and bottom, in pixels, of what is cut out for a box of a picture of ``width`` × ``height``.

    It is a square around the box's middle, wider than its longer side by a margin, moved to where it lies inside the
    picture; where it is larger than that, it ends with it.
    """
    left, top, across, down = box
    side = max(across * width, down * height, LEAST * max(width, height)) * (1 + 2 * MARGIN)
    begin, end = _within((left + across / 2) * width, side, width)
    upper, lower = _within((top + down / 2) * height, side, height)
    return begin, upper, end, lower


def _within(middle: float, side: float, length: int) -> tuple[float, float]:
    side = min(side, length)
    begin = min(max(0.0, middle - side / 2), length - side)
    return begin, begin + side
