"""A model's folder → an ensemble that answers, on the runtime, precision, devices and batch size of this machine."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml import machine
from ml.arrays import Floats, Pixels
from ml.artifacts import Model, load
from ml.ensemble import Ensemble
from ml.files import write_atomically
from ml.graph import CPU_BATCH, Graph
from ml.model_graph import model_graph, refuse_other_preprocessing
from ml.runner import Runner
from ml.runtime import openvino
from ml.runtime.agreement import agreements
from ml.runtime.batches import Fitting, Replicas
from ml.runtime.choice import choose, prepare
from ml.settings import ModelSettings, Precision, Runtime


def open_ensemble(folder: Path, settings: ModelSettings, cache: Path) -> Ensemble:
    """Load the model in ``folder`` to answer as the settings say; ``cache`` keeps what is made for this machine.

    Raises ``ArtifactError``, ``WeightsDamaged``, ``WeightsMissing`` and ``RuntimeMissing``.
    """
    model = load(folder)
    refuse_other_preprocessing(model)
    prepare(settings)
    choice = choose(settings, agreements(folder))
    if choice.runtime is Runtime.OPENVINO:
        runner, device = _on_openvino(model, settings, cache, choice.precision), machine.cpu()
    else:
        gpus = {f"gpu:{number}": name for number, name in enumerate(machine.prepare())}
        if gpus:
            runner = on_devices(model, settings, cache, choice.precision, gpus)
        else:
            runner = _on_cpu(model, settings, choice.precision)
        device = ", ".join(gpus.values()) or machine.cpu()
    # one lane a device, and one in which the answers to a batch are worked out meanwhile
    runs_on = f"{device}, {choice.runtime} in {choice.precision}"
    return Ensemble(model, runner, runs_on=runs_on, lanes=len(runner) + 1)


def _on_openvino(model: Model, settings: ModelSettings, cache: Path, precision: Precision) -> Replicas:
    at = openvino.compiled(model, weights_folder=settings.weights_folder, cache=cache, precision=precision)
    return Replicas([Fitting(at, _size(settings) or CPU_BATCH)])


def _on_cpu(model: Model, settings: ModelSettings, precision: Precision) -> Replicas:
    at = _placed(model, settings.weights_folder, "cpu:0", precision)
    return Replicas([Fitting(at, _size(settings) or CPU_BATCH)])


def on_devices(
    model: Model, settings: ModelSettings, cache: Path, precision: Precision, devices: Mapping[str, str]
) -> Replicas:
    """Put one replica on each of ``devices`` (Keras' name of it → the maker's).

    The batch size is found on the first, and remembered in ``cache``: the search compiles many times. Where not even
    one picture fits, the CPU goes on.
    """
    weights = settings.weights_folder

    def cpu(batch_size: int) -> Runner:
        return _placed(model, weights, "cpu:0", Precision.FLOAT32)(batch_size)

    places = [_placed(model, weights, device, precision) for device in devices]
    noted, sizes = cache / "batch-sizes.json", _read(cache / "batch-sizes.json")
    follows_from = (*devices.values(), machine.backend(), precision, model.card.backbones, model.card.picture_size)
    key = hashlib.sha256(repr(follows_from).encode()).hexdigest()[:16]
    first = Fitting(places[0], _size(settings) or sizes.get(key) or CPU_BATCH, instead=cpu)
    if _size(settings) is None and key not in sizes:
        side = model.card.picture_size
        sizes[key] = first.grow(np.zeros((1, side, side, 3), np.uint8))
        if sizes[key] > CPU_BATCH:  # else another program may have had the memory, for a while
            write_atomically(noted, json.dumps(sizes).encode())
    return Replicas([first, *(Fitting(at, first.batch_size, instead=cpu) for at in places[1:])])


@dataclass(frozen=True, slots=True)
class _Placed:
    """A Keras graph on one device."""

    graph: Graph
    device: str  # Keras' name of it

    @property
    def batch_size(self) -> int:
        return self.graph.batch_size

    def __call__(self, pixels: Pixels) -> list[Floats]:
        import keras

        with keras.device(self.device):
            return self.graph(pixels)


def _placed(model: Model, weights_folder: Path | None, device: str, precision: Precision) -> Callable[[int], _Placed]:
    """Put the backbones of ``model`` onto ``device``; the result gives them at a batch size."""
    import keras

    with keras.device(device):
        graph = model_graph(model, weights_folder, precision=precision)

    def at(batch_size: int) -> _Placed:
        with keras.device(device):
            return _Placed(graph if batch_size == graph.batch_size else graph.at(batch_size), device)

    return at


def _size(settings: ModelSettings) -> int | None:
    return None if settings.batch_size == "auto" else settings.batch_size


def _read(noted: Path) -> dict[str, int]:
    try:
        found: dict[str, int] = json.loads(noted.read_bytes())
    except (OSError, ValueError):
        return {}
    return found
