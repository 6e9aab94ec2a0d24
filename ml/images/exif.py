"""EXIF → capture time, camera, orientation and a JSON object; each field alone, whatever junk stands around it.

Read by hand, since libraries give up a whole directory for one bad field. The layout is TIFF 6.0's: twelve bytes a
field, of which the last four hold the value or the place of it.
"""

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

from PIL.ExifTags import GPSTAGS, TAGS

from ml.images.makernotes import LONGEST, read_maker_note

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

_EXIF_POINTER, _GPS_POINTER, _USER_COMMENT, _MAKER_NOTE = 0x8769, 0x8825, 0x9286, 0x927C
_POINTERS = {_EXIF_POINTER, _GPS_POINTER, 0xA005}
_MAX_BYTES = 2048
_MAX_TEXT = 500
_MAX_ITEMS = 32
# TIFF's field types: BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL, FLOAT, DOUBLE, IFD
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I"}
_TIME = re.compile(r"(\d{4})[:/-](\d\d?)[:/-](\d\d?)[ T](\d\d?):(\d\d?):(\d\d?)", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
# A camera whose battery went empty starts at 1970, 1980 or on the first day of 2000.
_FIRST_PLAUSIBLE = datetime(2000, 1, 2)  # noqa: DTZ001  # a camera's clock knows no zone
_ZONES = timedelta(hours=14)  # a camera's local time may be this far ahead of UTC
_MAX_OFFSET = 14 * 60


class CaptureStatus(StrEnum):
    """Whether the camera's own time can be believed."""

    OK = "ok"
    MISSING = "missing"
    IMPLAUSIBLE = "implausible"  # a clock that was reset, lies in the future, or no time at all


@dataclass(frozen=True, slots=True)
class Captured:
    """The capture time as the camera wrote it.

    ``at`` is naive, the camera's local time, with its sub-seconds; it stands beside ``IMPLAUSIBLE`` too, where it is a
    time at all. ``offset_minutes`` is from UTC, if the camera says it. ``raw`` is its text.
    """

    at: datetime | None
    offset_minutes: int | None
    status: CaptureStatus
    source: Literal["exif", "none"]
    raw: str | None


@dataclass(frozen=True, slots=True)
class Camera:
    """What the camera calls itself; its serial number stands in EXIF or, of RECONYX cameras, in the maker note."""

    make: str | None
    model: str | None
    serial: str | None


@dataclass(frozen=True, slots=True)
class Tags:
    """All that is taken from EXIF.

    ``exif`` holds the named fields, those of GPS under ``GPSInfo``, those of a known maker's note under ``MakerNote``.
    """

    captured: Captured
    camera: Camera
    orientation: int
    exif: dict[str, JsonValue]


def read_tags(block: bytes, now: datetime) -> Tags:
    """Read a TIFF block (with or without the leading ``Exif``); never raises, whatever the bytes are."""
    exif = _fields(block)
    turned = exif.get("Orientation")
    return Tags(
        captured=_captured(exif, now),
        camera=Camera(_text(exif, "Make"), _text(exif, "Model"), _serial(exif)),
        orientation=turned if isinstance(turned, int) and 1 <= turned <= 8 else 1,  # noqa: PLR2004  # EXIF's range
        exif=exif,
    )


def _fields(block: bytes) -> dict[str, JsonValue]:
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:  # noqa: PLR2004  # the header alone
        return {}
    pointers: dict[int, int] = {}
    fields = dict(_directory(block, order, struct.unpack_from(f"{order}I", block, 4)[0], TAGS, pointers))
    if _EXIF_POINTER in pointers:
        fields = dict(_directory(block, order, pointers[_EXIF_POINTER], TAGS, {})) | fields
    if _GPS_POINTER in pointers:
        fields["GPSInfo"] = dict(_directory(block, order, pointers[_GPS_POINTER], GPSTAGS, {}))
    return fields


def _directory(
    block: bytes, order: str, start: int, names: dict[int, str], pointers: dict[int, int]
) -> Iterator[tuple[str, JsonValue]]:
    """Yield name and value of each field that is known, whole and short enough; note where other directories are."""
    count = int.from_bytes(block[start : start + 2], "little" if order == "<" else "big")
    for at in range(start + 2, min(start + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", block, at)
        code = _TYPES.get(kind)
        size = number * struct.calcsize(f"{order}{code}") if code else 0
        if tag == _MAKER_NOTE:
            size = min(size, LONGEST)
        if code is None or not 0 < size <= _MAX_BYTES:
            continue
        place = at + 8 if size <= 4 else struct.unpack_from(f"{order}I", block, at + 8)[0]  # noqa: PLR2004  # fits
        if place + size > len(block):
            continue
        raw = block[place : place + size]
        if code == "I" and number == 1:
            pointers[tag] = int(struct.unpack(f"{order}I", raw)[0])
        if tag not in _POINTERS and tag in names and (value := _value(raw, order, code, number, tag)) is not None:
            yield names[tag], value


def _value(raw: bytes, order: str, code: str, number: int, tag: int) -> JsonValue:
    """Return what JSON can hold, or None: for binary data, for a fraction over nothing, for endless lists."""
    if tag == _MAKER_NOTE:
        return read_maker_note(raw) or None
    if code == "s":
        return _clean(raw[8:] if tag == _USER_COMMENT else raw)
    if number > _MAX_ITEMS:
        return None
    values: list[float] = list(struct.unpack(f"{order}{code * number}", raw))
    if len(code) == 2:  # noqa: PLR2004  # a rational
        values = [over / under if under else math.nan for over, under in zip(values[::2], values[1::2], strict=True)]
    if not all(math.isfinite(value) for value in values):
        return None
    return values[0] if number == 1 else list[JsonValue](values)


def _clean(raw: bytes) -> str | None:
    """Text without NUL bytes, surrogates and padding; None for what is no text."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = " ".join(text.replace("\0", " ").split())[:_MAX_TEXT]
    return text if text and text.isprintable() else None


def _text(fields: dict[str, JsonValue], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


def _serial(fields: dict[str, JsonValue]) -> str | None:
    note = fields.get("MakerNote")
    return _text(fields, "BodySerialNumber") or (_text(note, "SerialNumber") if isinstance(note, dict) else None)


def _captured(fields: dict[str, JsonValue], now: datetime) -> Captured:
    # DateTime is not asked: software that edits a picture sets it.
    kind = "Original" if _text(fields, "DateTimeOriginal") else "Digitized"
    raw = _text(fields, f"DateTime{kind}")
    if raw is None or not any(character.isdigit() for character in raw):  # EXIF's "unknown" is blanks and colons
        return Captured(None, None, CaptureStatus.MISSING, "none", None)
    at = _moment(raw, _text(fields, f"SubsecTime{kind}"))
    latest = now.astimezone(UTC).replace(tzinfo=None) + _ZONES
    sure = at is not None and _FIRST_PLAUSIBLE <= at <= latest
    status = CaptureStatus.OK if sure else CaptureStatus.IMPLAUSIBLE
    return Captured(at, _offset(_text(fields, f"OffsetTime{kind}")), status, "exif", raw)


def _moment(raw: str, fraction: str | None) -> datetime | None:
    found = _TIME.match(raw)
    micro = int(fraction[:6].ljust(6, "0")) if fraction and fraction.isascii() and fraction.isdigit() else 0
    try:
        year, month, day, hour, minute, second = map(int, found.groups() if found else ())
        return datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001  # the camera's local time
    except ValueError:
        return None


def _offset(text: str | None) -> int | None:
    if text == "Z":
        return 0
    if text is None or not (found := _OFFSET.fullmatch(text)):
        return None
    minutes = int(found[2]) * 60 + int(found[3])
    return None if minutes > _MAX_OFFSET else -minutes if found[1] == "-" else minutes
