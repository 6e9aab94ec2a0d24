"""What resembles each other stays on one side of every split."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.images import Camera, Captured, CaptureStatus, Integrity, Picture
from training.dataset import Dataset, DatasetError, Example
from training.settings import TrainingSettings
from training.splits import NEAR, choose_held_out, folds, groups_of, split_up

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).replace(tzinfo=None)


def example(number, bits=None, *, label="lion", at=None, serial="A", **changes):
    """One example; without ``bits`` its perceptual hash resembles no other's."""
    if bits is None:
        bits = np.random.default_rng(number).integers(0, 2, 256)
    picture = Picture(
        sha256=f"{number:064x}",
        picture_hash=f"{number:064x}",
        phash=np.packbits(bits).tobytes().hex(),
        flat=False,
        brightness=0.5,
        infrared=False,
        format="JPEG",
        width=64,
        height=64,
        orientation=1,
        bytes=1000,
        encoding="e",
        integrity=Integrity.SOUND,
        captured=Captured(at, None, CaptureStatus.OK if at else CaptureStatus.MISSING, "exif" if at else "none", None),
        camera=Camera("RECONYX", "HC500", serial),
        exif={},
    )
    return replace(Example(Path(f"{number}.jpg"), label, False, None, picture), **changes)


def flipped(count):
    """A hash that differs from zero in ``count`` bits."""
    return np.arange(256) < count


@pytest.mark.parametrize(("distance", "together"), [(0, True), (NEAR, True), (NEAR + 1, False), (128, False)])
def test_near_duplicates_are_one_group(distance, together):
    """Up to the limit of differing bits two pictures belong together, above it they do not."""
    groups = groups_of([example(1, flipped(0)), example(2, flipped(distance))])
    assert (groups[0] == groups[1]) == together


def test_groups_are_closed_under_likeness():
    """Two pictures far apart are one group where a third lies between them."""
    groups = groups_of([example(1, flipped(0)), example(2, flipped(60)), example(3, flipped(30))])
    assert len(set(groups)) == 1


def test_flat_pictures_resemble_nothing():
    """The hash of a black night says nothing."""
    night, dusk = (example(number, flipped(0)) for number in (1, 2))
    dusk = replace(dusk, picture=replace(dusk.picture, flat=True))
    assert len(set(groups_of([night, dusk]))) == 2


def test_bursts_are_one_group():
    """Pictures of one camera within a minute of each other stay together, however they look."""
    times = [NOON, NOON + timedelta(seconds=50), NOON + timedelta(seconds=100), NOON + timedelta(seconds=300)]
    groups = groups_of([example(place, at=at) for place, at in enumerate(times)])
    assert groups[0] == groups[1] == groups[2] != groups[3]
    strangers = groups_of([example(1, at=NOON), example(2, at=NOON, serial="B"), example(3), example(4)])
    assert len(set(strangers)) == 4


def test_a_deployment_is_one_group():
    """Pictures of one folder below a class folder stay together."""
    here, there = ({"deployment": place} for place in ("lion/CAM01", "lion/CAM02"))
    groups = groups_of([example(1, **here), example(2, **there), example(3, **here)])
    assert groups[0] == groups[2] != groups[1]


@settings(deadline=None)  # the first call loads scikit-learn
@given(st.data())
def test_no_split_cuts_a_group(data):
    """Whatever the groups and labels, each group lies in one fold and on one side of the test split."""
    scenes = data.draw(st.lists(st.integers(1, 4), min_size=8, max_size=30), label="pictures of each scene")
    classes = [place % 2 for place in range(len(scenes))]
    groups = np.repeat(np.arange(len(scenes)), scenes)
    labels = [("lion", "panda")[each] for each in np.repeat(classes, scenes)]
    seed = data.draw(st.integers(0, 1000), label="seed")
    numbers = folds(labels, groups, count=3, seed=seed)
    test = choose_held_out(labels, groups, share=0.25, seed=seed)
    for group in np.unique(groups):
        assert len(set(numbers[groups == group])) == 1
        assert len(set(test[groups == group])) == 1
    assert set(numbers) == {0, 1, 2}
    assert 0 < test.sum() < len(test)


def test_classes_are_spread_over_the_folds():
    """A rare class is in every fold, and in the test set."""
    labels = ["lion"] * 80 + ["panda"] * 10
    groups = np.arange(90)
    numbers = folds(labels, groups, count=5, seed=1)
    assert np.bincount(numbers[80:]).tolist() == [2] * 5
    assert choose_held_out(labels, groups, share=0.2, seed=1)[80:].sum() == 2


def test_few_scenes_mean_fewer_folds():
    """There are as many folds as the scarcest class has scenes; with one scene only the error names the class."""
    assert set(folds(["lion"] * 9 + ["panda"] * 3, np.arange(12), count=5, seed=1)) == {0, 1, 2}
    with pytest.raises(DatasetError, match="panda"):
        folds(["lion"] * 9 + ["panda"] * 3, np.r_[np.arange(9), 9, 9, 9], count=5, seed=1)


def test_a_given_test_set_is_not_learned_from():
    """Held-out rows have no fold; those with a near-duplicate in training are known as twins."""
    training = [example(place, label="lion" if place % 2 else "panda") for place in range(8)]
    twin = replace(example(100, label="lion", held_out=True), picture=training[1].picture)
    fresh = example(101, label="panda", held_out=True)
    split = split_up(Dataset((*training, twin, fresh), ()), TrainingSettings(folds=2))
    assert split.training.tolist() == [True] * 8 + [False] * 2
    assert split.folds[8:].tolist() == [-1, -1]
    assert split.twins.tolist() == [False] * 8 + [True, False]


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([example(place) for place in range(9)], "two classes"),
        ([*(example(place) for place in range(9)), example(10, label="panda", held_out=True)], "two classes"),
        (
            [
                *(example(n, label=("lion", "panda")[n % 2]) for n in range(9)),
                example(10, label="rhino", held_out=True),
            ],
            "rhino",
        ),
    ],
)
def test_a_set_that_cannot_be_split_is_an_error(examples, message):
    """One class alone cannot be learned, nor tested one that was not learned."""
    with pytest.raises(DatasetError, match=message):
        split_up(Dataset(tuple(examples), ()), TrainingSettings())


def test_a_scarce_class_does_not_swell_the_test_set():
    """Three jaguars are too few to test with: they are learned from, and of the lions no more is held out."""
    labels, groups = ["lion"] * 200 + ["jaguar"] * 3, np.arange(203)
    chosen = choose_held_out(labels, groups, share=0.15, seed=1)
    assert not chosen[200:].any()
    assert 0.1 < chosen[:200].mean() < 0.2


def test_few_pictures_a_class_are_held_out_from_as_well():
    """Six of each are fewer than the parts that 15 % make: one of each class is held out, and no more."""
    labels = ["lion"] * 6 + ["panda"] * 6
    chosen = choose_held_out(labels, np.arange(12), share=0.15, seed=1)
    assert [chosen[:6].sum(), chosen[6:].sum()] == [1, 1]


def test_nothing_to_test_with_is_said_so():
    """Where every class has a few scenes only, the message says what to add."""
    with pytest.raises(DatasetError, match="4 scenes"):
        choose_held_out(["lion", "jaguar"] * 3, np.arange(6), share=0.15, seed=1)
