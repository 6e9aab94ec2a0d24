"""The door of the room: everything that is known of a picture from its bytes alone."""

import hashlib
import warnings
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import simplejpeg
from PIL import Image

from ml.images.decode import MAX_PIXELS, Integrity, decode
from ml.images.exif import Camera, Captured, JsonValue, read_tags
from ml.images.fingerprint import encoding_signature, perceptual_hash, picture_hash, upright
from ml.images.light import light

_KEPT_QUALITY = 95
# Pictures are decoded to at least this many pixels a side, more than any kept size in use,
# so that the perceptual hash does not depend on the size that is kept.
_WORKING_SIZE = 512


@dataclass(frozen=True, slots=True)
class Picture:
    """The facts of one file; texts are free of NUL bytes and surrogates, hashes are lower-case hexadecimal."""

    sha256: str
    picture_hash: str
    phash: str
    flat: bool
    format: str
    width: int
    height: int
    orientation: int
    bytes: int
    encoding: str
    integrity: Integrity
    captured: Captured
    camera: Camera
    exif: dict[str, JsonValue]
    brightness: float  # mean luminance of the kept picture, from 0 to 1
    infrared: bool


@dataclass(frozen=True, slots=True)
class Examined:
    """The facts, and the kept picture as the bytes of a JPEG."""

    picture: Picture
    kept: bytes


def examine(data: bytes, *, size: int, now: datetime, max_pixels: int = MAX_PIXELS) -> Examined:
    """Check, decode and describe the picture in ``data``.

    The kept picture is the whole frame, upright, squashed to ``size`` × ``size`` RGB, transparency on white.
    ``width`` and ``height`` are those stored, before the orientation turns them. ``now`` (aware) says which capture
    times lie in the future. Raises ``Unreadable`` where the fault is the file's. It mutes Python's warnings while it
    runs, process-wide, so two threads of one process should not examine at once.
    """
    with warnings.catch_warnings():
        # Pillow warns of every oddity in EXIF; what cannot be read is left out here, and the rest is judged here.
        warnings.simplefilter("ignore")
        decoded = decode(data, at_least=max(size, _WORKING_SIZE), max_pixels=max_pixels)
        tags = read_tags(decoded.exif, now)
        phash, flat = perceptual_hash(decoded.pixels, tags.orientation)
        square = _square(decoded.pixels, tags.orientation, size)
        lit = light(square)
        picture = Picture(
            sha256=hashlib.sha256(data).hexdigest(),
            picture_hash=picture_hash(data, decoded),
            phash=phash,
            flat=flat,
            format=decoded.format,
            width=decoded.width,
            height=decoded.height,
            orientation=tags.orientation,
            bytes=len(data),
            encoding=encoding_signature(data, decoded),
            integrity=decoded.integrity,
            captured=tags.captured,
            camera=tags.camera,
            exif=tags.exif,
            brightness=lit.brightness,
            infrared=lit.infrared,
        )
        return Examined(picture, encoded(square))


def kept_pixels(jpeg: bytes) -> np.ndarray:
    """Decode a kept picture: uint8 RGB of shape (size, size, 3). Raises ``ValueError`` if the bytes are damaged."""
    pixels: np.ndarray = simplejpeg.decode_jpeg(jpeg, "RGB")
    return pixels


def _square(pixels: Image.Image, orientation: int, size: int) -> np.ndarray:
    # Squashed before it is turned: the same picture, and turning a small square costs nothing.
    return np.asarray(upright(pixels.resize((size, size), Image.Resampling.LANCZOS), orientation))


def encoded(square: np.ndarray) -> bytes:
    """Encode a picture that is kept: uint8 RGB of shape (size, size, 3), as a JPEG."""
    # 4:4:4, since a species' colours at this size are a few pixels wide.
    kept: bytes = simplejpeg.encode_jpeg(square, _KEPT_QUALITY, "RGB", "444")
    return kept
