"""Fine-tuning learns more than a head can, changes what it may and no more, and is the same when it was killed."""

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from tiny_backbones import register_tiny, register_tunable
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

from ml import graph
from ml.backbones import CannotBeTuned, backbone, load, top
from training import features
from training.dataset import class_folders, read
from training.finetuning.finetune import fine_tune
from training.learn import learn
from training.settings import TrainingSettings
from training.splits import split_up

# Keras, where it saves the variables of TensorFlow.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIZE, SEED = 32, 3
SETTINGS = TrainingSettings(
    folds=2, epochs=15, learning_rate=0.03, hidden=0, dropout=0, prototypes=2, batch_size=16,
    patience=16, fine_epochs=16, fine_learning_rate=0.01, views=("mirror",),
)  # fmt: skip


def striped(random, colour, axis):
    """Stripes of one colour on black, across or upright, of random width and shade."""
    period, start, shade = random.integers(6, 12), random.integers(0, 12), random.uniform(0.7, 1)
    lines = (np.arange(64) + start) % period < period // 2
    pixels = np.broadcast_to(lines[:, None] if axis == 0 else lines[None], (64, 64))[..., None] * np.array(colour)
    return Image.fromarray((pixels * shade + random.uniform(0, 25, (64, 64, 3))).astype(np.uint8))


@pytest.fixture(scope="session")
def examples(tmp_path_factory, console):
    """Lions are red across or green upright, pandas the other way round: no colour and no direction tells."""
    folder, random = tmp_path_factory.mktemp("striped"), np.random.default_rng(0)
    red, green = (230, 0, 0), (0, 230, 0)
    for label, looks in {"lion": ((red, 0), (green, 1)), "panda": ((red, 1), (green, 0))}.items():
        (folder / label).mkdir()
        for number in range(30):
            striped(random, *looks[number % 2]).save(folder / label / f"{number:02}.png")
    return read(class_folders(folder), size=SIZE, console=console)


@pytest.fixture(scope="session")
def world(examples, console, tmp_path_factory):
    """All that fine-tuning is given beside folders and console: frozen features have been learned from."""
    name = register_tunable("tunable", size=SIZE)
    cache = tmp_path_factory.mktemp("cache")
    joined = graph.build((name,), weights_folder=None, untrained={name: SEED}, batch_size=8)
    split = split_up(examples, SETTINGS)
    pooled = features.pooled(examples.examples, joined, size=SIZE, views=("mirror",), cache=cache, console=console)
    inside = split.training
    learned = learn(
        [part[inside] for part in pooled], split.labels[inside], split.folds[inside],
        classes=split.classes, settings=SETTINGS,
    )  # fmt: skip
    given = {
        "labels": split.labels[inside], "trusted": np.ones(inside.sum(), bool), "backbones": (name,),
        "settings": SETTINGS, "cache": cache, "weights_folder": None, "untrained": {name: SEED}, "views": ("mirror",),
    }  # fmt: skip
    return (examples.examples, split, learned.folds.heads, learned.heads), given, learned


@pytest.fixture(scope="session")
def tuned(world, console, tmp_path_factory):
    positional, given, _ = world
    return fine_tune(*positional, **given, checkpoints=tmp_path_factory.mktemp("unkilled"), console=console)


def assert_same(one, other):
    """To the last bit."""
    assert one.tops == other.tops
    np.testing.assert_array_equal(one.folds.log_probabilities, other.folds.log_probabilities)
    np.testing.assert_array_equal(one.folds.distances, other.folds.distances)
    np.testing.assert_array_equal(one.pooled[0], other.pooled[0])
    np.testing.assert_array_equal(one.heads[0].output.kernel, other.heads[0].output.kernel)
    assert one.folds.curves == other.folds.curves


def test_a_top_learns_what_frozen_features_cannot_tell(world, tuned):
    """Of pictures it had not seen, the fine-tuned network tells most, the frozen one hardly more than half."""
    _, given, learned = world
    frozen, better = (
        (each.log_probabilities[:, 0].argmax(axis=1) == given["labels"]).mean() for each in (learned.folds, tuned.folds)
    )
    assert frozen < 0.75
    assert better > 0.9


def test_killed_and_resumed_it_ends_the_same(world, tuned, console, tmp_path):
    """Killed with SIGKILL after some epoch, the next call goes on from there and gives the same to the last bit."""
    positional, given, _ = world
    (tmp_path / "given.pickle").write_bytes(pickle.dumps((positional, given)))
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    code = (
        "import pathlib, pickle, sys; sys.path[:0] = sys.argv[1:3]\n"
        "from tiny_backbones import register_tunable; from rich.console import Console\n"
        "from training.finetuning.finetune import fine_tune\n"
        f"register_tunable('tunable', size={SIZE})\n"
        "folder = pathlib.Path(sys.argv[3])\n"
        "positional, given = pickle.loads((folder / 'given.pickle').read_bytes())\n"
        "fine_tune(*positional, **given, checkpoints=folder / 'checkpoints', console=Console(quiet=True))\n"
    )
    tests = Path(__file__).resolve().parents[1]
    child = subprocess.Popen([sys.executable, "-c", code, str(tests), str(tests.parent), str(tmp_path)])
    observer = Observer()
    observer.schedule(_Killer(child, after=20), str(checkpoints))  # an epoch of the second fold
    observer.start()
    assert child.wait() == -9
    observer.stop()
    assert len(list(checkpoints.glob("*.safetensors"))) >= 2
    resumed = fine_tune(*positional, **given, checkpoints=checkpoints, console=console)
    assert_same(resumed, tuned)


class _Killer(FileSystemEventHandler):
    """Kills a process as soon as so many checkpoints were written."""

    def __init__(self, child, after):
        self.child, self.left = child, after

    def on_moved(self, _event):
        self.left -= 1
        if not self.left:
            self.child.kill()


def test_a_torn_checkpoint_is_trained_again(world, tuned, console, tmp_path):
    """What a bad disk left of a checkpoint costs the work again, and nothing else."""
    positional, given, _ = world
    fine_tune(*positional, **given, checkpoints=tmp_path, console=console)
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-100])
    assert_same(fine_tune(*positional, **given, checkpoints=tmp_path, console=console), tuned)


def test_only_the_kernels_of_the_top_change(tuned, tmp_path):
    """Put back into the backbone, the top has other kernels; batch normalisation and all below are as they were."""
    path = tmp_path / "tunable.weights.h5"
    path.write_bytes(tuned.tops["tunable"])
    before, after = (load("tunable", untrained=SEED).model for _ in range(2))
    top.put_back(after, backbone("tunable").cut, path)
    changed = [
        old.path.split("/")[-2]
        for old, new in zip(before.weights, after.weights, strict=True)
        if not np.array_equal(old, new)
    ]
    assert changed == ["middle_conv", "explained_conv"]


def test_the_answers_on_record_are_those_of_the_stored_top(tuned, world, tmp_path):
    """The pooled features of all pictures are what the backbone gives with the stored top put back."""
    (examples, *_), *_ = world
    path = tmp_path / "tunable.weights.h5"
    path.write_bytes(tuned.tops["tunable"])
    joined = graph.build(
        ("tunable",), weights_folder=None, untrained={"tunable": SEED}, batch_size=8, tops={"tunable": path}
    )
    (pooled,) = features.pooled(
        examples, joined, size=SIZE, views=(), cache=tmp_path / "another", console=Console(quiet=True)
    )
    np.testing.assert_allclose(pooled[:, 0], tuned.pooled[0], atol=5e-3)  # maps and features are kept as float16
    assert tuned.pooled[0].std() > 0.1


def test_a_fold_never_learns_its_own_labels(world, tuned, console, tmp_path):
    """With the labels of one fold turned round its own training goes the same way; the other fold's does not."""
    positional, given, _ = world
    split = positional[1]
    first = split.folds[split.training] == 0
    poisoned = np.where(first, 1 - given["labels"], given["labels"])
    said = fine_tune(*positional, **given | {"labels": poisoned}, checkpoints=tmp_path, console=console)
    own, other = said.folds.curves
    assert own.loss == tuned.folds.curves[0].loss
    assert own.validation_loss != tuned.folds.curves[0].validation_loss
    assert other.loss != tuned.folds.curves[1].loss


def test_the_held_out_labels_change_nothing(world, tuned, console, tmp_path):
    """Whatever the labels of the test pictures are, the trained tops and heads are the same."""
    (examples, split, *heads), given, _ = world
    turned = replace(split, labels=np.where(split.training, split.labels, 1 - split.labels))
    assert_same(fine_tune(examples, turned, *heads, **given, checkpoints=tmp_path, console=console), tuned)


def test_pictures_that_are_not_trusted_teach_nothing(world, console, tmp_path):
    """The label of a doubted picture is not learned and not stopped by, but the picture is judged."""
    positional, given, _ = world
    trusted = np.arange(len(given["labels"])) % 3 > 0
    given = given | {"trusted": trusted, "settings": SETTINGS.model_copy(update={"fine_epochs": 2})}
    one, other = (
        fine_tune(*positional, **given | {"labels": labels}, checkpoints=tmp_path, console=console)
        for labels in (given["labels"], np.where(trusted, given["labels"], 1 - given["labels"]))
    )
    assert_same(one, other)
    assert (np.exp(one.folds.log_probabilities).sum(axis=2) > 0.99).all()


def test_a_backbone_without_a_top_is_refused(world, console, tmp_path):
    """One whose entry does not say where its top begins cannot be fine-tuned; the message names it."""
    positional, given, _ = world
    (plain,) = register_tiny({"tiny_plain": 4}, size=SIZE)
    given = given | {"backbones": (plain,), "untrained": {plain: SEED}}
    with pytest.raises(CannotBeTuned, match="'tiny_plain'"):
        fine_tune(*positional, **given, checkpoints=tmp_path, console=console)
