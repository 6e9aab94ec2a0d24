"""The maker note of RECONYX cameras: trigger, burst, temperature, serial number; under ExifTool's names.

Read by hand, since no library does it but ExifTool, which is a program. The note is no directory but a record of
fixed places, one layout a family of cameras, little-endian throughout. The places are those that RECONYX published and
ExifTool's tables of tags name. Bushnell, Browning, Cuddeback, BolyMedia and SY cameras leave their notes empty or fill
them with what nobody has described, so nothing is made of those.
"""

import re
import struct
from collections.abc import Callable
from typing import Any

LONGEST = 256
"""The bytes of a note in which every field that is read lies."""

# How a note begins. The first family has a version there, then the major number of its firmware.
_OPENING = re.compile(rb"\x01\xf1(?=[\x01-\x0f]\0)|RECONYX(?:UF|H2|MF|HF4K)\0")

# The fields' places, and how they are stored there (the struct module's letters).
_Layout = dict[str, tuple[int, str]]
_HYPERFIRE: _Layout = {
    "TriggerMode": (0x0C, "c"),
    "Sequence": (0x0E, "2H"),
    "EventNumber": (0x12, "2H"),
    "MoonPhase": (0x24, "H"),
    "AmbientTemperature": (0x28, "h"),
    "SerialNumber": (0x2A, "30s"),
    "InfraredIlluminator": (0x50, "H"),
    "BatteryVoltage": (0x54, "H"),
    "UserLabel": (0x56, "22s"),
}
_ULTRAFIRE: _Layout = {
    "TriggerMode": (0x34, "c"),
    "Sequence": (0x35, "2B"),
    "EventNumber": (0x37, "I"),
    "MoonPhase": (0x43, "B"),
    "AmbientTemperature": (0x46, "h"),
    "InfraredIlluminator": (0x48, "B"),
    "BatteryVoltage": (0x49, "H"),
    "SerialNumber": (0x4B, "15s"),
    "UserLabel": (0x5A, "21s"),
}
_HYPERFIRE_2: _Layout = {
    "TriggerMode": (0x34, "c"),
    "Sequence": (0x36, "2H"),
    "EventNumber": (0x3A, "2H"),
    "MoonPhase": (0x4C, "H"),
    "AmbientTemperature": (0x50, "h"),
    "InfraredIlluminator": (0x5A, "H"),
    "BatteryVoltage": (0x62, "H"),
    "UserLabel": (0x68, "22s"),
    "SerialNumber": (0x7E, "30s"),
}
_MICROFIRE: _Layout = {
    "TriggerMode": (0x44, "c"),
    "Sequence": (0x46, "2H"),
    "EventNumber": (0x4A, "2H"),
    "MoonPhase": (0x5C, "H"),
    "AmbientTemperature": (0x60, "h"),
    "InfraredIlluminator": (0x6A, "B"),
    "BatteryVoltage": (0x72, "H"),
    "UserLabel": (0x76, "22s"),
    "SerialNumber": (0x8C, "30s"),
}
_HYPERFIRE_4K: _Layout = {
    "TriggerMode": (0x28, "c"),
    "Sequence": (0x29, "2B"),
    "EventNumber": (0x2B, "I"),
    "MoonPhase": (0x37, "B"),
    "AmbientTemperature": (0x3A, "h"),
    "InfraredIlluminator": (0x44, "B"),
    "BatteryVoltage": (0x4B, "H"),
    "UserLabel": (0x51, "51s"),
    "SerialNumber": (0x84, "15s"),
}
_LAYOUTS = {
    b"\x01\xf1": _HYPERFIRE,
    b"RECONYXUF\0": _ULTRAFIRE,
    b"RECONYXH2\0": _HYPERFIRE_2,
    b"RECONYXMF\0": _MICROFIRE,
    b"RECONYXHF4K\0": _HYPERFIRE_4K,
}

_TRIGGERS = {
    b"M": "Motion Detection",
    b"T": "Time Lapse",
    b"E": "External Sensor",
    b"P": "Point and Shoot",
    b"C": "CodeLoc Not Entered",
    b"S": "Cell Status",
    b"L": "Cell Live View",
}
_PHASES = (
    "New",
    "New Crescent",
    "First Quarter",
    "Waxing Gibbous",
    "Full",
    "Waning Gibbous",
    "Last Quarter",
    "Old Crescent",
)
_HOTTEST = 100  # °C, either side of nought; what lies beyond is no weather but a sensor that is not there


def read_maker_note(note: bytes) -> dict[str, Any]:
    """Read the first ``LONGEST`` bytes of a maker note, or as many as there are; never raises, whatever they are.

    ``Sequence`` is [which, of how many] of the burst, ``AmbientTemperature`` in °C, ``BatteryVoltage`` in volts,
    ``InfraredIlluminator`` whether the camera's own lamp was on (a white one on white-flash models). A field that is
    cut off or makes no sense is left out; so is all of a note in no known layout. The note's date is not read: EXIF has
    it too, and there it is sure.
    """
    opening = _OPENING.match(note)
    layout = _LAYOUTS[opening[0]] if opening else {}
    found: dict[str, Any] = {}
    for name, (place, stored) in layout.items():
        if place + struct.calcsize(f"<{stored}") <= len(note):
            value = _MEANINGS[name](*struct.unpack_from(f"<{stored}", note, place))
            if value is not None:
                found[name] = value
    return found


def _sequence(which: int, of: int) -> list[int] | None:
    return [which, of] if 1 <= which <= of else None


def _event(*words: int) -> int:
    return words[0] if len(words) == 1 else words[0] << 16 | words[1]  # two words: the high one first


def _phase(number: int) -> str | None:
    return _PHASES[number] if number < len(_PHASES) else None


def _lit(flag: int) -> bool | None:
    return {0: False, 1: True}.get(flag)


def _text(raw: bytes) -> str | None:
    """ASCII without padding up to the first NUL; two bytes a character where the second byte is one."""
    text = raw.decode("utf-16-le" if raw[1:2] == b"\0" else "latin-1", "replace").partition("\0")[0]
    text = " ".join(text.split())
    return text if text and text.isascii() and text.isprintable() else None


_MEANINGS: dict[str, Callable[..., Any]] = {
    "TriggerMode": _TRIGGERS.get,
    "Sequence": _sequence,
    "EventNumber": _event,
    "MoonPhase": _phase,
    "AmbientTemperature": lambda degrees: degrees if abs(degrees) <= _HOTTEST else None,
    "SerialNumber": _text,
    "InfraredIlluminator": _lit,
    "BatteryVoltage": lambda millivolts: millivolts / 1000 or None,
    "UserLabel": _text,
}
