"""One picture file's bytes → checked pixels, EXIF and fingerprints; the duplicate rules, pure functions over them."""

from ml.images.crop import Box, crop_span, crops
from ml.images.decode import MAX_PIXELS, Integrity, Reason, Unreadable
from ml.images.duplicates import Facts, Link, LinkKind, reexport_links, same_picture_links
from ml.images.exif import Camera, Captured, CaptureStatus, JsonValue
from ml.images.picture import Examined, Picture, examine, kept_pixels

__all__ = [
    "MAX_PIXELS",
    "Box",
    "Camera",
    "CaptureStatus",
    "Captured",
    "Examined",
    "Facts",
    "Integrity",
    "JsonValue",
    "Link",
    "LinkKind",
    "Picture",
    "Reason",
    "Unreadable",
    "crop_span",
    "crops",
    "examine",
    "kept_pixels",
    "reexport_links",
    "same_picture_links",
]
