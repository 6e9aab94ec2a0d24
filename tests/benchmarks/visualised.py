"""Grad-CAM as tf-keras-vis does it, a library that many use; measured where it is installed."""

import importlib.util
import time
from contextlib import contextmanager

import numpy as np

from ml import machine
from ml.backbones import backbone, load

CLASSES = 12


def is_installed():
    """Tell whether the library is there."""
    return importlib.util.find_spec("tf_keras_vis") is not None


@contextmanager
def visualised(weights):
    """Give it over the VGG16 of the reference ensemble, with the weights in the folder ``weights``."""
    machine.prepare()
    yield Visualised(weights)


class Visualised:
    """One backbone and a head."""

    def __init__(self, weights):
        import keras
        from tf_keras_vis.gradcam import Gradcam

        network = load("vgg16", weights).model
        logits = keras.layers.Dense(CLASSES)(network.outputs[1])
        self._gradcam = Gradcam(keras.Model(network.input, logits), clone=False)
        self.gradcam(np.zeros((1, *network.input_shape[1:]), np.uint8))

    def gradcam(self, pixels):
        """Explain pictures uint8 (n, size, size, 3) one by one; give the seconds each."""
        from tf_keras_vis.utils.scores import CategoricalScore

        explained, score = backbone("vgg16").explained, CategoricalScore(0)
        begin = time.perf_counter()
        for picture in pixels.astype(np.float32):
            self._gradcam(score, picture[None], penultimate_layer=explained)
        return (time.perf_counter() - begin) / len(pixels)
