"""Learning from features alone: no picture is judged by a model that saw its group."""

import numpy as np

from training.heads import train
from training.learn import learn
from training.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=10, learning_rate=0.05, batch_size=32, hidden=0, dropout=0)


def test_out_of_fold_answers_never_saw_their_group():
    """Where features name the group and its label is a coin toss, seen groups are learned by heart, others guessed."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    labels = random.permutation(np.repeat([0, 1], 20))[groups]
    features = np.eye(40, dtype=np.float32)[groups] + random.normal(0, 0.01, (200, 40)).astype(np.float32)
    learned = learn([features[:, None]] * 2, labels, groups % 4, classes=("lion", "panda"), settings=SETTINGS)
    (by_heart,) = train([features[:, None]], labels, classes=2, settings=SETTINGS).heads
    assert (by_heart.output(features).argmax(axis=1) == labels).mean() > 0.95
    for answers in (learned.out_of_fold[:, 0], learned.out_of_fold[:, 1], learned.stacked):
        assert (answers.argmax(axis=1) == labels).mean() < 0.65


def test_a_hidden_layer_learns_what_a_line_cannot():
    """With a hidden layer, classes that no line tells apart are told apart, folded scaling and all."""
    random = np.random.default_rng(1)
    features = random.normal(5, [1, 3], (400, 2)).astype(np.float32)
    labels = ((features[:, 0] > 5) ^ (features[:, 1] > 5)).astype(int)
    folds = np.arange(400) % 3
    shares = {}
    for hidden in (0, 16):
        settings = SETTINGS.model_copy(update={"hidden": hidden, "epochs": 30})
        learned = learn([features[:, None]], labels, folds, classes=("lion", "panda"), settings=settings)
        shares[hidden] = (learned.stacked.argmax(axis=1) == labels).mean()
    assert shares[0] < 0.7
    assert shares[16] > 0.85
