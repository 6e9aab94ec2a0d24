"""A program of its own, since TensorFlow learns of its devices once: two devices, asked by several threads at once.

Prints as JSON the columns in which an answer was wrong. TensorFlow says on standard error what ran on which device.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from drawn_models import drawn_model, numbers, patchwork
from tiny_backbones import register_tiny

from ml.artifacts import load
from ml.ensemble import Ensemble
from ml.runtime import start
from ml.runtime.batches import Fitting, Replicas
from ml.settings import Precision

SIZE, BATCH, BATCHES, THREADS = 16, 4, 60, 5


def main(models):
    """Ask for each picture alone on one device, then for batches of them on both."""
    cpu, two = tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    tf.debugging.set_log_device_placement(True)
    model = load(drawn_model(models, register_tiny({"placed": 5}, size=SIZE), size=SIZE))
    places = [start._placed(model, None, device, Precision.FLOAT32) for device in ("cpu:0", "cpu:1")]
    pixels = patchwork(BATCHES, size=SIZE)
    alone = numbers(Ensemble(model, Fitting(places[0], 1)).predict(pixels))
    replicas = Replicas([Fitting(at, BATCH) for at in places])
    ensemble = Ensemble(model, replicas, lanes=len(replicas) + 1)
    sys.stderr.write("NOW\n")
    random = np.random.default_rng(0)
    chosen = [random.choice(BATCHES, random.integers(1, BATCH + 1), replace=False) for _ in range(BATCHES)]
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda rows: numbers(ensemble.predict(pixels[rows])), chosen))
    wrong = [
        column
        for rows, said in zip(chosen, found, strict=True)
        for column, values in said.items()
        if not np.allclose(values, alone[column][rows], atol=1e-5)
    ]
    sys.stdout.write(json.dumps(wrong))


main(Path(sys.argv[1]))
