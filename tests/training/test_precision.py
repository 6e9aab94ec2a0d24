"""A training counts how often its model decides the same in bfloat16, where there are pictures enough to say so."""

import os
import shutil
from pathlib import Path

import pytest

from ml.runtime import LEAST_PICTURES, agreements, with_bfloat16
from ml.settings import Precision
from training.precision import count

TESTS = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def many(draw, tmp_path_factory):
    """Exactly as many pictures as are needed."""
    folder = draw(tmp_path_factory.mktemp("many"), pictures=LEAST_PICTURES // 4, seed=5)
    return sorted(folder.rglob("*.png"))


@pytest.fixture
def model(fitted, tmp_path, monkeypatch):
    """A trained model that may be written to; the process that exports it knows its backbones too."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (TESTS / "e2e" / "tiny", TESTS, TESTS.parent))))
    return shutil.copytree(fitted.folder, tmp_path / fitted.folder.name)


def test_each_runtime_is_counted_on_every_picture(model, many, tmp_path, console):
    """The count stands beside the model; a file that cannot be read by now is not among them."""
    (broken := tmp_path / "broken.png").write_bytes(b"gone bad")
    count(model, [*many, broken], weights_folder=None, cache=tmp_path / "cache", console=console)
    known = agreements(model)
    assert set(known) == {(runtime, Precision.BFLOAT16) for runtime in with_bfloat16()}
    for agreement in known.values():
        assert agreement.pictures == LEAST_PICTURES
        assert 0.8 * LEAST_PICTURES <= agreement.equal <= LEAST_PICTURES


def test_too_few_pictures_say_nothing(model, many, tmp_path, console):
    """Then nothing is counted, and the model goes on in float32."""
    count(model, many[1:], weights_folder=None, cache=tmp_path / "cache", console=console)
    assert agreements(model) == {}


def test_every_picture_of_a_run_is_named_once(fitted):
    """Those that were learned from and those held out."""
    paths = fitted.run.paths
    assert len(paths) == len(set(paths)) == 36
