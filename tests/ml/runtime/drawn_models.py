"""Models with drawn heads, on backbones with drawn weights, and pictures for them."""

from datetime import date

import numpy as np

from ml.artifacts import Card, save
from ml.backbones import backbone, load
from ml.decision import Thresholds
from ml.familiarity import Familiar
from ml.graph import PREPROCESSING
from ml.heads import Dense, Head
from ml.reduction import Reduction
from ml.runtime import open_ensemble
from ml.settings import ModelSettings

CLASSES = ("panda", "lion", "rhino", "other")
ANY = Thresholds(confidence=0.0, distance=2.0)


def drawn_model(models, names, *, size, seed=3, thresholds=ANY, weights=None):
    """Write a model on the backbones ``names`` into ``models``; give its folder.

    ``weights`` says backbone → sha256, where it is not to be the one of the weights that are drawn.
    """
    random = np.random.default_rng(seed)
    heads = [_head(random, backbone(name).features) for name in names]
    card = Card(
        name="drawn",
        created=date(2026, 11, 24),
        classes=CLASSES,
        picture_size=size,
        preprocessing=PREPROCESSING,
        backbones=weights or {name: load(name, untrained=1).weights_sha256 for name in names},
        stack_weights=np.tile(np.eye(len(CLASSES)) / len(names), (len(names), 1)).tolist(),
        stack_bias=[0.0] * len(CLASSES),
        temperature=1.0,
        thresholds=thresholds,
        metrics={},
        dataset={},
        settings={},
        versions={},
    )
    familiar = Familiar(np.ones((1, sum(backbone(name).features for name in names)), np.float32))
    return save(
        models, card, heads=heads, familiar=familiar, features={"label": np.zeros(1, np.uint8)}, readme="Drawn.\n"
    )


def _head(random, features):
    kernel = random.normal(0, 1, size=(features, len(CLASSES))).astype(np.float32)
    reduction = Reduction(np.zeros(features, np.float32), np.eye(features, dtype=np.float32))
    return Head(reduction, None, Dense(kernel, np.zeros(len(CLASSES), np.float32)))


def patchwork(count, *, size, seed=0):
    """Draw pictures of patches, uint8 (count, size, size, 3), each in the shades of a colour of its own."""
    random = np.random.default_rng(seed)
    patches = random.integers(0, 256, (count, 1, 1, 3)) * random.uniform(0, 1, (count, 8, 8, 3))
    return patches.astype(np.uint8).repeat(size // 8, axis=1).repeat(size // 8, axis=2)


def opened(folder, cache, runtime, precision="float32", **more):
    """Open the model in ``folder`` on a runtime, at a precision."""
    return open_ensemble(folder, ModelSettings(runtime=runtime, precision=precision, **more), cache)


def numbers(answers):
    """All numbers of some answers by their name, float (n, …) each."""
    columns = {"stacked": [each.stacked for each in answers], "heatmap": [each.heatmap for each in answers]}
    columns |= {name: [each.probabilities[name] for each in answers] for name in answers[0].probabilities}
    return {name: np.stack(rows) for name, rows in columns.items()}


def assert_alike(some, others, *, probabilities=1e-5, heat=1e-4):
    """All probabilities and heat maps of both are as near to each other as that."""
    assert some.keys() == others.keys()
    for name in some:
        np.testing.assert_allclose(
            some[name], others[name], rtol=0, atol=heat if name == "heatmap" else probabilities, err_msg=name
        )
