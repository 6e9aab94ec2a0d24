"""Small pictures for the tests of the watcher, with the EXIF a camera would write."""

import io
from datetime import UTC, datetime
from functools import cache

import numpy as np
from PIL import Image

from watcher.demo.world import SPECIES, Biome, draw_scene


@cache
def scene(seed):
    """One of the demo's drawings: its hashes behave as a photograph's do."""
    rng = np.random.default_rng(seed)
    return draw_scene(SPECIES[seed % len(SPECIES)], rng=rng, night=False, biome=Biome.SAVANNA, size=(320, 240))


def picture(seed=0, *, at=None, serial=None, quality=85, size=(320, 240), flat=False, tag=None):
    """The bytes of a small JPEG with its EXIF: a scene drawn from a seed, or one grey."""
    image = Image.new("RGB", (320, 240), (40, 40, 40)) if flat else scene(seed)
    return encoded(image.resize(size), at=at, serial=serial, quality=quality, tag=tag)


def encoded(image, *, at=None, serial=None, quality=85, tag=None):
    """The bytes of a JPEG with the EXIF a camera would write."""
    exif = Image.Exif()
    inner = exif.get_ifd(0x8769)
    if at is not None:
        inner[0x9003] = at.strftime("%Y:%m:%d %H:%M:%S")
    if serial is not None:
        inner[0xA431] = serial
    if tag is not None:
        exif[0x010E] = tag
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, exif=exif)
    return file.getvalue()


NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
