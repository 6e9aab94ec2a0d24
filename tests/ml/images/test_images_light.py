"""How light pictures are, and which of them an infrared flash lit."""

import csv
from datetime import UTC, datetime

import numpy as np
import pytest
from bursts import burst
from drawn_pictures import encoded, scene

from ml.images import examine, kept_pixels
from ml.images.light import light

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def plain(red, green, blue):
    return np.full((32, 32, 3), (red, green, blue), np.uint8)


@pytest.mark.parametrize(("grey", "brightness"), [(0, 0), (51, 0.2), (255, 1)])
def test_brightness_is_the_mean_luminance(grey, brightness):
    """From 0, black, to 1, white."""
    assert light(plain(grey, grey, grey)).brightness == pytest.approx(brightness, abs=1e-5)


def test_green_is_brighter_than_blue():
    """As the eye sees it, and JPEG."""
    assert light(plain(0, 200, 0)).brightness > light(plain(200, 0, 0)).brightness > light(plain(0, 0, 200)).brightness


def test_drawn_nights_are_infrared_and_drawn_days_are_not():
    """Grey with a sensor's noise, and a tint of land and sky."""
    for seed in range(5):
        (night,), (day,) = burst(seed, 1, night=True), burst(seed, 1)
        assert light(np.asarray(night)).infrared
        assert not light(np.asarray(day)).infrared


def test_a_coloured_banner_leaves_a_picture_infrared():
    """Makers print a logo and the time below the picture."""
    pixels = plain(120, 120, 120)
    pixels[-3:] = 240, 120, 20
    assert light(pixels).infrared


def test_nothing_lit_is_not_infrared():
    """A black night says that the flash is broken, not that it worked."""
    assert not light(plain(3, 3, 3)).infrared


def test_it_is_measured_on_the_kept_picture():
    """The facts of a picture are those of the pixels that are kept of it, whatever its size was."""
    examined = examine(encoded(scene(3)), size=64, now=NOW)
    kept = light(kept_pixels(examined.kept))
    assert examined.picture.brightness == pytest.approx(kept.brightness, abs=0.01)
    assert examined.picture.infrared == kept.infrared


def test_real_pictures_are_told_apart(shared):
    """The index beside the real camera-trap pictures says which of them look grey."""
    with (shared / "cameratrap" / "index.csv").open(encoding="utf-8") as file:
        listed = [(row["file"], row["looks_grey_infrared"] == "1") for row in csv.DictReader(file)]
    wrong = [
        name
        for name, infrared in listed
        if examine((shared / "cameratrap" / name).read_bytes(), size=224, now=NOW).picture.infrared != infrared
    ]
    assert wrong == []
