"""A small model that needs no backbone: what the tests of artefacts and of the store write and read."""

from datetime import date

import numpy as np
import pytest

from ml.artifacts import Card, save
from ml.decision import Thresholds
from ml.familiarity import Familiar
from ml.heads import Dense, Head
from ml.reduction import Reduction


@pytest.fixture
def saved():
    """Write a model into a folder of models: ``saved(models, name, seed)`` returns where it lies."""

    def write(models, name="model", seed=0):
        random = np.random.default_rng(seed)
        layers = [
            Dense(random.normal(size=shape).astype(np.float32), np.zeros(shape[1], np.float32)) for shape in _SHAPES
        ]
        card = Card(
            name=name,
            created=date(2026, 11, 24),
            classes=("panda", "lion"),
            picture_size=32,
            preprocessing=1,
            backbones={"one": "00", "two": "11"},
            stack_weights=[[0.5, 0.0]] * 4,
            stack_bias=[0.0, 0.0],
            temperature=1.5,
            thresholds=Thresholds(confidence=0.7, distance=0.4),
            metrics={"accuracy": 0.9},
            dataset={},
            settings={},
            versions={},
        )
        reduction = Reduction(np.zeros(9, np.float32), np.ones((9, 6), np.float32))
        heads = (Head(reduction, layers[0], layers[1]), Head(reduction, None, layers[2]))
        return save(
            models,
            card,
            heads=heads,
            familiar=Familiar(np.ones((3, 12), np.float32)),
            features={"label": np.zeros(5, np.uint8)},
            readme="# A model\n",
        )

    return write


_SHAPES = ((6, 4), (4, 2), (6, 2))
