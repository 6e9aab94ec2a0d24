"""Bytes → checked pixels: which formats are read, how large, and what is a fault of the file."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import simplejpeg
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ml.images.jpeg import has_hole, header_segments, scan_span

MAX_PIXELS = 50_000_000

# What Pillow's decoders raise on broken files. MemoryError is not among them: that is the machine's fault.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    Image.DecompressionBombError,
    struct.error,
    zlib.error,
)
# One decoder a format, called by its own class: Image.open would try others, and judge sizes by its own limits.
# The JPEG class reads the first frame of an MPO.
_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
}
_SUPPORTED = "JPEG, PNG, WebP, BMP or TIFF"
_MEGA = 1_000_000


class Integrity(StrEnum):
    """How far the pixels can be trusted."""

    SOUND = "sound"
    SUSPECT = "suspect"  # decodes, but the decoder had to guess: classified, kept out of training


class Reason(StrEnum):
    """Why a file is no picture for us."""

    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too_large"


class Unreadable(ValueError):  # noqa: N818  # it names a state of the file, as the ledger does
    """The file is at fault and will be until it changes; the text is one sentence that leaves out the path."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that it can be pickled out of a decode worker
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason.replace('_', ' ')}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as stored (not turned yet).

    ``pixels`` is RGB, of the stored size or, from a JPEG, reduced by a factor that keeps it at least as large as was
    asked. ``exif`` is the TIFF block in which EXIF comes, empty if there is none.
    """

    format: str
    mode: str
    width: int
    height: int
    pixels: Image.Image
    integrity: Integrity
    exif: bytes
    quantization: dict[int, list[int]]
    sampling: tuple[tuple[int, int], ...]


def decode(data: bytes, *, at_least: int, max_pixels: int) -> Decoded:
    """Decode the first frame; raises ``Unreadable``. Sizes are judged by the header, before any pixel is read."""
    name = _format(data)
    try:
        source = _OPENERS[name](io.BytesIO(data))
        width, height, mode = source.width, source.height, source.mode
        _refuse(source, max_pixels)
        pixels, integrity = _pixels(data, source, at_least)
    except Image.DecompressionBombError as error:
        raise Unreadable(Reason.TOO_LARGE, f"the limit is {max_pixels / _MEGA:g} megapixels") from error
    except Unreadable:
        raise
    except _BROKEN as error:
        if _ends_early(data, name) or "truncated" in str(error):
            raise Unreadable(Reason.TRUNCATED, "the file ends before its picture does") from error
        raise Unreadable(Reason.CORRUPT, f"its {name} data cannot be decoded") from error
    return Decoded(
        format=name,
        mode=mode,
        width=width,
        height=height,
        pixels=pixels,
        integrity=integrity,
        exif=data if name == "TIFF" else source.info.get("exif", b""),
        quantization=source.quantization if isinstance(source, JpegImageFile) else {},
        sampling=tuple((layer[1], layer[2]) for layer in source.layer) if isinstance(source, JpegImageFile) else (),
    )


def _format(data: bytes) -> str:
    if not data:
        raise Unreadable(Reason.EMPTY, "the file has no bytes")
    if data.startswith(b"\xff\xd8"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    # "BM" alone may begin a text; the header's own length stands at 14 and is 12 to 124.
    if data.startswith(b"BM") and 12 <= int.from_bytes(data[14:18], "little") <= 124:  # noqa: PLR2004  # see above
        return "BMP"
    if data[:4] in (b"II*\0", b"MM\0*") and data[8:10] != b"CR":
        return "TIFF"
    raise Unreadable(Reason.UNSUPPORTED, f"not a {_SUPPORTED} picture (it looks like {_looks_like(data)})")


def _looks_like(data: bytes) -> str:
    kinds = {b"GIF8": "a GIF", b"%PDF": "a PDF", b"PK\x03\x04": "an archive", b"RIFF": "a video or sound"}
    if data[:4] in kinds:
        return kinds[data[:4]]
    if data[4:8] == b"ftyp":
        return "HEIC or AVIF" if data[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif") else "a video or raw"
    if data[:4] in (b"II*\0", b"IIU\0", b"IIRO", b"FUJI"):
        return "a camera's raw"
    if not data.strip(b"\0"):
        return "nothing but zero bytes"
    control = set(range(32)) - set(b"\t\n\f\r\x1b")
    return "binary data" if control & set(data[:512]) else "text"


def _refuse(source: ImageFile, max_pixels: int) -> None:
    if source.width * source.height > max_pixels:
        size = f"{source.width * source.height / _MEGA:.3g} megapixels, the limit is {max_pixels / _MEGA:g}"
        raise Unreadable(Reason.TOO_LARGE, size)
    if isinstance(source, TiffImageFile):
        # Raw files (NEF, ARW, DNG) are TIFFs whose first picture is a small preview.
        new_subfile_type, dng_version = 254, 50706
        if dng_version in source.tag_v2 or source.tag_v2.get(new_subfile_type, 0) & 1:
            raise Unreadable(Reason.UNSUPPORTED, f"not a {_SUPPORTED} picture (it looks like a camera's raw)")


def _pixels(data: bytes, source: ImageFile, at_least: int) -> tuple[Image.Image, Integrity]:
    """RGB as stored. A JPEG that libjpeg decodes without a warning is sound; one that only Pillow puts up with is not.

    Pillow's ``verify`` finds none of the damage of a bad card, and its ``load`` passes zeroed blocks; libjpeg
    passes a few.
    """
    if not isinstance(source, JpegImageFile):
        return _rgb(source), Integrity.SOUND
    colours = "CMYK" if source.mode == "CMYK" else "RGB"
    try:
        array = simplejpeg.decode_jpeg(data, colours, min_height=at_least, min_width=at_least, strict=True)
    except ValueError:
        return _rgb(source), Integrity.SUSPECT
    # Pillow knows whose CMYK is stored inverted.
    pixels = _rgb(source) if colours == "CMYK" else Image.fromarray(array)
    return pixels, Integrity.SUSPECT if has_hole(data) else Integrity.SOUND


def _rgb(source: ImageFile) -> Image.Image:
    source.load()
    image: Image.Image = source
    if image.mode[0] in "IF":
        # More than 8 bits a pixel: scaled, where Pillow clips. 16 bits have a white of their own, others do not.
        deep = np.nan_to_num(np.asarray(image, dtype=np.float32))
        white = 65535.0 if image.mode.startswith("I;16") else max(float(deep.max()), 1.0)
        image = Image.fromarray((deep * (255.0 / white)).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.new("RGB", seen.size, "white")
        image.paste(seen, mask=seen)
    return image.convert("RGB")


def _ends_early(data: bytes, name: str) -> bool:
    if name == "JPEG":
        return scan_span(data, header_segments(data))[1] is None
    if name == "PNG":
        return b"IEND" not in data
    if name == "WEBP":
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    return name == "BMP" and len(data) < int.from_bytes(data[2:6], "little")
