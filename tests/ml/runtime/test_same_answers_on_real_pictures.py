"""The starter on real pictures: another runtime, order or way to decode does not change what it says."""

import sys
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
import simplejpeg
from drawn_models import assert_alike, numbers, opened
from PIL import Image, ImageOps

from ml.artifacts import STARTER
from ml.images import Unreadable, examine, kept_pixels
from ml.runtime import openvino
from ml.runtime.agreement import said

SIDE = 320
STEPS = {"species": 5, "other": 1, "cameratrap": 1}  # every fifth of the many that are alike in size
NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(scope="module")
def kept(shared):
    """The kept picture, a JPEG, of each readable original, by its path."""
    found = {}
    for folder, step in STEPS.items():
        for path in sorted((shared / folder).rglob("*.[jJ][pP]*[gG]"))[::step]:
            try:
                found[path] = examine(path.read_bytes(), size=SIDE, now=NOW).kept
            except Unreadable:
                continue
    return found


@pytest.fixture(scope="module")
def pixels(kept):
    """All of them, uint8 (n, 320, 320, 3)."""
    return np.stack([kept_pixels(jpeg) for jpeg in kept.values()])


@pytest.fixture(scope="module")
def ensemble(starter_cache):
    return opened(STARTER, starter_cache, "openvino")


@pytest.fixture(scope="module")
def answers(ensemble, pixels):
    """What OpenVINO says in float32, which the others are compared with."""
    return ensemble.predict(pixels)


def test_tensorflow_and_openvino_say_the_same(answers, pixels, tmp_path):
    """In float32 all probabilities, of each backbone and stacked, and all decisions are the same; every third tells."""
    exact, found = opened(STARTER, tmp_path, "tensorflow").predict(pixels[::3]), answers[::3]
    assert_alike(numbers(found), numbers(exact))
    assert [said(each) for each in found] == [said(each) for each in exact]


def test_bfloat16_decides_nearly_always_the_same(answers, pixels, starter_cache):
    """At least 99.5 % of the decisions are those of float32."""
    if not openvino.has_bfloat16():
        pytest.skip("this processor has no bfloat16")
    lower = opened(STARTER, starter_cache, "openvino", "bfloat16").predict(pixels)
    equal = sum(said(one) == said(other) for one, other in zip(answers, lower, strict=True))
    sys.stdout.write(f"{equal} of {len(answers)} decisions are equal in bfloat16\n")
    assert equal >= 0.995 * len(answers)


def test_another_order_in_other_batches_says_the_same(answers, pixels, starter_cache):
    """Every third picture, shuffled, and five at once in place of eight."""
    order = np.random.default_rng(0).permutation(len(pixels))[::3]
    fives = opened(STARTER, starter_cache, "openvino", batch_size=5)
    found = [each for start in range(0, len(order), 23) for each in fives.predict(pixels[order[start : start + 23]])]
    wanted = [answers[place] for place in order]
    assert [said(each) for each in found] == [said(each) for each in wanted]
    np.testing.assert_allclose(numbers(found)["stacked"], numbers(wanted)["stacked"], rtol=0, atol=1e-6)


def test_a_picture_decoded_at_a_reduced_scale_is_decided_as_the_whole(answers, kept, ensemble):
    """What is decoded in full by Pillow, and then resized in the same way, is decided alike."""
    in_full = {path: whole(path) for path in kept}
    # where both ways end in the same bytes nothing needs to be asked
    others = [place for place, path in enumerate(kept) if in_full[path] != kept[path]]
    paths = [list(kept)[place] for place in others]
    found = ensemble.predict(np.stack([kept_pixels(in_full[path]) for path in paths]))
    wanted = [answers[place] for place in others]
    differing = {
        "/".join(path.parts[-3:]): (said(one), said(other))
        for path, one, other in zip(paths, wanted, found, strict=True)
        if said(one) != said(other)
    }
    assert differing == {}


def whole(path):
    """The kept picture as it would be without a short cut."""
    with Image.open(BytesIO(path.read_bytes())) as image:
        upright = ImageOps.exif_transpose(image.convert("RGB"))
    square = upright.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return simplejpeg.encode_jpeg(np.asarray(square), 95, "RGB", "444")
