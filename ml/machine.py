"""The machine the model runs on: its devices, said in words, and Keras' backend loaded quietly and kept modest.

TensorFlow and JAX read their settings once, when they are loaded, so whoever is about to use Keras calls ``prepare``
first.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path


class RuntimeMissing(ValueError):  # noqa: N818  # reads as what happened
    """The runtime that is wanted is not installed or cannot be started; the message says what to do."""


def may_have_gpu() -> bool:
    """Tell whether a GPU's driver is there; costs nothing, and says nothing of whether a framework can use it."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


def cpu() -> str:
    """Say what there is without a GPU, such as "CPU, 2 threads"."""
    return f"CPU, {len(os.sched_getaffinity(0))} threads"


def backend() -> str:
    """Give the framework that Keras stands on: TensorFlow, or what ``KERAS_BACKEND`` names."""
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def prepare() -> list[str]:
    """Load Keras' backend and return the names of the GPUs it sees (none: a CPU).

    The first call takes seconds. Made before any thread is started it is silent; later on TensorFlow's page of log
    messages comes out, since to hold it back would hold back what other threads say meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # else each takes all of the GPU's memory at once
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    with _muffled() if threading.active_count() == 1 else nullcontext():
        return _jax_gpus() if backend() == "jax" else _tensorflow_gpus()


def _tensorflow_gpus() -> list[str]:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]


def _jax_gpus() -> list[str]:
    import jax

    return [device.device_kind for device in jax.local_devices() if device.platform == "gpu"]


@contextmanager
def _muffled() -> Iterator[None]:
    """Close standard error, for the whole process: TensorFlow writes there before it reads its log level."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
