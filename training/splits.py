"""Who may stand on which side of a split: pictures that resemble each other, or come from one burst, stay together."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Ints
from ml.labels import in_order
from training.dataset import Dataset, DatasetError, Example
from training.settings import TrainingSettings

NEAR = 40
"""Bits of the 256-bit perceptual hash in which near-duplicates differ at most: as 10 of the usual 64."""
_BURST = timedelta(seconds=60)
_TESTABLE = 4  # groups: one to test with, and enough for folds
_ROWS = 1024  # of the distance matrix at a time


@dataclass(frozen=True, slots=True)
class Split:
    """Which example stands where; arrays over all examples."""

    classes: tuple[str, ...]
    labels: Ints
    groups: Ints
    training: NDArray[np.bool_]
    folds: Ints  # -1 where held out
    twins: NDArray[np.bool_]  # held out, but with a near-duplicate in training or further up among the held out


def split_up(dataset: Dataset, settings: TrainingSettings) -> Split:
    """Split as the data set says, else hold some out; then number the folds. Raises ``DatasetError``."""
    names = [each.label for each in dataset.examples]
    groups = groups_of(dataset.examples)
    training = np.array([not each.held_out for each in dataset.examples])
    if training.all():
        training = ~choose_held_out(names, groups, share=settings.held_out, seed=settings.seed)
    classes = in_order(name for name, inside in zip(names, training, strict=True) if inside)
    if len(classes) < 2:  # noqa: PLR2004  # nothing to tell apart
        raise DatasetError("a model needs pictures of two classes at least to learn from")
    if unseen := set(names) - set(classes):
        raise DatasetError(f"there are pictures of {', '.join(unseen)} to test with and none to learn from")
    numbers = np.full(len(names), -1)
    inside = [name for name, is_inside in zip(names, training, strict=True) if is_inside]
    numbers[training] = folds(inside, groups[training], count=settings.folds, seed=settings.seed)
    labels = np.array([classes.index(name) for name in names])
    return Split(classes, labels, groups, training, numbers, ~training & _twins(dataset, groups, training))


def groups_of(examples: Sequence[Example]) -> Ints:
    """Return a group number for each example (n,).

    One group are the near-duplicates, the pictures one camera took within a minute of each other, and those of one
    deployment (folder below a class folder); whatever is linked through a third is linked.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = np.concatenate([near_duplicates(examples), _bursts(examples), _deployments(examples)])
    links = coo_array((np.ones(len(pairs), np.int8), pairs.T), shape=(len(examples), len(examples)))
    groups: Ints = connected_components(links, directed=False)[1]
    return groups


def choose_held_out(labels: Sequence[str], groups: Ints, *, share: float, seed: int) -> NDArray[np.bool_]:
    """Choose about ``share`` of the rows (n,) as the test set: whole groups, each class in proportion.

    A class of fewer groups than ``_TESTABLE`` stays in training: too little of it would be left to learn from.
    ``DatasetError`` where that is every class.
    """
    names = np.array(labels)
    independent = _independent(names, groups)
    scarce = [label for label, count in independent.items() if count < _TESTABLE]
    if len(scarce) == len(independent):
        raise DatasetError(
            f"no class has pictures of {_TESTABLE} scenes: add some that do not resemble each other, "
            "or put pictures to test with into a folder named test"
        )
    count = min(round(1 / share), max(independent.values()))
    chosen: NDArray[np.bool_] = _numbered(names, groups, count=count, seed=seed) == 0
    chosen &= ~np.isin(groups, groups[np.isin(names, scarce)])
    return chosen


def folds(labels: Sequence[str], groups: Ints, *, count: int, seed: int) -> Ints:
    """Return the fold (n,) in which each row is validated: whole groups, each class in proportion.

    There are ``count`` folds, or as many as the class with the fewest groups has; ``DatasetError`` where that is one.
    """
    names = np.array(labels)
    independent = _independent(names, groups)
    scarcest = min(independent, key=independent.__getitem__)
    count = min(count, independent[scarcest])
    if count < 2:  # noqa: PLR2004  # one side to learn from, one to be judged on
        raise DatasetError(f"{scarcest} has pictures of one scene only: add some that do not resemble each other")
    return _numbered(names, groups, count=count, seed=seed)


def _independent(names: NDArray[np.str_], groups: Ints) -> dict[str, int]:
    return {str(label): len(np.unique(groups[names == label])) for label in np.unique(names)}


def _numbered(names: NDArray[np.str_], groups: Ints, *, count: int, seed: int) -> Ints:
    from sklearn.model_selection import StratifiedGroupKFold

    number = np.zeros(len(names), np.intp)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # its pictures stay in training
        for fold, (_, validated) in enumerate(splitter.split(names, names, groups)):
            number[validated] = fold
    return number


def plain_folds(labels: Sequence[str], *, count: int, seed: int) -> Ints:
    """Return folds (n,) that ignore groups: each class in proportion, and nothing else.

    Near-duplicates then stand on both sides, and figures come out too good. It is what most others report, so it is
    measured beside the honest folds to compare with them. There are ``count`` folds, or as many as the class with the
    fewest pictures has.
    """
    from sklearn.model_selection import StratifiedKFold

    names = np.array(labels)
    count = min(count, int(np.unique(names, return_counts=True)[1].min()))
    number = np.zeros(len(names), np.intp)
    for fold, (_, validated) in enumerate(StratifiedKFold(count, shuffle=True, random_state=seed).split(names, names)):
        number[validated] = fold
    return number


def _twins(dataset: Dataset, groups: Ints, training: NDArray[np.bool_]) -> NDArray[np.bool_]:
    contents = [each.content for each in dataset.examples]
    first: dict[object, int] = {}
    repeated = [first.setdefault(content, place) != place for place, content in enumerate(contents)]
    twins: NDArray[np.bool_] = np.isin(groups, groups[training]) | np.array(repeated)
    return twins


def near(one: Sequence[str], other: Sequence[str]) -> NDArray[np.bool_]:
    """Return (n, m): whether two perceptual hashes are so alike that a model that knows one picture knows the other."""
    if not one or not other:
        return np.zeros((len(one), len(other)), np.bool_)
    return _near(_signs(one), _signs(other))


def near_duplicates(examples: Sequence[Example]) -> Ints:
    """Return pairs of places (pairs, 2) whose perceptual hashes are within ``NEAR``; flat pictures resemble nothing."""
    signs = _signs([each.picture.phash for each in examples])
    far_away = np.array([each.picture.flat for each in examples])  # a hash of nothing resembles nothing
    pairs = []
    for start in range(0, len(signs), _ROWS):
        alike = _near(signs[start : start + _ROWS], signs)
        alike[far_away[start : start + _ROWS]] = False
        alike[:, far_away] = False
        pairs.append(np.argwhere(alike) + np.array([start, 0]))
    return np.concatenate(pairs)


def _signs(phashes: Sequence[str]) -> NDArray[np.float32]:
    bits = np.unpackbits(np.array([list(bytes.fromhex(each)) for each in phashes], np.uint8), axis=1)
    return bits.astype(np.float32) * 2 - 1  # the product of two rows is the number of bits - 2 · distance


def _near(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    alike: NDArray[np.bool_] = one @ other.T >= one.shape[1] - 2 * NEAR
    return alike


def _bursts(examples: Sequence[Example]) -> Ints:
    timed = [
        ((picture.camera.make, picture.camera.model, picture.camera.serial), picture.captured.at, place)
        for place, picture in enumerate(each.picture for each in examples)
        if picture.captured.at is not None and picture.captured.status == "ok"
    ]
    timed.sort(key=lambda each: (str(each[0]), each[1]))
    return _pairs(
        (one, other)
        for (camera, at, one), (next_camera, next_at, other) in pairwise(timed)
        if camera == next_camera and next_at - at <= _BURST
    )


def _deployments(examples: Sequence[Example]) -> Ints:
    first: dict[str, int] = {}
    return _pairs(
        (first.setdefault(each.deployment, place), place)
        for place, each in enumerate(examples)
        if each.deployment is not None
    )


def _pairs(pairs: Iterable[tuple[int, int]]) -> Ints:
    return np.array(list(pairs), np.intp).reshape(-1, 2)
