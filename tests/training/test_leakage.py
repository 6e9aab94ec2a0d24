"""Nothing of a picture that is judged reaches the model that judges it: not its group, not its label."""

import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples_of
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from test_splits import NOON, example

from training.dataset import Dataset, class_folders, read
from training.fit import fit
from training.learn import cross_validate
from training.settings import TrainingSettings
from training.splits import NEAR, plain_folds, split_up

# One epoch: there is none to choose, so the fold that is judged cannot even say when to stop.
ONE_EPOCH = TrainingSettings(epochs=1, learning_rate=0.05, batch_size=32, hidden=0, dimensions=12, prototypes=2)


@examples_of(deadline=None)  # the first call loads scikit-learn
@given(st.data())
def test_a_planted_pair_and_a_burst_never_straddle_a_split(data):
    """Wherever in a set near-duplicates and bursts lie, one fold or the test set has all of them."""
    pictures = [example(place, label=("lion", "panda")[place % 2]) for place in range(24)]
    alike = data.draw(st.lists(st.integers(0, 23), min_size=2, max_size=4, unique=True), label="look alike")
    at_once = data.draw(st.lists(st.integers(0, 23), min_size=2, max_size=4, unique=True), label="one burst")
    flips = data.draw(st.lists(st.integers(0, NEAR), min_size=3, max_size=3), label="bits in which they differ")
    for place, flip in zip(alike[1:], flips, strict=False):
        pictures[place] = with_hash(pictures[place], flipped(pictures[alike[0]], flip))
    for step, place in enumerate(at_once):
        picture = pictures[place].picture
        shot = replace(picture.captured, at=NOON + timedelta(seconds=50 * step), status="ok")
        pictures[place] = replace(pictures[place], picture=replace(picture, captured=shot))
    split = split_up(Dataset(tuple(pictures), ()), TrainingSettings(folds=3, seed=data.draw(st.integers(0, 99))))
    for together in (alike, at_once):
        assert len(set(split.folds[together])) == 1
        assert len(set(split.training[together])) == 1
    assert not split.twins.any()


def test_a_planted_pair_and_a_burst_of_real_files_stay_together(draw, tmp_path, console):
    """A brightened copy and two frames of one minute, read from disk, stand where their likes do."""
    draw(tmp_path, pictures=8)
    original = Image.open(tmp_path / "lion" / "03.png")
    ImageEnhance.Brightness(original).enhance(1.05).save(tmp_path / "lion" / "brighter.jpg", quality=70)
    for number in range(3):
        frame = tmp_path / "panda" / f"{number:02}.png"
        at = NOON + timedelta(seconds=45 * number)
        Image.open(frame).save(tmp_path / "panda" / f"shot{number}.jpg", exif=taken(at))
        frame.unlink()
    dataset = read(class_folders(tmp_path), size=32, console=console)
    places = {each.path.relative_to(tmp_path).as_posix(): place for place, each in enumerate(dataset.examples)}
    pair = [places["lion/brighter.jpg"], places["lion/03.png"]]
    burst = [places[f"panda/shot{number}.jpg"] for number in range(3)]
    for seed in range(20):
        split = split_up(dataset, TrainingSettings(folds=3, seed=seed))
        for together in (pair, burst):
            assert len(set(split.groups[together])) == 1
            assert len(set(split.folds[together])) == 1


def test_plain_folds_do_part_what_looks_alike():
    """The folds to compare with others ignore groups; each class is in proportion all the same."""
    labels = ["lion"] * 40 + ["panda"] * 10
    numbers = plain_folds(labels, count=5, seed=1)
    assert np.bincount(numbers[:40]).tolist() == [8] * 5
    assert np.bincount(numbers[40:]).tolist() == [2] * 5
    assert len(set(numbers[:2]) | set(numbers[2:4])) > 1
    assert set(plain_folds(["lion"] * 9 + ["panda"] * 3, count=5, seed=1)) == {0, 1, 2}


@pytest.fixture(scope="module")
def learned_from():
    """Features of two backbones (60, 2, 20), labels, groups of three and folds of groups."""
    random = np.random.default_rng(3)
    labels, groups = np.repeat(np.arange(20) // 3 % 2, 3), np.repeat(np.arange(20), 3)
    features = [random.normal(labels[:, None, None], 1, (60, 2, 20)).astype(np.float32) for _ in range(2)]
    return features, labels, groups, groups % 3


def validated(features, labels, folds):
    judged = cross_validate(features, labels, folds, classes=("lion", "panda"), settings=ONE_EPOCH)
    return judged.log_probabilities, judged.distances


@pytest.fixture(scope="module")
def clean(learned_from):
    """What is said of them, each by models of the other folds."""
    features, labels, _, folds = learned_from
    return validated(features, labels, folds)


@pytest.mark.parametrize("group", [0, 7])
def test_no_fold_is_judged_by_a_model_that_saw_a_group_of_it(learned_from, clean, group):
    """With a group's features and labels turned to nonsense, all else in its fold is answered as before, bit by bit.

    The other folds, whose models do learn from it, answer otherwise.
    """
    features, labels, groups, folds = learned_from
    here = groups == group
    nonsense = [np.where(here[:, None, None], 50 - 3 * part, part) for part in features]
    poisoned = validated(nonsense, np.where(here, 1 - labels, labels), folds)
    same_fold = folds == folds[here][0]
    for before, after in zip(clean, poisoned, strict=True):
        np.testing.assert_array_equal(before[same_fold & ~here], after[same_fold & ~here])
        assert (before[~same_fold] != after[~same_fold]).mean() > 0.9


def test_a_label_has_no_say_in_its_own_fold(learned_from, clean):
    """With all labels of one fold exchanged, its own answers stay what they were, bit by bit."""
    features, labels, _, folds = learned_from
    exchanged = np.where(folds == 2, 1 - labels, labels)
    for before, after in zip(clean, validated(features, exchanged, folds), strict=True):
        np.testing.assert_array_equal(before[folds == 2], after[folds == 2])
        assert (before[folds != 2] != after[folds != 2]).mean() > 0.9


def test_a_test_label_changes_nothing_that_was_learned(given_split, fitted_to_given, job, console, tmp_path):
    """With a test picture under another label, heads, stack and thresholds are the same; the figures are not."""
    test = shutil.copytree(given_split, tmp_path / "data") / "Test"
    (test / "lion" / "00.png").rename(test / "panda" / "lion.png")
    fitted = fit(class_folders(tmp_path / "data"), job, models=tmp_path / "models", console=console)
    runs = (fitted_to_given, fitted)
    one, other = ((each.folder / "heads.safetensors").read_bytes() for each in runs)
    assert one == other
    one, other = (each.run.card for each in runs)
    for name in ("thresholds", "stack_weights", "stack_bias", "temperature", "classes"):
        assert getattr(one, name) == getattr(other, name)
    assert one.metrics["testing"] != other.metrics["testing"]


def flipped(example, count):
    """The example's perceptual hash with ``count`` bits the other way round."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(example.picture.phash), np.uint8))
    bits[:count] ^= 1
    return np.packbits(bits).tobytes().hex()


def with_hash(example, phash):
    return replace(example, picture=replace(example.picture, phash=phash))


def taken(at):
    """EXIF that says when a camera took a picture."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "RECONYX", "HC500"
    exif.get_ifd(0x8769)[0x9003] = at.strftime("%Y:%m:%d %H:%M:%S")
    return exif
