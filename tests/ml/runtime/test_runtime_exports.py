"""An export is made once for its weights, whole or not at all, and is not believed when it was changed."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from drawn_models import assert_alike, numbers, opened

KILLED = """
import resource, signal, sys
from pathlib import Path
from ml.runtime.openvino import export
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
model, folder = map(Path, sys.argv[1:])
export(model, None, folder)
"""


@pytest.fixture
def cache(small_cache, tmp_path):
    """A copy of the cache, to be changed."""
    return shutil.copytree(small_cache, tmp_path / "cache")


def exports(cache):
    """The exports in a cache: the graph's inode by the folder."""
    return {path.parent: path.stat().st_ino for path in cache.glob("openvino/*/graph.xml")}


def test_an_export_is_shared_by_all_models_on_the_same_backbones(small, small_folder, cache, tmp_path):
    """Opened again, and with other heads, nothing is exported; the answers are those of the heads."""
    before = exports(cache)
    assert len(before) == 1
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    first, again = (numbers(opened(small_folder, cache, "openvino").predict(pixels)) for _ in range(2))
    assert_alike(first, again)
    other = numbers(opened(small(tmp_path, seed=8), cache, "openvino").predict(pixels))
    assert not np.allclose(first["stacked"], other["stacked"], atol=0.01)
    assert exports(cache) == before


def flipped(folder):
    """The weights, with a bit that is another."""
    path = folder / "graph.bin"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def halved(folder):
    """What a power cut leaves of the graph, where a file system does that."""
    path = folder / "graph.xml"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "damage",
    [flipped, halved, lambda folder: (folder / "sha256.json").write_text("{}")],
    ids=["bit", "half", "no list"],
)
def test_an_export_that_was_changed_is_made_anew(damage, small_folder, cache, small_pictures):
    """The answers are right afterwards, and the files others than before."""
    wanted = numbers(opened(small_folder, cache, "openvino").predict(small_pictures))
    ((folder, before),) = exports(cache).items()
    damage(folder)
    found = numbers(opened(small_folder, cache, "openvino").predict(small_pictures))
    assert_alike(found, wanted)
    assert set(exports(cache)) == {folder}
    assert exports(cache)[folder] != before


def test_three_exports_are_kept(small_folder, cache):
    """The new one and the two that were opened last, so that a rollback finds its own."""
    ((folder, _),) = exports(cache).items()
    for days in range(1, 5):
        old = shutil.copytree(folder, folder.parent / f"old-{days}")
        at = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        os.utime(old, (at, at))
    shutil.rmtree(folder)
    opened(small_folder, cache, "openvino")
    assert {path.name for path in exports(cache)} == {folder.name, "old-1", "old-2"}


def test_one_that_is_opened_counts_as_used(small_folder, cache):
    """What is old and in use is not what is forgotten first."""
    ((folder, _),) = exports(cache).items()
    os.utime(folder, (0, 0))
    opened(small_folder, cache, "openvino")
    assert folder.stat().st_mtime > 0


def test_an_export_that_was_killed_is_none(small_folder, small_cache, small_pictures, tmp_path):
    """The system kills the process while it writes; nothing counts as whole, and the next one makes it."""
    ((made, _),) = exports(small_cache).items()
    folder = tmp_path / "openvino" / made.name
    command = [sys.executable, "-c", KILLED, small_folder, folder]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGXFSZ, done.stderr
    assert len(list(folder.parent.glob(".export-*/*"))) > 0
    assert not folder.exists()
    found = numbers(opened(small_folder, tmp_path, "openvino").predict(small_pictures))
    assert set(exports(tmp_path)) == {folder}
    assert_alike(found, numbers(opened(small_folder, small_cache, "openvino").predict(small_pictures)))
