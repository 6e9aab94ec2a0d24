"""What runs the backbones on this machine: TensorFlow, JAX or OpenVINO, at which precision, in which batches."""

from ml.machine import RuntimeMissing
from ml.runtime.agreement import LEAST_PICTURES, Agreement, agreements, compare, record
from ml.runtime.batches import OutOfMemory
from ml.runtime.choice import Choice, choose, prepare, with_bfloat16
from ml.runtime.measure import Speed, measure
from ml.runtime.start import open_ensemble

__all__ = [
    "LEAST_PICTURES",
    "Agreement",
    "Choice",
    "OutOfMemory",
    "RuntimeMissing",
    "Speed",
    "agreements",
    "choose",
    "compare",
    "measure",
    "open_ensemble",
    "prepare",
    "record",
    "with_bfloat16",
]
