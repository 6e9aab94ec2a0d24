"""What cameras of RECONYX write into their maker notes, from drawn notes, from junk and from real files."""

import json
import re
import struct
from datetime import UTC, datetime

import pytest
from drawn_pictures import encoded, exif, scene, with_segment
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.images import CaptureStatus, examine

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SMALL = encoded(scene(width=32, height=24))


def look(block):
    """The picture that carries this EXIF block."""
    return examine(with_segment(SMALL, 0xE1, block), size=16, now=NOW).picture


def noted(note, *, stated=None, **fields):
    """The picture whose (big-endian) EXIF has this maker note, of as many bytes as it has or as are stated."""
    block = exif(t0x927C=note, **fields).tobytes()
    head = struct.pack(">HHI", 0x927C, 1, len(note))
    assert head in block
    return look(block.replace(head, head[:4] + struct.pack(">I", len(note) if stated is None else stated)))


def drawn(opening, length, *parts):
    """A note that begins with ``opening`` and has each part (place, struct format, values) in it."""
    note = bytearray(opening.ljust(length, b"\0"))
    for place, stored, *values in parts:
        struct.pack_into(f"<{stored}", note, place, *values)
    return bytes(note)


def wide(text):
    return text.encode("utf-16-le")


HYPERFIRE = drawn(
    bytes.fromhex("01f104000200"),
    1541,
    (0x0C, "2s", b"M"),
    (0x0E, "2H", 2, 3),
    (0x12, "2H", 1, 4),
    (0x16, "6H", 10, 20, 6, 5, 4, 2019),  # the note's own date
    (0x24, "H", 4),
    (0x26, "2h", 14, -10),
    (0x2A, "30s", wide("H500AA01020304")),
    (0x50, "2H", 1, 100),
    (0x54, "H", 7620),
    (0x56, "22s", b"NORTH RIDGE"),
)
ULTRAFIRE = drawn(
    b"RECONYXUF\0",
    2089,
    (0x34, "3B", ord("T"), 4, 5),
    (0x37, "I", 65540),
    (0x43, "B", 4),
    (0x44, "2h", 14, -10),
    (0x48, "B", 0),
    (0x49, "H", 9878),
    (0x4B, "15s", b"UXR6AA01020304"),
    (0x5A, "21s", b"NORTH RIDGE".ljust(20)),
)
HYPERFIRE_2 = drawn(
    b"RECONYXH2\0",
    837,
    (0x34, "2s", b"P"),
    (0x36, "2H", 1, 1),
    (0x3A, "2H", 1, 4),
    (0x4C, "H", 4),
    (0x4E, "2h", 14, -10),
    (0x5A, "H", 1),
    (0x62, "2H", 7630, 7700),
    (0x68, "22s", b"NORTH RIDGE"),
    (0x7E, "30s", wide("HLPXAA01020304")),
)
MICROFIRE = drawn(
    b"RECONYXMF\0",
    200,
    (0x44, "2s", b"E"),
    (0x46, "2H", 1, 2),
    (0x4A, "2H", 1, 4),
    (0x5C, "H", 4),
    (0x5E, "2h", 14, -10),
    (0x6A, "B", 0),
    (0x72, "H", 5000),
    (0x76, "22s", b"NORTH RIDGE"),
    (0x8C, "30s", wide("MF1XAA01020304")),
)
HYPERFIRE_4K = drawn(
    b"RECONYXHF4K\0",
    400,
    (0x28, "3B", ord("S"), 3, 3),
    (0x2B, "I", 65540),
    (0x37, "B", 4),
    (0x38, "2h", 14, -10),
    (0x44, "B", 1),
    (0x4B, "H", 8100),
    (0x51, "51s", b"NORTH RIDGE"),
    (0x84, "15s", b"HF4KAA01020304"),
)
NOTES = [HYPERFIRE, ULTRAFIRE, HYPERFIRE_2, MICROFIRE, HYPERFIRE_4K]


@pytest.mark.parametrize(
    ("note", "trigger", "sequence", "lit", "volts", "serial"),
    [
        (HYPERFIRE, "Motion Detection", [2, 3], True, 7.62, "H500AA01020304"),
        (ULTRAFIRE, "Time Lapse", [4, 5], False, 9.878, "UXR6AA01020304"),
        (HYPERFIRE_2, "Point and Shoot", [1, 1], True, 7.63, "HLPXAA01020304"),
        (MICROFIRE, "External Sensor", [1, 2], False, 5.0, "MF1XAA01020304"),
        (HYPERFIRE_4K, "Cell Status", [3, 3], True, 8.1, "HF4KAA01020304"),
    ],
)
def test_each_family_of_cameras_has_a_layout_of_its_own(note, trigger, sequence, lit, volts, serial):
    """Trigger, burst, event, moon, degrees Celsius, lamp, volts, serial number and the owner's label, as JSON."""
    picture = noted(note)
    assert picture.exif["MakerNote"] == {
        "TriggerMode": trigger,
        "Sequence": sequence,
        "EventNumber": 65540,
        "MoonPhase": "Full",
        "AmbientTemperature": -10,
        "InfraredIlluminator": lit,
        "BatteryVoltage": volts,
        "UserLabel": "NORTH RIDGE",
        "SerialNumber": serial,
    }
    assert picture.camera.serial == serial
    assert json.loads(json.dumps(picture.exif, allow_nan=False)) == picture.exif


def test_the_serial_number_of_exif_goes_before_the_notes():
    """BodySerialNumber is the standard's; the maker note only stands in."""
    assert noted(HYPERFIRE, t0xA431="BODY 7").camera.serial == "BODY 7"


def test_the_notes_date_is_no_capture_time():
    """Where EXIF has no time the picture has none."""
    block = exif(None, t0x927C=HYPERFIRE).tobytes()
    picture = look(block)
    assert "MakerNote" in picture.exif
    assert picture.captured.status is CaptureStatus.MISSING


def test_a_field_without_sense_leaves_the_others():
    """An unknown trigger, the fourth of three, a ninth moon, an absent sensor, a lamp at seven, no battery, no text."""
    note = drawn(
        HYPERFIRE,
        len(HYPERFIRE),
        (0x0C, "c", b"?"),
        (0x0E, "2H", 4, 3),
        (0x24, "H", 8),
        (0x28, "h", -32768),
        (0x2A, "30s", b"\xff" * 30),
        (0x50, "H", 7),
        (0x54, "H", 0),
        (0x56, "22s", b"\x01\x02"),
    )
    picture = noted(note)
    assert picture.exif["MakerNote"] == {"EventNumber": 65540}
    assert picture.camera.serial is None


@pytest.mark.parametrize(
    "note", [bytes(460), b"ATMEL_MMC\0\0\0\0\2\0", b"610\3\0\x0067890123456789", b"\x01\xf1", b"    "]
)
def test_a_note_that_nobody_describes_is_not_kept(note):
    """Those of other makers are empty, or filled with what is no fact."""
    picture = noted(note)
    assert "MakerNote" not in picture.exif
    assert picture.camera.serial is None


@pytest.mark.parametrize("note", NOTES)
def test_a_note_cut_off_anywhere_has_the_fields_before_the_cut(note):
    """Whatever its length, no field is half read, and none is read from what stands behind the note."""
    whole = noted(note).exif["MakerNote"]
    counts = []
    for length in range(5, 200, 3):
        found = noted(note[:200], stated=length).exif.get("MakerNote", {})
        assert found.items() <= whole.items()
        counts.append(len(found))
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 9)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([note[:12] for note in NOTES] + [b"\x01\xf1\x04\0", b"RECONYX", b""]),
    st.binary(max_size=300),
    st.sampled_from([None, 4, 170, 0xFFFFFFFF]),
)
def test_junk_in_a_note_never_raises_or_poisons(opening, junk, stated):
    """Whatever follows a maker's opening, and however long it says to be, the facts can be stored."""
    picture = noted(opening + junk + b"\0\0\0\0\0", stated=stated)
    text = json.dumps(picture.exif, allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    assert "\\u0000" not in text
    serial = picture.camera.serial
    assert serial is None or (serial.isprintable() and serial == serial.strip() and serial)


# Sequence, degrees Celsius and serial number as ExifTool 12.57 reads them.
REAL = {
    "channel-islands-thumb.jpg": ([1, 3], 19, "H500HH06211894"),
    "nacti.jpg": ([1, 10], 18, "H550HH12223861"),
    "idaho-camera-traps.jpg": ([4, 5], 4, "UXR6BI02004234"),
    "2021-08-08_RCNX0063_fox.JPG": ([1, 1], 15, None),
    "testdataowl.JPG": ([3, 3], 24, "P900FF03149458"),
    "blank.jpg": ([5, 5], 21, "H550HH12223408"),
    "domestic_cattle.jpg": ([2, 3], 16, "P800BD06104674"),
    "domestic_dog.jpg": ([3, 3], 22, "P800HI05233973"),
    "Reconyx HF2 Pro Covert.jpg": ([1, 5], 5, "HLPXEL09018779"),
    "IMG_0708.JPG": ([3, 3], 28, "P900FF03149458"),
    "IMG_0827.JPG": ([2, 3], 33, "P900FF03149458"),
    "IMG_0919.JPG": ([1, 3], 22, "P900HK05277856"),
    "IMG_1160.JPG": ([2, 3], 23, "P900HK05277856"),
    "IMG_1435.JPG": ([1, 3], 15, "P900FF03149458"),
    "IMG_1849.JPG": ([1, 3], 25, "P900FF03149458"),
    "IMG_2605.JPG": ([1, 3], 25, "P900FF03149458"),
    "IMG_4818.JPG": ([3, 3], 29, "P900FF03149458"),
    "IMG_8968.JPG": ([1, 3], 16, "P900FF03149458"),
    "RCNX0242.JPG": ([2, 3], 29, "HLPXEL09018058"),
    "RCNX0712.JPG": ([1, 3], 27, "HLPXEL09019291"),
    "RCNX0851.JPG": ([2, 3], 20, "HLPXEL09018058"),
    "RCNX0863.JPG": ([2, 3], 30, "HLPXEL09019291"),
    "RCNX1103.JPG": ([2, 3], 26, "HLPXEL09018058"),
    "RCNX1227.JPG": ([3, 3], 38, "HLPXEL09019149"),
    "RCNX1419.JPG": ([3, 3], 15, "HLPXEL09019291"),
    "RCNX2938.JPG": ([1, 3], 35, "HLPXEL09018058"),
    "RCNX3856.JPG": ([1, 3], 29, "HLPXEL09018058"),
    "RCNX5284.JPG": ([1, 3], 33, "HLPXEL09018058"),
    "RCNX7686.JPG": ([3, 3], 22, "HLPXEL09018058"),
}


@pytest.fixture(scope="module")
def tagged(shared):
    """The name of each real file, and a small picture that carries its EXIF."""
    found = []
    for path in sorted((shared / "cameratrap").rglob("*")):
        if re.match(r"\.jpe?g$", path.suffix.lower()):
            with Image.open(path) as image:
                found.append((path.name, look(image.info["exif"])))
    return found


def test_all_real_metadata_is_read(tagged):
    """158 files of seven makers: times that can be believed, and maker notes of RECONYX alone."""
    assert len(tagged) == 158
    assert {picture.captured.status for _, picture in tagged} == {CaptureStatus.OK}
    noted_by = [picture.camera.make for _, picture in tagged if "MakerNote" in picture.exif]
    assert noted_by == ["RECONYX"] * 29
    assert all(picture.camera.serial is None for _, picture in tagged if picture.camera.make != "RECONYX")


def test_real_notes_say_what_exiftool_reads_in_them(tagged):
    """The burst, the temperature and the serial number of HyperFire, HyperFire 2 and UltraFire cameras."""
    found = {
        name: (
            picture.exif["MakerNote"]["Sequence"],
            picture.exif["MakerNote"]["AmbientTemperature"],
            picture.camera.serial,
        )
        for name, picture in tagged
        if "MakerNote" in picture.exif
    }
    assert found == REAL


def test_the_real_lamp_is_lit_at_night(tagged):
    """Five grey pictures lit in infrared, and one in colour that an HC550 lit with its white lamp."""
    lit = {name for name, picture in tagged if picture.exif.get("MakerNote", {}).get("InfraredIlluminator")}
    night = {"channel-islands-thumb.jpg", "blank.jpg", "2021-08-08_RCNX0063_fox.JPG"}
    assert lit == night | {"IMG_1160.JPG", "IMG_8968.JPG", "RCNX1419.JPG"}
