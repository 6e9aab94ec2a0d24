"""The pictures of a report: thumbnails in the camera's proportions, until the page is full."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from PIL import Image, UnidentifiedImageError

from ml.images import Box, crop_span

SIDE = 256  # pixels of a thumbnail, the longer side: a phone shows two side by side
QUALITY = 60
PICTURE_BYTES = 1_150_000  # of pictures in a report, in base64; the text of most weighs less than 350 kB


class Shown(Protocol):
    """What the ledger knows of a picture that is to be shown."""

    @property
    def kept(self) -> str: ...  # noqa: D102  # below the data folder, as the next
    @property
    def gradcam(self) -> str | None: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102  # upright, as the next
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def box(self) -> Box | None: ...  # noqa: D102  # cut out of it; None: it is whole


AnyShown = TypeVar("AnyShown", bound=Shown)


@dataclass(frozen=True, slots=True)
class Figure(Generic[AnyShown]):
    """A picture and its Grad-CAM as data URIs; None where the file is gone or damaged."""

    answer: AnyShown
    picture: str | None
    heat: str | None
    size: tuple[int, int]

    @property
    def bytes(self) -> int:
        """What it adds to the page."""
        return len(self.picture or "") + len(self.heat or "")


def figures(wanted: Iterable[AnyShown], data_dir: Path, room: int, *, most: int) -> list[Figure[AnyShown]]:
    """Make the figures of ``wanted``, in its order, until there are ``most`` or they would pass ``room`` bytes."""
    made: list[Figure[AnyShown]] = []
    for shown in wanted:
        if len(made) == most:
            break
        figure = _figure(shown, data_dir)
        room -= figure.bytes
        if room < 0:
            break
        made.append(figure)
    return made


def _figure(shown: AnyShown, data_dir: Path) -> Figure[AnyShown]:
    size = _fit(shown)
    heat = _thumbnail(data_dir / shown.gradcam, size) if shown.gradcam else None
    return Figure(shown, _thumbnail(data_dir / shown.kept, size), heat, size)


def _fit(shown: Shown) -> tuple[int, int]:
    """What is kept is squashed to a square: give the size that has the proportions of what the camera took again."""
    span = crop_span(shown.box, shown.width, shown.height) if shown.box else (0, 0, shown.width, shown.height)
    width, height = span[2] - span[0], span[3] - span[1]
    scale = SIDE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _thumbnail(path: Path, size: tuple[int, int]) -> str | None:
    """Give a WebP, which weighs half of what a JPEG of that quality does and is shown by every phone."""
    out = io.BytesIO()
    try:
        with Image.open(path, formats=["JPEG"]) as picture:
            picture.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(out, "WEBP", quality=QUALITY, method=1)
    except (OSError, UnidentifiedImageError):
        return None
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"
