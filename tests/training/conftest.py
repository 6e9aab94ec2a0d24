"""Two tiny backbones with drawn weights, and tiny pictures of coloured blocks to train on them."""

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from tiny_backbones import register_tiny

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


def blocked(random, colour):
    """A picture of 8 × 8 blocks in shades of one colour; no two look alike."""
    shades = random.uniform(0.2, 1, (8, 8, 1)).repeat(8, axis=0).repeat(8, axis=1)
    return Image.fromarray((shades * np.array(colour)).astype(np.uint8))
