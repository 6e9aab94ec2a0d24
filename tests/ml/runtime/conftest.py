"""A small model and its export, made once, and pictures for it and for the starter."""

import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from drawn_models import drawn_model, opened, patchwork
from tiny_backbones import SMALL, register_tiny

from watcher.demo.world import SPECIES, Biome, draw_scene

TESTS = Path(__file__).resolve().parents[2]
SIDE = 64  # of the pictures of the small backbones


@pytest.fixture(scope="module", autouse=True)
def known_to_every_process():
    """The small backbones, also to the process that exports them."""
    with _known():
        yield


@pytest.fixture(scope="session")
def small():
    """Write a small model: ``small(models)`` gives its folder; see ``drawn_model`` for more."""
    register_tiny(SMALL, size=SIDE)
    return lambda models, **more: drawn_model(models, tuple(SMALL), size=SIDE, **more)


@pytest.fixture(scope="session")
def small_folder(small, tmp_path_factory):
    return small(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def small_cache(small_folder, tmp_path_factory):
    """Where the export of the small backbones is; what changes it copies it first."""
    cache = tmp_path_factory.mktemp("cache")
    with _known():
        opened(small_folder, cache, "openvino")
    return cache


@pytest.fixture(scope="session")
def small_pictures():
    return patchwork(11, size=SIDE)


@pytest.fixture(scope="session")
def scenes():
    """The demo's drawings of each species, uint8 (17, 320, 320, 3)."""
    random = np.random.default_rng(4)
    return np.stack([_scene(SPECIES[place % len(SPECIES)], random, night=place > 13) for place in range(17)])


def _scene(species, random, *, night):
    return np.asarray(draw_scene(species, rng=random, night=night, biome=Biome.SAVANNA, size=(320, 320)))


@contextmanager
def _known():
    with pytest.MonkeyPatch.context() as environment:
        paths = (TESTS / "watcher/small", TESTS, TESTS.parent)
        environment.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
        yield
