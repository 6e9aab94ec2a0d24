"""The two other ways to do what Trapline does with a folder of pictures, with the same ensemble.

``textbook`` is what the tutorials of Keras show, picture by picture; ``competent`` is the same in batches, with
Grad-CAM compiled, and may read pictures in threads, ahead of the model. Both draw on the picture that the model is fed,
not on the original, which is in their favour.
"""

import logging
import shutil
import sqlite3
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import numpy as np
from contenders import cost
from peak import operations
from PIL import Image

from ml import machine
from ml.artifacts import load as load_model
from ml.backbones import backbone, load

BATCH, THREADS = 8, 2


@contextmanager
def textbook(model, weights, home):
    """Give the tutorials' way; ``model`` is a model's folder, ``home`` where answers are written."""
    yield Textbook(model, weights, home)


@contextmanager
def competent(model, weights, home, ahead):
    """Give the competent way, which reads ``ahead`` batches while one is with the model."""
    yield Competent(model, weights, home, ahead)


class Textbook:
    """One picture after the other."""

    def __init__(self, model, weights, home):
        machine.prepare()
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of every second model in a process
        read = load_model(model)
        self.home, self.card, self.stack, self.size = home, read.card, read.stack, read.card.picture_size
        self.explained, self.classifiers = [], []
        for name, head in zip(read.card.backbones, read.heads, strict=True):
            side = backbone(name).input_size
            explained, classifier = _models(load(name, weights, size=side).model, head)
            self.explained.append(explained)
            self.classifiers.append(classifier)
        self.operations = sum(operations(model) for model in self.explained)
        self._warm(np.zeros((BATCH, self.size, self.size, 3), np.uint8))

    def answer(self, inbox):
        """Answer every picture below ``inbox``; give the ``Cost``."""
        pictures = sorted(inbox.rglob("*.JPG"))
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        with closing(sqlite3.connect(self.home / "answers.db")) as ledger:
            ledger.execute("CREATE TABLE answer (path TEXT PRIMARY KEY, label TEXT, probability REAL, gradcam TEXT)")
            spent = cost(lambda: self._answer(pictures, ledger))
            (answered,) = ledger.execute("SELECT count(*) FROM answer").fetchone()
        assert answered == len(pictures)
        return spent

    def operations_a_picture(self):
        """Give the floating-point operations of all backbones for one picture."""
        return self.operations

    def gradcam(self, pixels):
        """Explain pictures uint8 (n, size, size, 3) one by one, every backbone's map; give the seconds each."""
        begin = time.perf_counter()
        for picture in pixels.astype(np.float32):
            for model in self.explained:
                gradcam(model, picture[None])
        return (time.perf_counter() - begin) / len(pixels)

    def _warm(self, blank):
        """Run every part once, so that nothing is compiled while it is measured."""
        self.gradcam(blank[:1])
        for classifier in self.classifiers:
            classifier.predict(blank[:1].astype(np.float32), verbose=0)

    def _answer(self, pictures, ledger):
        for path in pictures:
            pixels = _decoded(path, self.size)
            batch = pixels[None].astype(np.float32)
            logits = [classifier.predict(batch, verbose=0) for classifier in self.classifiers]
            row = self._row(path, pixels, self._stacked(logits)[0], [gradcam(model, batch) for model in self.explained])
            ledger.execute("INSERT INTO answer VALUES (?, ?, ?, ?)", row)
            ledger.commit()

    def _stacked(self, logits):
        single = np.stack([each - np.log(np.exp(each).sum(axis=1, keepdims=True)) for each in logits], axis=1)
        return np.exp(self.stack.log_probabilities(single))

    def _row(self, path, pixels, probabilities, heats):
        """Write the picture with its heat and give the row of the table."""
        best = int(probabilities.argmax())
        overlay = self.home / f"{path.stem}.jpg"
        _overlay(pixels, sum(np.asarray(heat) for heat in _alike(heats))).save(overlay, quality=85)
        return str(path), self.card.classes[best], float(probabilities[best]), str(overlay)


class Competent(Textbook):
    """Batches of eight at one shape; the next ones are read meanwhile, if any are ahead."""

    def __init__(self, model, weights, home, ahead):
        self.ahead = ahead
        super().__init__(model, weights, home)

    def _warm(self, blank):
        import tensorflow as tf

        self.compiled = [tf.function(_batched(each), jit_compile=False) for each in self.explained]
        self.gradcam(blank)
        for classifier in self.classifiers:
            classifier.predict_on_batch(blank.astype(np.float32))

    def gradcam(self, pixels):
        """Explain a batch of pictures uint8 (8, size, size, 3); give the seconds each."""
        import tensorflow as tf

        begin = time.perf_counter()
        for heat in [explain(tf.constant(pixels, tf.float32)) for explain in self.compiled]:
            heat.numpy()
        return (time.perf_counter() - begin) / len(pixels)

    def _answer(self, pictures, ledger):
        import tensorflow as tf

        with ThreadPoolExecutor(THREADS if self.ahead else 1) as threads:
            ahead = deque()
            for start in range(0, len(pictures) + self.ahead * BATCH, BATCH):
                ahead.append([threads.submit(_decoded, path, self.size) for path in pictures[start : start + BATCH]])
                if len(ahead) <= self.ahead:
                    continue
                pixels = np.stack([future.result() for future in ahead.popleft()])
                batch = tf.constant(np.resize(pixels, (BATCH, *pixels.shape[1:])), tf.float32)
                logits = [classifier.predict_on_batch(batch) for classifier in self.classifiers]
                heats = [explain(batch).numpy() for explain in self.compiled]
                probabilities = self._stacked(logits)
                paths = pictures[start - self.ahead * BATCH :]
                rows = zip(paths, pixels, probabilities, zip(*heats, strict=True), strict=False)
                ledger.executemany("INSERT INTO answer VALUES (?, ?, ?, ?)", [self._row(*row) for row in rows])
                ledger.commit()


def gradcam(model, batch):
    """Explain the most probable class of one picture, as Keras' documentation does; float32 (h, w), 0 to 1."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        maps, logits = model(batch)
        explained = logits[:, tf.argmax(logits[0])]
    weights = tf.reduce_mean(tape.gradient(explained, maps), axis=(0, 1, 2))
    heat = tf.squeeze(maps[0] @ weights[..., tf.newaxis])
    return (tf.maximum(heat, 0) / tf.maximum(tf.math.reduce_max(heat), 1e-9)).numpy()


def _batched(model):
    """Give the same for a batch, as a function that TensorFlow can compile."""
    import tensorflow as tf

    def explain(batch):
        with tf.GradientTape() as tape:
            maps, logits = model(batch)
            explained = tf.reduce_max(logits, axis=1)
        weights = tf.reduce_mean(tape.gradient(explained, maps), axis=(1, 2))
        heat = tf.maximum(tf.einsum("nhwk,nk->nhw", maps, weights), 0)
        return heat / tf.maximum(tf.reduce_max(heat, axis=(1, 2), keepdims=True), 1e-9)

    return explain


def _models(network, head):
    """Put the head's layers onto a backbone: a model for [map, logits], and one for the logits."""
    import keras

    explained, features = network.outputs
    reduction = head.reduction
    layers = [(reduction.components, -reduction.mean @ reduction.components, None)]
    if head.hidden is not None:
        layers.append((head.hidden.kernel, head.hidden.bias, "relu"))
    layers.append((head.output.kernel, head.output.bias, None))
    for kernel, bias, activation in layers:
        dense = keras.layers.Dense(len(bias), activation=activation)
        features = dense(features)
        dense.set_weights([kernel, bias])
    return keras.Model(network.input, [explained, features]), keras.Model(network.input, features)


def _decoded(path, size):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))


def _alike(heats):
    """Bring maps to the size of the largest."""
    size = max(heat.shape for heat in heats)
    return [Image.fromarray(np.asarray(heat)).resize(size[::-1], Image.Resampling.BILINEAR) for heat in heats]


def _overlay(pixels, heat):
    from matplotlib import colormaps

    jet = colormaps["jet"](heat / max(heat.max(), 1e-9))[..., :3] * 255
    over = Image.fromarray(jet.astype(np.uint8)).resize(pixels.shape[1::-1])
    return Image.fromarray((np.asarray(over) * 0.4 + pixels).clip(0, 255).astype(np.uint8))
