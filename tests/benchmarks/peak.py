"""What the machine can do at most: matrix products and convolutions that fill it, by each library at each precision."""

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import numpy as np
from contenders import cost

from ml import machine

SIDE = 2048  # of the matrices
BATCH, PLACES, CHANNELS = 8, 56, 256  # as in the middle of VGG16
CHAIN = 4  # steps one behind the other, so that carrying numbers in and out counts little
TIMES = 3
PRODUCT = CHAIN * 2 * SIDE**3
CONVOLUTION = CHAIN * 2 * 9 * CHANNELS**2 * PLACES**2 * BATCH


@contextmanager
def tensorflow_peak():
    """Give TensorFlow's."""
    machine.prepare()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    yield Peaks(_tensorflow)


@contextmanager
def openvino_peak():
    """Give OpenVINO's."""
    yield Peaks(_openvino)


@dataclass(frozen=True, slots=True, order=True)
class Peak:
    """Floating-point operations a second, and the cores that were had for them: what else runs takes some away."""

    speed: float
    cores: float


class Peaks:
    """Runs each kind of work at each precision; what is compiled for it is kept."""

    def __init__(self, compiled):
        self._compiled = compiled
        self._kept = {}

    def product(self, precision):
        """Multiply matrices; give the ``Peak`` reached."""
        return self._reached("product", precision, PRODUCT)

    def convolution(self, precision):
        """Convolve with 3 × 3 kernels; give the ``Peak`` reached."""
        return self._reached("convolution", precision, CONVOLUTION)

    def _reached(self, kind, precision, operations):
        if (kind, precision) not in self._kept:
            self._kept[kind, precision] = self._compiled(kind, precision)
            self._kept[kind, precision]()
        each = [cost(self._kept[kind, precision]) for _ in range(TIMES)]
        cores = sum(one.cpu for one in each) / sum(one.seconds for one in each)
        return Peak(operations / min(one.seconds for one in each), cores)


def operations(model):
    """Count the floating-point operations of a picture, two for each multiplication with a weight of a kernel."""
    count = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)  # convolutions, depthwise ones and dense layers have one
        if kernel is not None:
            places = [side for side in layer.output.shape[1:-1] if side]
            count += 2 * prod(kernel.shape) * prod(places)
    return count


def _drawn(kind):
    """Numbers to start from, and weights that keep them of their size."""
    random = np.random.default_rng(0)
    if kind == "product":
        shape, weights, inputs = (SIDE, SIDE), (SIDE, SIDE), SIDE
    else:
        shape, weights, inputs = (BATCH, PLACES, PLACES, CHANNELS), (3, 3, CHANNELS, CHANNELS), 9 * CHANNELS
    start = random.standard_normal(shape, np.float32)
    return start, [random.standard_normal(weights, np.float32) / np.float32(inputs**0.5) for _ in range(CHAIN)]


def _tensorflow(kind, precision):
    import tensorflow as tf

    start, weights = _drawn(kind)
    start, *weights = (tf.constant(part, precision) for part in (start, *weights))

    @tf.function(jit_compile=False)
    def run(numbers):
        for each in weights:
            numbers = numbers @ each if kind == "product" else tf.nn.conv2d(numbers, each, 1, "SAME")
        return numbers

    return lambda: run(start).numpy()


def _openvino(kind, precision):
    import openvino
    from openvino import opset13 as ops

    start, weights = _drawn(kind)
    if kind == "convolution":  # channels first, as OpenVINO has them
        start, weights = start.transpose(0, 3, 1, 2), [each.transpose(3, 2, 0, 1) for each in weights]
    parameter = numbers = ops.parameter(start.shape, np.float32)
    for each in weights:
        constant = ops.constant(np.ascontiguousarray(each))
        if kind == "product":
            numbers = ops.matmul(numbers, constant, transpose_a=False, transpose_b=False)
        else:
            numbers = ops.convolution(numbers, constant, [1, 1], [1, 1], [1, 1], [1, 1])
    hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
    model = openvino.Model([numbers], [parameter])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": hint})
    contiguous = np.ascontiguousarray(start)
    return lambda: compiled(contiguous, share_inputs=True)
