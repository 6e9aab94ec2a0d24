"""The machine the model runs on: which device, said in words, and TensorFlow kept quiet and modest.

TensorFlow reads its settings once, when it is loaded, so whoever is about to use Keras calls ``prepare`` first.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext


def device() -> str:
    """Say what the model runs on, such as "CPU, 2 threads" or "NVIDIA H100"; loads TensorFlow."""
    return ", ".join(prepare()) or f"CPU, {len(os.sched_getaffinity(0))} threads"


def prepare() -> list[str]:
    """Load TensorFlow and return the names of the GPUs it sees (none: a CPU).

    The first call takes seconds. Made before any thread is started it is silent; later on TensorFlow's page of log
    messages comes out, since to hold it back would hold back what other threads say meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # else it takes all of the GPU's memory at once
    with _muffled() if threading.active_count() == 1 else nullcontext():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]


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
