"""A model with fine-tuned tops: stored beside the heads, verified, put back, and answering as it did in memory."""

from datetime import date

import numpy as np
import pytest
from tiny_backbones import register_tiny, register_tunable

from ml import graph
from ml.artifacts import ArtifactError, Card, load, save
from ml.backbones import REFERENCE, STARTER, backbone
from ml.backbones import load as load_backbone
from ml.backbones.top import copied, layers, packed, put_back, split
from ml.decision import Thresholds
from ml.ensemble import Ensemble
from ml.familiarity import Familiar
from ml.gradcam import heatmaps
from ml.heads import Dense, Head, forward, log_softmax
from ml.reduction import Reduction

# Keras, where it saves the variables of TensorFlow.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIZE, SEED, WIDTH, CLASSES = 32, 3, 3, ("panda", "lion")
PIXELS = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def tuned():
    """A backbone whose top was changed as by fine-tuning, and that top, packed."""
    name = register_tunable("tunable_stored", size=SIZE)
    model = load_backbone(name, untrained=SEED).model
    above = split(model, backbone(name).cut)[1]
    random = np.random.default_rng(1)
    for layer in above.layers:
        if layer.name in layers(model, backbone(name).cut):
            layer.set_weights([each + random.normal(0, 0.2, each.shape) for each in layer.get_weights()])
    return model, packed(above)


def stored(models, tops, *, name="tunable_stored", size=SIZE):
    """Write a model on this backbone with a linear head and a plain stack."""
    random = np.random.default_rng(2)
    reduction = Reduction(np.zeros(WIDTH, np.float32), np.eye(WIDTH, dtype=np.float32))
    kernel = random.normal(size=(WIDTH, 2)).astype(np.float16).astype(np.float32)
    card = Card(
        name="test",
        created=date(2026, 11, 24),
        classes=CLASSES,
        picture_size=size,
        preprocessing=graph.PREPROCESSING,
        backbones={name: load_backbone(name, untrained=SEED).weights_sha256},
        stack_weights=np.eye(2).tolist(),
        stack_bias=[0.0, 0.0],
        temperature=1.0,
        thresholds=Thresholds(confidence=0.5, distance=2),
        metrics={},
        dataset={},
        settings={},
        versions={},
    )
    heads = (Head(reduction, None, Dense(kernel, np.zeros(2, np.float32))),)
    familiar = Familiar(np.ones((1, WIDTH), np.float32))
    return save(models, card, heads=heads, familiar=familiar, features={}, tops=tops, readme="# A model\n")


def test_what_is_loaded_answers_as_what_was_in_memory(tuned, tmp_path):
    """Probabilities and heat maps come from the stored top: those of the network in memory, and no other's."""
    model, top = tuned
    ensemble = Ensemble.load(stored(tmp_path, {"tunable_stored": top}), batch_size=4)
    maps, pooled = model.predict_on_batch(PIXELS)
    head = ensemble.model.heads[0]
    said = np.exp(log_softmax(forward(head, pooled).logits))
    answers = ensemble.predict(PIXELS)
    np.testing.assert_allclose([each.probabilities["tunable_stored"] for each in answers], said, atol=1e-6)
    explained = said.argmax(axis=1)
    by_logits = np.eye(2)[explained] - said  # the stack passes on one backbone's log-probabilities as they are
    expected = heatmaps([maps], [by_logits @ head.output.kernel.T])
    np.testing.assert_allclose([each.heatmap for each in answers], expected, atol=1e-4)
    frozen = Ensemble.load(stored(tmp_path, {}), batch_size=4).predict(PIXELS)
    assert not np.allclose([each.stacked for each in frozen], [each.stacked for each in answers], atol=0.01)


def test_the_card_names_the_tops(tuned, tmp_path):
    """Which backbones were fine-tuned, and the sha256 of each top, stand in the card; same top, same version."""
    folder = stored(tmp_path, {"tunable_stored": tuned[1]})
    card = load(folder).card
    assert card.fine_tuned == {"tunable_stored": card.files["tunable_stored.weights.h5"]}
    assert load(stored(tmp_path, {})).card.fine_tuned == {}
    assert stored(tmp_path, {"tunable_stored": tuned[1]}) == folder


def test_a_changed_top_is_refused(tuned, tmp_path):
    """One flipped bit in it, and the model is not loaded."""
    path = stored(tmp_path, {"tunable_stored": tuned[1]}) / "tunable_stored.weights.h5"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"tunable_stored\.weights\.h5 was changed"):
        Ensemble.load(path.parent)


@pytest.mark.parametrize("content", ["nothing of the kind", "another network's", "only the last block"])
@pytest.mark.usefixtures("tuned")
def test_a_top_of_another_kind_is_refused_in_words(content, tmp_path):
    """A file that fits its sha256 and not the backbone is an error that names the model and says what to do."""
    tops = {
        "nothing of the kind": lambda: b"weights",
        "another network's": lambda: packed(
            split(load_backbone("efficientnet_lite0", size=64).model, "block14_add")[1]
        ),
        "only the last block": lambda: packed(split(load_backbone("tunable_stored", untrained=1).model, "middle")[1]),
    }
    folder = stored(tmp_path, {"tunable_stored": tops[content]()})
    with pytest.raises(ArtifactError, match=rf"{folder.name}.*does not hold the layers.*Update Trapline"):
        Ensemble.load(folder)


def test_a_top_for_a_backbone_that_has_none_is_refused(tuned, tmp_path):
    """A backbone whose entry does not say where its top begins takes no top."""
    register_tiny({"tiny_topless": WIDTH}, size=SIZE)
    folder = stored(tmp_path, {"tiny_topless": tuned[1]}, name="tiny_topless")
    with pytest.raises(ArtifactError, match="'tiny_topless'"):
        Ensemble.load(folder)


def test_a_model_runs_at_the_size_it_was_trained_at(tmp_path, tuned):
    """Where a backbone's usual input has changed since, an older model still sees what it saw."""
    ensemble = Ensemble.load(stored(tmp_path, {"tunable_stored": tuned[1]}, size=64), batch_size=2)
    (answer,) = ensemble.predict(np.zeros((1, 64, 64, 3), np.uint8))
    assert answer.heatmap.shape == (13, 13)


@pytest.mark.parametrize("name", REFERENCE + STARTER)
def test_the_top_of_a_shipped_backbone_can_be_stored_and_put_back(name, tmp_path):
    """It is small, holds no batch normalisation that changes, and brings each change back; the rest stays."""
    entry = backbone(name)
    one, other = (load_backbone(name, untrained=SEED, size=64).model for _ in range(2))
    first, last = (layers(one, cut) for cut in entry.tops)
    assert first < last
    assert not any("bn" in each for each in last)
    above = split(one, entry.cut)[1]
    for layer in above.layers:
        if layer.name in last:
            layer.set_weights([each + 0.1 for each in layer.get_weights()])
    path = tmp_path / "top.weights.h5"
    path.write_bytes(packed(above))
    assert path.stat().st_size < 20_000_000
    changed = {a.path for a, b in zip(one.weights, other.weights, strict=True) if not np.array_equal(a, b)}
    assert {each.split("/")[0] for each in changed} == last
    put_back(other, entry.cut, path)
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))


def test_a_copy_computes_in_its_own_precision():
    """For a GPU the arithmetic is bfloat16 while the weights stay float32, and the answers are nearly the same."""
    name = register_tunable("tunable_copied", size=SIZE)
    model = load_backbone(name, untrained=SEED).model
    below, above = split(model, backbone(name).cut)
    maps = below.predict_on_batch(PIXELS.astype("float32"))
    mixed = copied(above, "mixed_bfloat16")
    assert {each.dtype for each in mixed.weights} == {"float32"}
    assert mixed.get_layer("explained_conv").compute_dtype == "bfloat16"
    np.testing.assert_allclose(
        mixed.predict_on_batch(maps)[1].astype(np.float32), above.predict_on_batch(maps)[1], rtol=0.05, atol=0.02
    )
