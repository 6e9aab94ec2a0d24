"""What stays the same, and what does not, when a picture is tagged, re-saved, resized or taken again."""

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
from drawn_pictures import encoded, exif, scene, segment, with_segment
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.images import examine

NOW = datetime(2026, 11, 24, tzinfo=UTC)
JPEG = encoded(scene(), quality=88)
APPLICATION_SEGMENTS = [0xE0 + number for number in range(16) if number != 14]


def look(data, size=32):
    return examine(data, size=size, now=NOW).picture


def distance(one, other):
    return (int(one.phash, 16) ^ int(other.phash, 16)).bit_count()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*APPLICATION_SEGMENTS, 0xFE]), st.binary(max_size=300)), min_size=1))
def test_rewritten_metadata_is_the_same_picture(segments):
    """Tagging software changes the bytes and neither the picture nor how it is encoded."""
    tagged = JPEG
    for marker, body in segments:
        tagged = with_segment(tagged, marker, body)
    before, after = look(JPEG), look(tagged)
    assert after.sha256 != before.sha256
    assert (after.picture_hash, after.encoding, after.phash) == (before.picture_hash, before.encoding, before.phash)


def test_how_colours_are_stored_is_part_of_the_picture():
    """Adobe's segment changes what a decoder shows, so it is no metadata."""
    adobe = with_segment(encoded(scene().convert("CMYK")), 0xEE, b"Adobe\0\x64\0\0\0\0\0")
    assert look(adobe).picture_hash != look(encoded(scene().convert("CMYK"))).picture_hash


def test_other_pixels_are_another_picture():
    """A small animal, another quality, another size."""
    others = [encoded(scene(animal=(90, 80)), quality=88), encoded(scene(), quality=87)]
    others.append(encoded(scene().resize((200, 150)), quality=88))
    assert len({look(data).picture_hash for data in [JPEG, *others]}) == 4


def test_a_png_is_known_by_its_pixels():
    """How hard it was compressed, its palette and its text chunks do not matter."""
    image = scene().quantize(64)
    small, large = encoded(image, "PNG", optimize=True), encoded(image.convert("RGB"), "PNG", compress_level=1)
    assert look(small).picture_hash == look(large).picture_hash
    assert look(small).picture_hash != look(encoded(image.rotate(180), "PNG")).picture_hash


def test_the_hash_is_of_the_upright_picture():
    """Software that turns the pixels and clears the orientation leaves the perceptual hash alone."""
    seen = scene()
    turned = look(encoded(seen.transpose(Image.Transpose.ROTATE_90), exif=exif(t0x0112=6)))
    assert turned.orientation == 6
    assert distance(turned, look(encoded(seen))) <= 8


@pytest.mark.parametrize(("quality", "share"), [(75, 1.0), (40, 1.0), (85, 0.5), (60, 0.25)])
def test_a_reexport_looks_the_same_and_is_encoded_otherwise(quality, share):
    """What a gallery program makes of a picture stays within 16 of 256 bits."""
    original = scene(3, 1600, 1200)
    copy = original.resize((round(1600 * share), round(1200 * share)), Image.LANCZOS)
    before, after = look(encoded(original, quality=92)), look(encoded(copy, quality=quality))
    assert distance(before, after) <= 16
    assert before.encoding != after.encoding


def test_the_perceptual_hash_does_not_depend_on_the_size_that_is_kept():
    """A station whose model has another input keeps its fingerprints."""
    data = encoded(scene(4, 2400, 1800))
    assert look(data, size=224).phash == look(data, size=380).phash
    assert len(look(data).phash) == 64


def packed(jpeg):
    """The same picture as camera firmware writes it: both quantisation tables in one segment."""
    first = jpeg.index(b"\xff\xdb")
    second = jpeg.index(b"\xff\xdb", first + 2)
    tables = jpeg[first + 4 : second] + jpeg[second + 4 : second + 69]
    return jpeg[:first] + segment(0xDB, tables) + jpeg[second + 69 :]


def test_a_cameras_rate_control_does_not_change_the_signature():
    """Firmware sets its tables anew for each frame of a burst: the frames are still of one writer."""
    calm, busy = encoded(scene(1), quality=80), encoded(scene(2), quality=70)
    assert look(calm).encoding != look(busy).encoding
    assert look(packed(calm)).encoding == look(packed(busy)).encoding
    assert look(packed(calm)).encoding != look(calm).encoding


def test_a_lens_cap_is_flat_and_a_scene_is_not():
    """Black, white and grey frames with a little noise are never evidence."""
    noise = np.random.default_rng(0).integers(0, 5, (300, 400, 3))
    for level in (0, 128, 250):
        assert look(encoded(Image.fromarray((noise + level).astype(np.uint8)))).flat
        assert look(encoded(Image.new("RGB", (400, 300), (level,) * 3), "PNG")).flat
    assert not look(JPEG).flat


def test_progressive_files_are_known_by_all_their_scans():
    """A change in the last of several scans is another picture."""
    whole = encoded(scene(), progressive=True)
    changed = bytearray(whole)
    changed[-40] ^= 0x01
    assert look(whole).picture_hash != look(bytes(changed)).picture_hash
    assert Image.open(BytesIO(whole)).info["progressive"]
