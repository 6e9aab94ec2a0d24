"""Backbones that are tiny and have no weights but those drawn from a seed; the rest of a model is real."""

import pytest

from ml.backbones import Backbone, register

SMALL = {"small_a": 8, "small_b": 12}
"""The backbones of the watcher's tests."""


def register_tiny(widths, *, size):
    """Register one backbone a name, with so many features, for pictures of ``size``; give the names."""
    for name, width in widths.items():
        register(
            Backbone(
                name=name,
                title=name,
                input_size=size,
                explained="explained",
                features=width,
                build=lambda size, width=width: _tiny(size, width),
                fill=lambda _model, _folder: pytest.fail("the tests draw the weights"),
            )
        )
    return tuple(widths)


def _tiny(size, width):
    import keras

    pixels = keras.Input((size, size, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, -1)(pixels)
    explained = keras.layers.Conv2D(width, 3, strides=4, activation="relu", name="explained")(scaled)
    return keras.Model(pixels, [explained, keras.layers.GlobalAveragePooling2D()(explained)])


def register_tunable(name, *, size):
    """Register a backbone with batch normalisation, few features and a top of two blocks; give its name."""
    register(
        Backbone(
            name=name,
            title=name,
            input_size=size,
            explained="explained",
            features=_TUNABLE_WIDTH,
            build=_tunable,
            fill=lambda _model, _folder: pytest.fail("the tests draw the weights"),
            tops=("middle", "lower"),
        )
    )
    return name


_TUNABLE_WIDTH = 3  # so few that a head on frozen ones does not get far


def _tunable(size):
    import keras

    pixels = keras.Input((size, size, 3))
    inner = keras.layers.Rescaling(1 / 127.5, -1)(pixels)
    for name, strides in (("lower", 2), ("middle", 2), ("explained", 1)):
        inner = keras.layers.Conv2D(_TUNABLE_WIDTH, 3, strides=strides, use_bias=False, name=f"{name}_conv")(inner)
        inner = keras.layers.BatchNormalization(name=f"{name}_bn")(inner)
        inner = keras.layers.Activation("relu", name=name)(inner)
    return keras.Model(pixels, [inner, keras.layers.GlobalAveragePooling2D(name="pooled")(inner)])
