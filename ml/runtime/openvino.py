"""OpenVINO, for CPUs: the graph, exported once for its weights, and run from there without TensorFlow in memory.

An export is a folder named by a hash of all that its numbers follow from, and made by a process of its own, so that
what TensorFlow needs for it is given back. One that is not what its list of hashes says is made anew.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from pebble import ProcessExpired, ProcessPool

from ml.arrays import Floats, Pixels
from ml.artifacts import Model, load
from ml.backbones import WeightsMissing
from ml.files import sync, write_atomically
from ml.graph import PREPROCESSING
from ml.machine import RuntimeMissing
from ml.model_graph import model_graph
from ml.settings import Precision

_FORMAT = 1
_GRAPH, _WEIGHTS, _HASHES = "graph.xml", "graph.bin", "sha256.json"
_PART, _DAY = ".export-", 24 * 3600
_KEPT = 3  # exports; a rollback finds its own still there
_HINTS = {Precision.FLOAT32: "f32", Precision.BFLOAT16: "bf16"}


def installed() -> bool:
    """Tell whether the package is there, without loading it."""
    return importlib.util.find_spec("openvino") is not None


@cache
def has_bfloat16() -> bool:
    """Tell whether this processor computes in bfloat16; loads OpenVINO, which is quick."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class Compiled:
    """An export, compiled for one batch shape. One thread uses it at a time."""

    def __init__(self, graph: Path, batch_size: int, precision: Precision) -> None:
        core = _core()
        read = core.read_model(graph, config={"ENABLE_MMAP": False})  # else the weights are in memory twice
        read.reshape([batch_size, *(axis.get_length() for axis in read.input().partial_shape[1:])])
        hints = {"INFERENCE_PRECISION_HINT": _HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
        self._compiled = core.compile_model(read, "CPU", hints)
        self._pixels = np.zeros(self._compiled.input().shape, np.uint8)
        self.batch_size = batch_size

    def __call__(self, pixels: Pixels) -> list[Floats]:
        """Run up to ``batch_size`` pictures, as a ``Runner`` does."""
        self._pixels[: len(pixels)] = pixels
        outputs = self._compiled(self._pixels, share_inputs=True)
        return [outputs[output] for output in self._compiled.outputs]


def compiled(
    model: Model, *, weights_folder: Path | None, cache: Path, precision: Precision
) -> Callable[[int], Compiled]:
    """Return what compiles the backbones of ``model`` for a batch size; they are exported below ``cache`` if needed.

    Raises what ``model_graph`` raises, and ``RuntimeMissing``.
    """
    folder = cache / "openvino" / _key(model)
    if not _whole(folder):
        # not in this process: TensorFlow would take more memory than all the rest, for ever
        try:
            # of one task: it ends even where this process was killed meanwhile
            with ProcessPool(max_workers=1, max_tasks=1, context=get_context("spawn")) as process:
                process.schedule(export, args=[model.folder, weights_folder, folder]).result()
        except ProcessExpired as error:
            raise RuntimeMissing(
                f"the process that makes {model.version} ready for OpenVINO was killed, perhaps for want of memory: "
                'end other programs, or set model.runtime = "tensorflow"'
            ) from error
        except WeightsMissing:
            raise
        except OSError as error:
            raise RuntimeMissing(
                f"{model.version} cannot be made ready for OpenVINO ({error.strerror or error}): free the disk of "
                f'{folder.parent}, or set model.runtime = "tensorflow"'
            ) from error
        _forget(folder)
    folder.touch()
    return lambda batch_size: Compiled(folder / _GRAPH, batch_size, precision)


def export(model_folder: Path, weights_folder: Path | None, folder: Path) -> None:
    """Write the backbones of a model into ``folder``, whole or not at all: float32, for any batch size."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    graph = model_graph(load(model_folder), weights_folder, batch_size=1)
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    size = graph.keras_model.input_shape[1:]
    # A trace of its own: the graph's has its batch size in it.
    function = tf.function(
        lambda pixels: graph.keras_model(pixels, training=False),
        input_signature=[tf.TensorSpec((None, *size), tf.uint8)],
    )
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=_PART, dir=folder.parent))
    try:
        (beside / "frozen.pb").write_bytes(frozen.graph.as_graph_def().SerializeToString())
        _convert(beside / "frozen.pb", [output.name for output in frozen.outputs], beside / _GRAPH)
        (beside / "frozen.pb").unlink()
        hashes = {name: _sha256(beside / name) for name in (_GRAPH, _WEIGHTS)}
        write_atomically(beside / _HASHES, json.dumps(hashes).encode())
        if not _whole(folder):  # or another process was quicker
            shutil.rmtree(folder, ignore_errors=True)
            beside.rename(folder)
            sync(folder.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _convert(frozen: Path, outputs: list[str], graph: Path) -> None:
    import openvino

    # Not ``convert_model``, which reports its use over the network.
    read = _core().read_model(frozen)
    # By name: the ends of Keras' custom gradients look like outputs too.
    wanted = openvino.Model([read.output(name) for name in outputs], read.get_parameters())
    openvino.save_model(wanted, graph, compress_to_fp16=False)


def _key(model: Model) -> str:
    card = model.card
    follows_from = [
        _FORMAT, PREPROCESSING, card.picture_size, card.backbones, card.fine_tuned, version("openvino"),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(follows_from, sort_keys=False).encode()).hexdigest()[:16]


def _whole(folder: Path) -> bool:
    try:
        hashes = json.loads((folder / _HASHES).read_bytes())
        return all(_sha256(folder / name) == hashes[name] for name in (_GRAPH, _WEIGHTS))
    except (OSError, ValueError, TypeError, LookupError):
        return False


def _forget(newest: Path) -> None:
    """Remove exports that were not used lately, and what a killed process left half-made the day before."""
    others = sorted(set(newest.parent.iterdir()) - {newest}, key=lambda each: each.stat().st_mtime, reverse=True)
    whole = [each for each in others if not each.name.startswith(_PART)]
    yesterday = time.time() - _DAY
    parts = [each for each in others if each.name.startswith(_PART) and each.stat().st_mtime < yesterday]
    for old in whole[_KEPT - 1 :] + parts:
        shutil.rmtree(old, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _core() -> Any:
    import openvino

    return openvino.Core()
