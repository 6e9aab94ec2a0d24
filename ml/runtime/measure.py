"""How fast each runtime is on this machine, with a model: measured in turns, so that a busy moment hits them alike."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from ml import machine
from ml.ensemble import Ensemble
from ml.runtime import openvino
from ml.runtime.start import open_ensemble
from ml.settings import ModelSettings, Precision, Runtime


@dataclass(frozen=True, slots=True)
class Speed:
    """Pictures a second of the backbones alone."""

    runtime: Runtime
    precision: Precision
    pictures_a_second: float

    def __str__(self) -> str:
        return f"{self.runtime} in {self.precision} {self.pictures_a_second:.1f}"


def measure(folder: Path, settings: ModelSettings, cache: Path, *, seconds: float) -> list[Speed]:
    """Run the model in ``folder`` for so many seconds in all, on whatever can run it here; the fastest first.

    Of TensorFlow and JAX one is among them: a process has one backend of Keras.
    """
    ways = {way: _opened(folder, settings, cache, *way) for way in _ways()}
    run, spent = dict.fromkeys(ways, 0), dict.fromkeys(ways, 0.0)
    for way in cycle(ways):
        ensemble = ways[way]
        begin = time.perf_counter()
        ensemble.graph(_blank(ensemble))
        spent[way] += time.perf_counter() - begin
        run[way] += ensemble.graph.batch_size
        if min(spent.values()) > seconds / len(ways):
            break
    speeds = [Speed(*way, run[way] / spent[way]) for way in ways]
    return sorted(speeds, key=lambda speed: -speed.pictures_a_second)


def _ways() -> Iterator[tuple[Runtime, Precision]]:
    yield Runtime(machine.backend()), Precision.FLOAT32
    if machine.prepare():
        yield Runtime(machine.backend()), Precision.BFLOAT16
    if openvino.installed():
        yield Runtime.OPENVINO, Precision.FLOAT32
        if openvino.has_bfloat16():
            yield Runtime.OPENVINO, Precision.BFLOAT16


def _opened(folder: Path, settings: ModelSettings, cache: Path, runtime: Runtime, precision: Precision) -> Ensemble:
    ensemble = open_ensemble(folder, settings.model_copy(update={"runtime": runtime, "precision": precision}), cache)
    ensemble.graph(_blank(ensemble))  # what the first run costs is no speed
    return ensemble


def _blank(ensemble: Ensemble) -> np.ndarray:
    side = ensemble.model.card.picture_size
    return np.zeros((ensemble.graph.batch_size, side, side, 3), np.uint8)
