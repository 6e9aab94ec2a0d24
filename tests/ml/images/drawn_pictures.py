"""Pictures drawn for the tests of ``ml.images``, and the EXIF put into them."""

import io

import numpy as np
from PIL import Image
from PIL.Image import Exif


def scene(seed=0, width=400, height=300, *, animal=None):
    """A landscape of soft shapes with a little grain, and a small dark animal at ``animal`` (x, y)."""
    rng = np.random.default_rng(seed)
    soft = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((width, height), Image.BICUBIC)
    pixels = np.asarray(soft).astype(int) + rng.integers(-6, 7, (height, width, 1))
    if animal is not None:
        x, y = animal
        pixels[y : y + height // 10, x : x + width // 10] = 25
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def encoded(image, kind="JPEG", **options):
    """The bytes of a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(at="2026:05:04 03:02:01", **fields):
    """EXIF with a capture time; ``fields`` are tag numbers as ``t0x0112=6``, those from 0x9000 on in the EXIF IFD."""
    block = Exif()
    inner = block.get_ifd(0x8769)
    if at is not None:
        inner[0x9003] = at
    for name, value in fields.items():
        tag = int(name[1:], 16)
        (inner if tag >= 0x9000 else block)[tag] = value
    return block


def segment(marker, body):
    """One JPEG segment."""
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body


def with_segment(jpeg, marker, body):
    """The JPEG with one more segment behind its first marker."""
    return jpeg[:2] + segment(marker, body) + jpeg[2:]
