"""The closed-form Grad-CAM against the textbook's, which goes backward through the network."""

import io
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml import graph
from ml.artifacts import Card, Model
from ml.backbones import ENSEMBLES
from ml.decision import Thresholds
from ml.ensemble import Ensemble
from ml.familiarity import Familiar
from ml.gradcam import heatmaps, overlay
from ml.heads import Dense, Head, forward, pullback
from ml.reduction import Reduction

CLASSES = ("panda", "lion", "rhino", "other")
SIZE = 128  # maps of eight and of four places a side: as good a test as 224, in a third of the time
PIXELS = np.random.default_rng(5).integers(0, 255, (2, 4, 4, 3), np.uint8).repeat(32, axis=1).repeat(32, axis=2)


@pytest.fixture(scope="module", params=["starter", "reference"])
def backbones(request):
    """One graph over an ensemble with drawn weights, and the backbones inside it."""
    names = ENSEMBLES[request.param]
    joined = graph.build(names, weights_folder=None, untrained=dict.fromkeys(names, 3), batch_size=2, size=SIZE)
    return names, joined, [layer for layer in joined.keras_model.layers if hasattr(layer, "layers")]


@pytest.fixture(params=[0, 16], ids=["linear", "hidden"])
def ensemble(request, backbones):
    """A model with random heads and a random stack on these backbones."""
    names, joined, _ = backbones
    random = np.random.default_rng(request.param)
    pooled = joined(PIXELS)[1::2]
    heads = tuple(_head(random, part, request.param) for part in pooled)
    card = Card(
        name="test",
        created=date(2026, 11, 24),
        classes=CLASSES,
        picture_size=SIZE,
        preprocessing=graph.PREPROCESSING,
        backbones=joined.weights_sha256,
        stack_weights=random.normal(0, 0.3, size=(len(names) * len(CLASSES), len(CLASSES))).tolist(),
        stack_bias=[0.0] * len(CLASSES),
        temperature=1.7,
        thresholds=Thresholds(confidence=0.5, distance=1),
        metrics={},
        dataset={},
        settings={},
        versions={},
    )
    familiar = Familiar(np.ones((1, sum(head.reduction.components.shape[1] for head in heads)), np.float32))
    return Ensemble(Model(Path(), "test", card, heads, familiar), joined)


def _head(random, pooled, hidden):
    """A random reduction and layers, scaled so that the logits are of the size of trained ones."""
    width = pooled.shape[1]
    components = random.normal(size=(width, 40)).astype(np.float32) / (pooled.std() * width**0.5)
    reduction = Reduction(pooled.mean(axis=0), components)
    first = Dense(_drawn(random, 40, hidden or len(CLASSES)), np.zeros(hidden or len(CLASSES), np.float32))
    if not hidden:
        return Head(reduction, None, first)
    return Head(reduction, first, Dense(_drawn(random, hidden, len(CLASSES)), np.zeros(len(CLASSES), np.float32)))


def _drawn(random, inputs, outputs):
    return random.normal(size=(inputs, outputs)).astype(np.float32) / inputs**0.5


def _textbook(models, heads, target):
    """Grad-CAM by GradientTape of ``target``(log-probabilities, logits), a scalar for each picture."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        pixels = tf.constant(PIXELS, tf.float32)
        tape.watch(pixels)
        maps, pooled = zip(*(model(pixels) for model in models), strict=True)
        logits = []
        for head, part in zip(heads, pooled, strict=True):
            inner = (part - head.reduction.mean) @ head.reduction.components
            if head.hidden is not None:
                inner = tf.nn.relu(inner @ head.hidden.kernel + head.hidden.bias)
            logits.append(inner @ head.output.kernel + head.output.bias)
        explained = target(tf.stack(logits, axis=1))
    side = max(part.shape[1] for part in maps)
    total = tf.zeros((len(PIXELS), side, side, 1))
    for part, gradient in zip(maps, tape.gradient(explained, maps), strict=True):
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        cam = tf.reduce_sum(weights * part, axis=-1, keepdims=True)
        total += tf.image.resize(cam, (side, side))
    positive = tf.nn.relu(total[..., 0]).numpy()
    peak = positive.max(axis=(1, 2), keepdims=True)
    return positive / np.where(peak > 0, peak, 1)


def test_one_backbones_logit_equals_the_textbook(backbones, ensemble):
    """For each backbone, the map of a class from the head alone is the map by gradient."""
    names, joined, models = backbones
    outputs = joined(PIXELS)
    for place in range(len(names)):
        maps, pooled, head = outputs[2 * place], outputs[2 * place + 1], ensemble.model.heads[place]
        passed = forward(head, pooled)
        for wanted in (0, 3):
            by_logits = np.eye(len(CLASSES))[[wanted] * len(PIXELS)]
            closed = heatmaps([maps], [pullback(head, passed, by_logits)])
            textbook = _textbook([models[place]], [head], lambda logits, wanted=wanted: logits[:, 0, wanted])
            np.testing.assert_allclose(closed, textbook, atol=1e-4)


def test_the_answers_map_is_that_of_the_stacked_logit(backbones, ensemble):
    """An answer's heat map is the textbook's for the stacked logit of the label it explains."""
    import tensorflow as tf

    answers = ensemble.predict(PIXELS)
    explained = [CLASSES.index(answer.label) for answer in answers]
    weights = tf.constant(ensemble.model.stack.weights, tf.float32)

    def stacked(logits):
        flat = tf.reshape(tf.nn.log_softmax(logits), (len(PIXELS), -1))
        return tf.gather(flat @ weights, explained, batch_dims=1)

    textbook = _textbook(backbones[2], ensemble.model.heads, stacked)
    np.testing.assert_allclose([answer.heatmap for answer in answers], textbook, atol=1e-4)


def test_an_answer_does_not_depend_on_its_batch_mates(ensemble):
    """A picture is answered the same alone, before others and after others."""
    alone, other = (ensemble.predict(PIXELS[[place]])[0] for place in (0, 1))
    for answer in (ensemble.predict(PIXELS)[0], ensemble.predict(PIXELS[[1, 1, 0]])[2]):
        np.testing.assert_allclose(answer.stacked, alone.stacked, atol=1e-6)
        np.testing.assert_allclose(answer.heatmap, alone.heatmap, atol=1e-5)
    assert not np.allclose(alone.stacked, other.stacked)


def test_nothing_for_the_class_is_a_cold_map():
    """Where no place speaks for the class the map is zero everywhere, and not a number nowhere."""
    heat = heatmaps([np.ones((1, 4, 4, 2), np.float32)], [np.array([[-1.0, -2.0]])])
    assert (heat == 0).all()


def test_colour_is_only_where_the_heat_is():
    """The overlay leaves cold places as they are and colours the hot one."""
    pixels = np.full((64, 64, 3), 128, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 1
    drawn = np.asarray(Image.open(io.BytesIO(overlay(pixels, heat))), np.int16)
    assert drawn.shape == pixels.shape
    assert np.abs(drawn[40:, 40:] - 128).max() <= 4
    assert np.ptp(drawn[4, 4]) > 60
