"""The reference ensemble without its ImageNet weights, which cannot be had everywhere: drawn ones in the same files.

Speed does not depend on the weights; the files have the published names, so that the real loading runs.
"""

from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context

import numpy as np

from ml import machine
from ml.artifacts import Card, save
from ml.backbones import REFERENCE, backbone, load
from ml.backbones.reference import NETS
from ml.decision import Thresholds
from ml.familiarity import Familiar
from ml.graph import PREPROCESSING
from ml.heads import Dense, Head
from ml.labels import SPECIES
from ml.reduction import Reduction

CLASSES = (*SPECIES, "other")
DIMENSIONS = 64


def write_reference(weights, models):
    """Write the weight files into ``weights`` and a model with drawn heads into ``models``; give the model's folder."""
    weights.mkdir()
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:  # drawing them takes more memory than running them
        digests = dict(zip(REFERENCE, pool.map(partial(_write_weights, weights), REFERENCE, chunksize=1), strict=True))
    random = np.random.default_rng(0)
    card = Card(
        name="drawn",
        created=datetime.now(UTC).date(),
        classes=CLASSES,
        picture_size=224,
        preprocessing=PREPROCESSING,
        backbones=digests,
        stack_weights=np.tile(np.eye(len(CLASSES)) / len(REFERENCE), (len(REFERENCE), 1)).tolist(),
        stack_bias=[0.0] * len(CLASSES),
        temperature=1.0,
        thresholds=Thresholds(confidence=0.0, distance=2.0),
        metrics={},
        dataset={},
        settings={},
        versions={},
    )
    heads = [_head(random, backbone(name).features) for name in REFERENCE]
    prototypes = random.normal(size=(24, DIMENSIONS * len(REFERENCE)))
    familiar = Familiar(prototypes / np.linalg.norm(prototypes, axis=1, keepdims=True))
    features = {"label": np.zeros(1, np.uint8)}
    return save(models, card, heads=heads, familiar=familiar, features=features, readme="Drawn.\n")


def _write_weights(folder, name):
    """Save one backbone's drawn weights as Keras once published its own; give the sha256 of the file."""
    machine.prepare()
    import h5py
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    model = load(name, untrained=1).model
    with h5py.File(folder / NETS[name].file, "w") as file:
        save_weights_to_hdf5_group(file, model)
    return load(name, folder).weights_sha256


def _head(random, features):
    components = (random.normal(size=(features, DIMENSIONS)) / features**0.5).astype(np.float32)
    kernel = (random.normal(size=(DIMENSIONS, len(CLASSES))) / DIMENSIONS**0.5).astype(np.float32)
    reduction = Reduction(np.zeros(features, np.float32), components)
    return Head(reduction, None, Dense(kernel, np.zeros(len(CLASSES), np.float32)))
