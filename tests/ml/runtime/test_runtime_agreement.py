"""How often a lower precision decides as float32 does: counted, and kept beside the model."""

import numpy as np
import pytest
from drawn_models import opened, patchwork

from ml.decision import Thresholds
from ml.runtime import Agreement, agreements, compare, record
from ml.settings import Precision, Runtime

FOUND = {
    (Runtime.OPENVINO, Precision.BFLOAT16): Agreement(pictures=400, equal=399),
    (Runtime.TENSORFLOW, Precision.BFLOAT16): Agreement(pictures=7, equal=0),
}


def test_what_is_recorded_is_known(tmp_path):
    """It is read back as it was found, and takes the place of what was known before."""
    record(tmp_path, FOUND)
    assert agreements(tmp_path) == FOUND
    record(tmp_path, {})
    assert agreements(tmp_path) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b'{"openvino bfl',
        b"[]",
        b'{"openvino bfloat16": 0.99}',
        b'{"openvino bfloat16": {"pictures": 400}}',
        b'{"abacus bfloat16": {"pictures": 400, "equal": 400}}',
        b'{"openvino float8": {"pictures": 400, "equal": 400}}',
        b'{"openvino": {"pictures": 400, "equal": 400}}',
    ],
)
def test_a_file_of_another_kind_is_as_if_nothing_were_known(content, tmp_path):
    """One that is damaged, or written by a version that knows other runtimes; so is an absent one."""
    assert agreements(tmp_path) == {}
    (tmp_path / "agreement.json").write_bytes(content)
    assert agreements(tmp_path) == {}


@pytest.mark.parametrize(
    ("pictures", "equal", "enough"),
    [(199, 199, False), (200, 200, True), (200, 199, True), (200, 198, False), (1000, 995, True), (1000, 994, False)],
)
def test_enough_is_199_of_200(pictures, equal, enough):
    """99.5 % of at least 200 pictures, both bounds included."""
    assert Agreement(pictures=pictures, equal=equal).is_enough is enough


def test_equal_decisions_are_counted(small, small_cache, tmp_path):
    """Two models that differ in one threshold disagree where a probability lies between both, and nowhere else."""
    pixels = patchwork(40, size=64, seed=2)

    def model(least):
        folder = small(tmp_path, thresholds=Thresholds(confidence=least, distance=2.0))
        return opened(folder, small_cache, "openvino")

    sure = model(0.0)
    answers = sure.predict(pixels)
    median = float(np.median([answer.probability for answer in answers]))
    between = sum(answer.background is None and answer.probability < median for answer in answers)
    assert 0 < between < 40
    unsure = model(median)
    batches = (pixels[:17], pixels[17:18], pixels[18:])
    assert compare(sure, unsure, batches) == Agreement(pictures=40, equal=40 - between)
    assert compare(sure, sure, batches) == Agreement(pictures=40, equal=40)
