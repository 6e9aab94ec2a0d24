"""Tiny backbones with one layer that a test looks into, or lets fail."""

import keras
import pytest
import tensorflow as tf

from ml.backbones import Backbone, register

SIZE, WIDTH = 16, 5


def register_watched(name, layer):
    """Register a tiny backbone that passes its pictures through what ``layer()`` makes; give its name."""

    def build(size):
        pixels = keras.Input((size, size, 3))
        scaled = keras.layers.Rescaling(1 / 127.5, -1)(layer()(pixels))
        explained = keras.layers.Conv2D(WIDTH, 3, strides=4, activation="relu", name="explained")(scaled)
        return keras.Model(pixels, [explained, keras.layers.GlobalAveragePooling2D()(explained)])

    register(
        Backbone(
            name=name,
            title=name,
            input_size=SIZE,
            explained="explained",
            features=WIDTH,
            build=build,
            fill=lambda _model, _folder: pytest.fail("the tests draw the weights"),
        )
    )
    return name


class Passing(keras.layers.Layer):
    """Hands what passes to ``look``, which may raise, whenever a batch runs."""

    def __init__(self, look):
        super().__init__()
        self.look = look

    def call(self, pixels):
        def passed(eager):
            self.look(eager)
            return eager

        result = tf.py_function(passed, [pixels], pixels.dtype)
        result.set_shape(pixels.shape)
        return result

    def compute_output_shape(self, input_shape):
        return input_shape


class Traced(keras.layers.Layer):
    """Calls ``look`` with the shape whenever Keras writes it into a graph, which is not when a batch runs."""

    def __init__(self, look):
        super().__init__()
        self.look = look

    def call(self, pixels):
        self.look(tuple(pixels.shape))
        return pixels


class Memory:
    """A device's memory, as far as it has some: a batch larger than ``holds`` pictures does not fit."""

    def __init__(self, holds=1_000_000):
        self.holds = holds
        self.sizes = []

    def __call__(self, pixels):
        if len(pixels) > self.holds:
            raise MemoryError(f"{len(pixels)} pictures")
        self.sizes.append(len(pixels))
