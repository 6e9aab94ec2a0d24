"""Capture time, camera and the EXIF object, from good files and from hostile ones."""

import json
import struct
import warnings
from datetime import UTC, datetime, timedelta, timezone

import pytest
from drawn_pictures import encoded, exif, scene, with_segment
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.images import CaptureStatus, examine

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
local = datetime.fromisoformat  # a camera's time knows no zone
SMALL = scene(width=32, height=24)


def look(data, now=NOW):
    return examine(data, size=16, now=now).picture


def captured(at, now=NOW, **fields):
    return look(encoded(SMALL, exif=exif(at, **fields)), now).captured


def with_block(block):
    return with_segment(encoded(SMALL), 0xE1, b"Exif\0\0" + block)


def field(tag, kind, count, value):
    return struct.pack("<HHI", tag, kind, count) + value


def directory(*fields, tail=b""):
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + b"".join(fields) + bytes(4) + tail


def test_the_time_is_the_cameras_own():
    """Local time with its sub-seconds, the offset beside it, the text as it stood."""
    found = captured("2026:05:04 03:02:01", t0x9291="07", t0x9011="-04:30")
    assert found.at == local("2026-05-04T03:02:01.070")
    assert (found.offset_minutes, found.status, found.source) == (-270, CaptureStatus.OK, "exif")
    assert found.raw == "2026:05:04 03:02:01"


@pytest.mark.parametrize("at", [None, "    :  :     :  :  ", ""])
def test_a_time_that_is_not_written_is_missing(at):
    """No field, and the blanks by which EXIF says that a time is unknown."""
    found = captured(at)
    assert (found.at, found.status, found.source, found.raw) == (None, CaptureStatus.MISSING, "none", None)


@pytest.mark.parametrize(
    "at",
    [
        "0000:00:00 00:00:00",
        "1970:01:01 00:00:10",
        "1980:01:01 12:00:00",
        "1999:12:31 23:59:59",
        "2000:01:01 00:00:00",
        "2000:01:01 00:12:00",
        "2000:01:01 23:59:59",
        "2026:13:01 10:00:00",
        "2026:02:30 10:00:00",
        "2026:11:25 02:00:01",
        "2107:01:01 00:00:00",
        "9 lives",
    ],
)
def test_a_clock_that_was_reset_or_runs_ahead_is_implausible(at):
    """The text is kept, and the time is not to be trusted."""
    found = captured(at)
    assert (found.status, found.raw) == (CaptureStatus.IMPLAUSIBLE, at)


def test_the_future_begins_where_no_zone_has_that_time_yet():
    """A camera east of Greenwich is ahead of UTC and yet right, in whatever zone ``now`` is given."""
    now = NOW.astimezone(timezone(timedelta(hours=-8)))
    assert captured("2026:11:25 01:59:59", now).status is CaptureStatus.OK
    assert captured("2026:11:25 02:00:01", now).status is CaptureStatus.IMPLAUSIBLE


def test_digitized_stands_in_for_a_missing_original():
    """But never DateTime, which software sets when a picture is edited."""
    assert captured(None, t0x9004="2026:01:02 03:04:05").at == local("2026-01-02T03:04:05")
    assert captured(None, t0x0132="2026:01:02 03:04:05").status is CaptureStatus.MISSING


@pytest.mark.parametrize("offset", ["+25:00", "02:00", "x", "+2"])
def test_a_senseless_offset_is_none(offset):
    """The time stays good without it."""
    found = captured("2026:05:04 03:02:01", t0x9011=offset)
    assert (found.offset_minutes, found.status) == (None, CaptureStatus.OK)


def test_the_camera_is_known_by_make_model_and_serial():
    """NUL padding is no name."""
    picture = look(encoded(SMALL, exif=exif(t0x010F="RECONYX\0\0", t0x0110="\0\0\0\0", t0xA431="H500 17")))
    assert (picture.camera.make, picture.camera.model, picture.camera.serial) == ("RECONYX", None, "H500 17")


def test_gps_and_fractions_are_json():
    """Where the camera stood is kept among the EXIF, in numbers."""
    block = exif(t0x829A=0.25)
    block.get_ifd(0x8825).update({1: "S", 2: (3.0, 30.0, 15.5)})
    found = look(encoded(SMALL, exif=block)).exif
    assert found["GPSInfo"] == {"GPSLatitudeRef": "S", "GPSLatitude": [3.0, 30.0, 15.5]}
    assert found["ExposureTime"] == 0.25
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_png_webp_and_tiff_have_exif_too():
    """The same fields are read from every format that carries them."""
    tags = exif(t0x010F="Maker")
    tiff = encoded(SMALL, "TIFF", tiffinfo={0x010F: "Maker", 0x9003: "2026:05:04 03:02:01"})
    for data in (encoded(SMALL, "PNG", exif=tags), encoded(SMALL, "WEBP", exif=tags), tiff):
        picture = look(data)
        assert picture.camera.make == "Maker"
        assert picture.captured.at == local("2026-05-04T03:02:01")


def test_one_bad_field_leaves_the_others():
    """A field that points nowhere, one of an unknown type, one without end, a fraction over nothing."""
    block = directory(
        field(0x010E, 2, 5000, struct.pack("<I", 0x7FFFFFFF)),
        field(0x010F, 99, 1, b"\0\0\0\0"),
        field(0x011A, 5, 1, struct.pack("<I", 8 + 2 + 12 * 6 + 4)),
        field(0x0112, 3, 1, struct.pack("<HH", 77, 0)),
        field(0x0131, 2, 0xFFFFFFFF, bytes(4)),
        field(0x0110, 2, 4, b"T70\0"),
        tail=struct.pack("<II", 1, 0),
    )
    picture = look(with_block(block))
    assert picture.exif == {"Orientation": 77, "Model": "T70"}
    assert picture.orientation == 1


def test_a_place_without_sense_is_kept_alone():
    """A latitude over nothing, a longitude in words, an altitude that points nowhere: the time and the model stay."""
    start = 8 + 2 + 12 * 3 + 4
    behind = start + 2 + 12 * 4 + 4
    place = directory(
        field(1, 2, 2, b"N\0\0\0"),
        field(2, 5, 3, struct.pack("<I", behind)),
        field(4, 2, 4, b"west"),
        field(6, 5, 1, struct.pack("<I", 0xFFFFFFF0)),
        tail=bytes(24) + b"2026:05:04 03:02:01\0",
    )
    block = directory(
        field(0x0110, 2, 4, b"T70\0"),
        field(0x8825, 4, 1, struct.pack("<I", start)),
        field(0x9003, 2, 20, struct.pack("<I", behind + 24)),
        tail=place[8:],
    )
    picture = look(with_block(block))
    assert picture.exif["GPSInfo"] == {"GPSLatitudeRef": "N", "GPSLongitude": "west"}
    assert (picture.camera.model, picture.captured.status) == ("T70", CaptureStatus.OK)


def test_a_place_that_is_nowhere_is_empty():
    """A pointer behind the end of the block leaves no field, and no error."""
    block = directory(field(0x8825, 4, 1, struct.pack("<I", 0x7FFFFFFF)), field(0x0110, 2, 4, b"T70\0"))
    assert look(with_block(block)).exif == {"GPSInfo": {}, "Model": "T70"}


def test_unknown_maker_notes_and_long_values_are_not_kept():
    """The ledger's row stays small whatever a camera writes."""
    found = look(encoded(SMALL, exif=exif(t0x927C=bytes(30_000), t0x010E="a" * 1900)))
    assert "MakerNote" not in found.exif
    assert len(found.exif["ImageDescription"]) == 500


def test_a_comment_is_read_behind_its_character_code():
    """UserComment begins with eight bytes that name its alphabet."""
    comment = field(0x9286, 7, 14, struct.pack("<I", 8 + 2 + 12 + 4))
    assert look(with_block(directory(comment, tail=b"ASCII\0\0\0a word"))).exif == {"UserComment": "a word"}


def test_a_directory_that_points_at_itself_ends():
    """A loop of pointers is read once."""
    picture = look(with_block(directory(field(0x8769, 4, 1, struct.pack("<I", 8)), field(0x0110, 2, 2, b"T\0\0\0"))))
    assert picture.camera.model == "T"


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"Exif\0\0II*\0\x08\0\0\0"])
)
def test_junk_never_raises_warns_or_poisons(junk, head):
    """Whatever stands in the EXIF segment, the picture is sound and its facts can be stored."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = look(with_block(head + junk))
    text = json.dumps(picture.exif, allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    assert "\\u0000" not in text
    assert "\0" not in text
    assert 1 <= picture.orientation <= 8


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec="latin-1"), max_size=40))
def test_any_text_is_stored_clean(text):
    """Control characters, NUL bytes and padding never reach the ledger."""
    make = look(encoded(SMALL, exif=exif(t0x010F=text))).camera.make
    assert make is None or (make.isprintable() and make == make.strip() and make)
