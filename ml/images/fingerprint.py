"""What a picture is known by: its picture hash, its perceptual hash and the signature of its encoding."""

import hashlib

import imagehash
import numpy as np
from PIL import Image

from ml.images.decode import Decoded
from ml.images.jpeg import header_segments, scan_span

_HASH_SIDE = 16  # 256 bits
_HASH_INPUT = (64, 64)  # what a hash of that side is computed from
_FLAT_DEVIATION = 3.0  # of 255
_FEW_BITS = 8  # set or unset: the hash of a surface, not of a scene
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def picture_hash(data: bytes, decoded: Decoded) -> str:
    """Equal for files that show the same pixels with other metadata.

    Of a JPEG, the sha256 of the file without its metadata segments and without what follows its end; of another
    format, of the size and the visible RGB pixels. How the picture is turned is no part of it.
    """
    if decoded.format != "JPEG":
        digest = hashlib.sha256(f"{decoded.width}x{decoded.height} ".encode())
        digest.update(decoded.pixels.tobytes())
        return digest.hexdigest()
    segments = header_segments(data)
    start, end = scan_span(data, segments)
    view = memoryview(data)
    digest = hashlib.sha256()
    for segment in segments:
        if not segment.is_metadata:
            digest.update(view[segment.start : segment.end])
    digest.update(view[start:end])
    return digest.hexdigest()


def perceptual_hash(pixels: Image.Image, orientation: int) -> tuple[str, bool]:
    """Return the 256-bit hash of the upright picture (64 hexadecimal digits) and whether it is flat.

    A flat picture (lens cap, black night) has a hash, which says nothing: it is never evidence.
    """
    grey = upright(pixels.convert("L").resize(_HASH_INPUT, Image.Resampling.LANCZOS), orientation)
    phash = str(imagehash.phash(grey, hash_size=_HASH_SIDE))
    bits = int(phash, 16).bit_count()
    degenerate = not _FEW_BITS < bits < _HASH_SIDE**2 - _FEW_BITS
    return phash, degenerate or float(np.asarray(grey).std()) < _FLAT_DEVIATION


def encoding_signature(data: bytes, decoded: Decoded) -> str:
    """Equal for pictures that one writer wrote in one way; a re-export has another than its original.

    Dimensions, and of a JPEG how its writer lays out the header and samples colours. Its quantisation tables count
    only in the layout of libjpeg, which software uses: there they are the chosen quality. Camera firmware (Bushnell's
    among others) sets its tables anew for each frame of a burst, so there they would tell brothers apart.
    """
    size = f"{decoded.width}x{decoded.height}"
    if decoded.format != "JPEG":
        return f"{size} {decoded.format} {decoded.mode}"
    layout = bytes(segment.marker for segment in header_segments(data) if not segment.is_metadata)
    tables = sorted(decoded.quantization.items())
    written = repr((layout.hex(), decoded.sampling, tables if _is_libjpeg(layout, len(tables)) else None))
    return f"{size} JPEG {hashlib.sha256(written.encode()).hexdigest()[:16]}"


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture as its EXIF orientation (1–8) asks."""
    return image.transpose(_TURN[orientation]) if orientation in _TURN else image


def _is_libjpeg(layout: bytes, tables: int) -> bool:
    """One segment for each quantisation table, then the frame, then the Huffman tables one by one."""
    frames = (b"\xc0", b"\xc1", b"\xc2")
    layout = layout.removeprefix(b"\xee")  # Adobe's marker, which libjpeg copies
    return layout[:tables] == b"\xdb" * tables and layout[tables : tables + 1] in frames
