"""Which files are pictures, how their pixels come out, and what is said of the others."""

import contextlib
import io
import pickle
import resource
import time
import warnings
from datetime import UTC, datetime

import numpy as np
import pytest
from drawn_pictures import encoded, exif, scene, with_segment
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.images import Integrity, Reason, Unreadable, examine, kept_pixels

NOW = datetime(2026, 11, 24, tzinfo=UTC)
JPEG = encoded(scene(), quality=90)


def look(data, size=64):
    return examine(data, size=size, now=NOW)


def reason(data):
    with pytest.raises(Unreadable) as caught:
        look(data)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_every_supported_format_shows_the_same_picture(kind):
    """The kept picture is the whole frame at the size asked for, whatever the format."""
    image = scene()
    found = look(encoded(image, kind))
    expected = np.asarray(image.resize((64, 64), Image.LANCZOS)).astype(int)
    assert (found.picture.format, found.picture.width, found.picture.height) == (kind, 400, 300)
    assert found.picture.integrity is Integrity.SOUND
    assert np.abs(kept_pixels(found.kept) - expected).mean() < 5


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("L", "PNG"),
        ("P", "PNG"),
        ("LA", "PNG"),
        ("RGBA", "PNG"),
        ("RGBA", "WEBP"),
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("I;16", "PNG"),
        ("I;16", "TIFF"),
        ("I", "TIFF"),
        ("F", "TIFF"),
    ],
)
def test_every_mode_becomes_the_right_rgb(mode, kind):
    """A half dark, half bright picture stays one, whatever the number of channels or bits."""
    grey = np.full((60, 80), 40, dtype=np.uint8)
    grey[:, 40:] = 200
    deep = {"I;16": grey.astype(np.uint16) * 257, "I": grey.astype(np.int32) * 300, "F": grey.astype(np.float32) / 255}
    image = Image.fromarray(deep[mode]) if mode in deep else Image.fromarray(grey).convert("RGB").convert(mode)
    dark, bright = {"I": (51, 255)}.get(mode, (40, 200))
    pixels = kept_pixels(look(encoded(image, kind), size=32).kept)
    assert pixels.shape == (32, 32, 3)
    assert abs(pixels[:, :10].mean() - dark) < 8
    assert abs(pixels[:, 22:].mean() - bright) < 8


def test_transparency_lies_on_white():
    """Where nothing is drawn the model sees white, not the hidden colour."""
    clear = Image.new("RGBA", (40, 40), (10, 200, 10, 0))
    assert kept_pixels(look(encoded(clear, "PNG")).kept).min() > 250


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_kept_picture_stands_upright(orientation):
    """A picture stored turned in any of the eight ways is kept as it was seen."""
    seen = scene(width=240, height=160)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # PIL's transpose methods that store it turned
    stored = seen.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else seen
    found = look(encoded(stored, "PNG", exif=exif(t0x0112=orientation)))
    assert found.picture.orientation == orientation
    assert np.abs(kept_pixels(found.kept).astype(int) - kept_pixels(look(encoded(seen, "PNG")).kept)).mean() < 2


def test_only_the_first_frame_of_several_is_seen():
    """A burst in one file (MPO, animated WebP, TIFF pages) counts as its first picture."""
    first, second = scene(1), scene(2)
    for kind in ("MPO", "WEBP", "TIFF"):
        several = look(encoded(first.copy(), kind, save_all=True, append_images=[second.copy()])).picture
        distances = [int(several.phash, 16) ^ int(look(encoded(one)).picture.phash, 16) for one in (first, second)]
        assert distances[0].bit_count() <= 16
        assert distances[1].bit_count() > 60
        assert several.format == ("JPEG" if kind == "MPO" else kind)


def test_bytes_behind_the_end_do_no_harm():
    """Cameras append previews and padding behind the picture: it is sound, and the same picture."""
    plain, padded = look(JPEG).picture, look(JPEG + bytes(7000) + b"\xff\xd9").picture
    assert padded.integrity is Integrity.SOUND
    assert padded.picture_hash == plain.picture_hash
    assert padded.sha256 != plain.sha256


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_a_file_cut_anywhere_is_truncated(kind):
    """At whatever byte the copy broke off, behind the first words of the header, nothing is answered."""
    whole = encoded(scene(), kind)
    for end in np.linspace(40, len(whole) - 40, 60).astype(int):
        assert reason(whole[:end]) is Reason.TRUNCATED


def test_a_cut_tiff_is_refused():
    """A TIFF does not say how long it is, so that it may be called corrupt as well."""
    whole = encoded(scene(), "TIFF")
    for end in np.linspace(40, len(whole) - 400, 20).astype(int):
        assert reason(whole[:end]) in (Reason.TRUNCATED, Reason.CORRUPT)


def test_a_hole_in_the_data_is_never_sound():
    """Four KiB of zeros (a bad card, a power cut) make a picture suspect or unreadable, wherever they lie."""
    whole = encoded(scene(width=1200, height=900), quality=95)
    verdicts = set()
    for at in np.linspace(5000, len(whole) - 5000, 40).astype(int):
        data = whole[:at] + bytes(4096) + whole[at + 4096 :]
        try:
            verdicts.add(look(data).picture.integrity)
        except Unreadable as error:
            verdicts.add(error.reason)
    assert Integrity.SUSPECT in verdicts
    assert verdicts <= {Integrity.SUSPECT, Reason.CORRUPT, Reason.TRUNCATED}


def test_a_plain_surface_stored_as_zeros_is_sound():
    """With tables made for the picture a large plain background is a run of zero bits, and no hole."""
    plain = scene(width=1600, height=1200)
    plain.paste("white", (0, 100, 1600, 1200))
    data = encoded(plain, optimize=True)
    assert bytes(512) in data
    assert look(data).picture.integrity is Integrity.SOUND


def test_a_bomb_is_refused_by_its_header():
    """A header of 325 megapixels on a small file costs neither time nor memory."""
    at = JPEG.index(b"\xff\xc0")
    bomb = JPEG[: at + 5] + (5_000).to_bytes(2) + (65_000).to_bytes(2) + JPEG[at + 9 :]
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(Unreadable, match=r"^too large: 325 megapixels, the limit is 50$"):
        look(bomb)
    assert time.perf_counter() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF"])
def test_the_limit_holds_for_every_format(kind):
    """The number of pixels that are allowed is the caller's."""
    data = encoded(scene(), kind)
    with pytest.raises(Unreadable) as caught:
        examine(data, size=64, now=NOW, max_pixels=119_999)
    assert caught.value.reason is Reason.TOO_LARGE
    assert examine(data, size=64, now=NOW, max_pixels=120_000).picture.width == 400


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty: the file has no bytes"),
        (b"<html>not found</html>", "(it looks like text)"),
        (bytes(100), "(it looks like nothing but zero bytes)"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "(it looks like HEIC or AVIF)"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "(it looks like a video or raw)"),
        (b"RIFF\0\0\0\0AVI LIST", "(it looks like a video or sound)"),
        (b"GIF89a\1\0\1\0", "(it looks like a GIF)"),
        (b"II*\0\x10\0\0\0CR\2\0", "(it looks like a camera's raw)"),
        (b"BMW is a car, not a bitmap", "(it looks like text)"),
        (b"\xff\xd8", "truncated: the file ends before its picture does"),
        (b"\xff\xd8\xff\xd9", "corrupt: its JPEG data cannot be decoded"),
    ],
)
def test_the_reason_is_one_plain_sentence(data, text):
    """What is no picture is named for the reader of the report, and the reason survives a decode worker's pickle."""
    with pytest.raises(Unreadable) as caught:
        look(data)
    assert text in str(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.reason, str(copy)) == (caught.value.reason, str(caught.value))


def test_a_raw_file_is_not_its_preview():
    """A raw in a TIFF container is refused, though its first directory is a readable thumbnail."""
    assert reason(encoded(scene(), "TIFF", tiffinfo={254: 1})) is Reason.UNSUPPORTED
    assert reason(encoded(scene(), "TIFF", tiffinfo={50706: b"\1\4\0\0"})) is Reason.UNSUPPORTED


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF"]), st.data())
def test_no_damage_raises_anything_else(kind, data):
    """Bytes overwritten anywhere give a picture or ``Unreadable``, and no warning."""
    whole = bytearray(encoded(scene(width=60, height=40), kind, exif=exif(t0x010F="Maker")))
    for place in data.draw(st.lists(st.integers(0, min(len(whole) - 1, 1500)), min_size=1, max_size=12)):
        whole[place] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.suppress(Unreadable):
            assert kept_pixels(look(bytes(whole)).kept).shape == (64, 64, 3)


def test_metadata_between_two_pictures_of_one_sort_is_ignored_by_the_decoder():
    """A comment as long as a segment can be does not hide the picture."""
    data = with_segment(JPEG, 0xFE, b"\xff\xd9" * 30_000)
    assert look(data).kept == look(JPEG).kept
    assert Image.open(io.BytesIO(data)).size == (400, 300)
