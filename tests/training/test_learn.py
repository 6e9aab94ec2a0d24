"""Learning from features alone: no picture is judged by a model that saw its group."""

import numpy as np

from ml import reduction
from ml.heads import forward
from training.heads import train
from training.learn import learn
from training.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=10, learning_rate=0.05, batch_size=32, hidden=0, dropout=0)


def test_out_of_fold_answers_never_saw_their_group():
    """Where features name the group and its label is a coin toss, seen groups are learned by heart, others guessed."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(96), 3)
    labels = random.permutation(np.repeat([0, 1], 48))[groups]
    features = np.eye(96, dtype=np.float32)[groups] + random.normal(0, 0.01, (288, 96)).astype(np.float32)
    learned = learn([features[:, None]] * 2, labels, groups % 2, classes=("lion", "panda"), settings=SETTINGS)
    whole = reduction.fit(features, dimensions=96)
    (by_heart,) = train([whole(features)[:, None]], labels, reductions=[whole], classes=2, settings=SETTINGS).heads
    assert (forward(by_heart, features).logits.argmax(axis=1) == labels).mean() > 0.95
    for answers in (learned.out_of_fold[:, 0], learned.out_of_fold[:, 1], learned.stacked):
        assert (answers.argmax(axis=1) == labels).mean() < 0.65


def test_a_hidden_layer_learns_what_a_line_cannot():
    """With a hidden layer, classes that no line tells apart are told apart, reduction and all."""
    random = np.random.default_rng(1)
    features = random.normal(5, [1, 3], (400, 2)).astype(np.float32)
    labels = ((features[:, 0] > 5) ^ (features[:, 1] > 5)).astype(int)
    folds = np.arange(400) % 2
    shares = {}
    for hidden in (0, 16):
        settings = SETTINGS.model_copy(update={"hidden": hidden, "epochs": 30})
        learned = learn([features[:, None]], labels, folds, classes=("lion", "panda"), settings=settings)
        shares[hidden] = (learned.stacked.argmax(axis=1) == labels).mean()
    assert shares[0] < 0.7
    assert shares[16] > 0.85


def test_a_doubtful_label_teaches_nothing():
    """Pictures that are not trusted change nothing in the heads, whatever their labels say, and are still judged."""
    random = np.random.default_rng(2)
    labels = random.integers(0, 2, 120)
    features = random.normal(labels[:, None], 0.3, (120, 5)).astype(np.float32)[:, None]
    trusted = np.arange(120) >= 20
    lied = np.where(trusted, labels, 1 - labels)
    one, other = (
        learn([features], truth, np.arange(120) % 2, classes=("lion", "panda"), settings=SETTINGS, trusted=trusted)
        for truth in (labels, lied)
    )
    np.testing.assert_array_equal(one.heads[0].output.kernel, other.heads[0].output.kernel)
    np.testing.assert_array_equal(one.out_of_fold, other.out_of_fold)
    assert (one.stacked.argmax(axis=1) == labels).mean() > 0.9
