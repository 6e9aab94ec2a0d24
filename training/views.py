"""The augmentation views: what else a camera might have made of the same scene.

Backbones are frozen, so a view is computed once for a picture and kept; chance is drawn from the picture's content,
which makes a view the same in every run. ``plain`` is the picture as it will be answered.
"""

import hashlib
import io
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ml.arrays import Pixels

PLAIN = "plain"
View: TypeAlias = Callable[[Image.Image, np.random.Generator], Image.Image]

_CROP = (0.55, 0.9)  # side of the part that is kept
_SMALL = (0.35, 0.7)  # side of the scene in the widened frame
_STRIP = (0.05, 0.12)  # height of the burnt-in strip
_QUALITY = (25, 60)  # of the JPEG that a poor link leaves


def view(name: str, pixels: Pixels, content: str) -> Pixels:
    """Return the view ``name`` of ``pixels`` uint8 (size, size, 3), in the same shape, of the picture ``content``."""
    if name == PLAIN:
        return pixels
    seed = int.from_bytes(hashlib.sha256(f"{content} {name}".encode()).digest()[:8])
    seen = VIEWS[name](Image.fromarray(pixels), np.random.default_rng(seed))
    return np.asarray(seen.convert("RGB"))


def _plain(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    return picture


def _mirror(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _crop(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Show a part of it, as if the animal stood nearer; mirrored in half of the cases."""
    size = picture.width
    width, height = (chance.uniform(*_CROP, 2) * size).astype(int).tolist()
    left, top = int(chance.uniform(0, size - width)), int(chance.uniform(0, size - height))
    part = picture.resize((size, size), Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    return _mirror(part, chance) if chance.random() < 0.5 else part  # noqa: PLR2004


def _small(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Set it, smaller, into its own blurred surroundings, as if the animal stood far away."""
    size = picture.width
    side = int(chance.uniform(*_SMALL) * size)
    left, top = chance.integers(0, size - side, 2).tolist()
    reflected = np.pad(
        np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS)),
        ((top, size - side - top), (left, size - side - left), (0, 0)),
        mode="symmetric",
    )
    frame = Image.fromarray(reflected).filter(ImageFilter.GaussianBlur(size / 40))
    frame.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (left, top))
    return frame


def _infrared(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Make it grey, lit by a flash from the middle, with the noise of a small sensor at night."""
    size = picture.width
    grey = np.asarray(picture.convert("L"), np.float32) / 255
    rows, columns = np.mgrid[0:size, 0:size] / size - 0.5
    flash = 1 - chance.uniform(0.5, 1.6) * (rows**2 + columns**2)
    lit = np.clip(grey, 0, 1) ** chance.uniform(0.6, 1.6) * np.clip(flash, 0.1, 1) * chance.uniform(0.6, 1.1)
    noisy = lit + chance.normal(0, chance.uniform(0.01, 0.05), lit.shape)
    night = Image.fromarray((np.clip(noisy, 0, 1) * 255).astype(np.uint8))
    return _mirror(night, chance) if chance.random() < 0.5 else night  # noqa: PLR2004


def _blur(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Blur it as movement and a cheap lens do, and save it once more as a poor JPEG."""
    size = picture.width
    blurred = picture.filter(ImageFilter.GaussianBlur(chance.uniform(0.004, 0.012) * size))
    file = io.BytesIO()
    blurred.save(file, "JPEG", quality=int(chance.integers(*_QUALITY)))
    return _mirror(Image.open(file), chance)


def _strip(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Burn in the strip that cameras write date, moon and temperature on; mirrored in half of the cases before."""
    size = picture.width
    marked = _mirror(picture, chance) if chance.random() < 0.5 else picture.copy()  # noqa: PLR2004
    height = int(chance.uniform(*_STRIP) * size)
    top = 0 if chance.random() < 0.3 else size - height  # noqa: PLR2004
    ground, ink = ("black", "white") if chance.random() < 0.7 else ("white", "black")  # noqa: PLR2004
    year, month, day, hour, minute = chance.integers((2008, 1, 1, 0, 0), (2027, 13, 29, 24, 60)).tolist()
    text = f"{day:02}.{month:02}.{year}  {hour:02}:{minute:02}  {chance.integers(-20, 40)}°C  CAM{chance.integers(99)}"
    pen = ImageDraw.Draw(marked)
    pen.rectangle((0, top, size, top + height), fill=ground)
    pen.text((size / 50, top + height / 2), text, fill=ink, font_size=0.6 * height, anchor="lm")
    return marked


VIEWS: dict[str, View] = {
    PLAIN: _plain,
    "mirror": _mirror,
    "crop": _crop,
    "small": _small,
    "infrared": _infrared,
    "blur": _blur,
    "strip": _strip,
}
"""What there is to choose from; features are cached by these names."""
