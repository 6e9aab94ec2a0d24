"""Backbones that are tiny and have no weights but those drawn from a seed; the rest of a model is real."""

import pytest

from ml.backbones import Backbone, register


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
