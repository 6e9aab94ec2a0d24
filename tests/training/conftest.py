"""Two tiny backbones with drawn weights, tiny pictures of coloured blocks, and models that learned from them.

A training takes seconds, so those that several tests look at are made once; nobody changes them.
"""

from datetime import date

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from tiny_backbones import register_tiny

from ml.ensemble import Ensemble
from training.dataset import class_folders
from training.fit import fit
from training.prepare import Job
from training.settings import TrainingSettings

COLOURS = {"panda": (230, 230, 230), "lion": (220, 170, 60), "jaguar": (200, 60, 40), "other": (50, 140, 60)}


@pytest.fixture(scope="session")
def backbones():
    """Names of two registered backbones."""
    return register_tiny({"tiny_a": 16, "tiny_b": 24}, size=32)


@pytest.fixture(scope="session")
def settings():
    """Few folds and epochs, a learning rate that gets there with them."""
    return TrainingSettings(folds=2, epochs=12, learning_rate=0.02, hidden=16, dropout=0.2, prototypes=2, batch_size=16)


@pytest.fixture(scope="session")
def console():
    return Console(quiet=True)


@pytest.fixture(scope="session")
def draw():
    """Draw class folders: ``draw(folder, pictures, seed, names)``; ``names`` says what each class folder is called."""

    def write(folder, pictures=9, seed=0, names=None):
        random = np.random.default_rng(seed)
        for label, colour in COLOURS.items():
            below = folder / (names or {}).get(label, label)
            below.mkdir(parents=True)
            for number in range(pictures):
                blocked(random, colour).save(below / f"{number:02}.png")
        return folder

    return write


@pytest.fixture(scope="session")
def job(backbones, settings, tmp_path_factory):
    return Job(
        name="test",
        created=date(2026, 11, 24),
        backbones=backbones,
        settings=settings,
        cache=tmp_path_factory.mktemp("cache"),
        untrained_seed=7,
    )


@pytest.fixture(scope="session")
def pictures(draw, tmp_path_factory):
    return draw(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def fitted(pictures, job, console, tmp_path_factory):
    """A model of those pictures."""
    return fit(class_folders(pictures), job, models=tmp_path_factory.mktemp("models"), console=console)


@pytest.fixture(scope="session")
def ensemble(fitted):
    return Ensemble.load(fitted.folder, batch_size=4)


@pytest.fixture(scope="session")
def given_split(draw, tmp_path_factory):
    """Pictures in a folder to train on and one to test; of one of the test pictures the other folder has a twin."""
    folder = tmp_path_factory.mktemp("given_split")
    draw(folder / "Train", seed=1)
    draw(folder / "Test", seed=2, pictures=3)
    twin = folder / "Test" / "panda" / "twin.png"
    twin.write_bytes((folder / "Train" / "panda" / "00.png").read_bytes())
    return folder


@pytest.fixture(scope="session")
def fitted_to_given(given_split, job, console, tmp_path_factory):
    """A model of those, with the figures of folds that ignore groups beside the others."""
    models = tmp_path_factory.mktemp("models")
    return fit(class_folders(given_split), job, models=models, console=console, compared=True)


def blocked(random, colour):
    """A picture of 8 × 8 blocks in shades of one colour; no two look alike."""
    shades = random.uniform(0.2, 1, (8, 8, 1)).repeat(8, axis=0).repeat(8, axis=1)
    return Image.fromarray((shades * np.array(colour)).astype(np.uint8))
