"""What a model is learned from, and the record of what is said of pictures that were not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Floats, Ints
from ml.heads import log_softmax
from ml.stacking import temperature
from training.learn import Learned, cross_validate
from training.prepare import Prepared
from training.record import STACK, Judged
from training.settings import TrainingSettings
from training.splits import Split
from training.suspects import believed


@dataclass(frozen=True, slots=True)
class Lesson:
    """The pictures that are not held out; arrays over them."""

    prepared: Prepared
    features: list[Floats]  # of each backbone (n, views, features)
    labels: Ints  # (n,) those that are believed
    trusted: NDArray[np.bool_]  # (n,) learned from

    @property
    def split(self) -> Split:
        """Which of all pictures stands where."""
        return self.prepared.split

    @property
    def folds(self) -> Ints:
        """The fold (n,) of each picture."""
        return self.split.folds[self.split.training]


def lesson(prepared: Prepared, settings: TrainingSettings) -> Lesson:
    """Take the pictures to learn from; with ``settings.doubt`` their labels are doubted first.

    What is doubted is decided by one round of folds on the labels as they are. Their models have seen the labels of
    the other folds, those of pictures that are judged later among them: an optimism that is small where few labels
    are wrong, and none in the held-out pictures, whose labels are never touched.
    """
    split = prepared.split
    features, labels = [part[split.training] for part in prepared.features], split.labels[split.training]
    whole = Lesson(prepared, features, labels, np.ones(len(labels), np.bool_))
    if not settings.doubt:
        return whole
    said = cross_validate(features, labels, whole.folds, classes=split.classes, settings=settings).log_probabilities
    mean = said.mean(axis=1)
    kept, trusted = believed(log_softmax(mean / temperature(mean, labels)), labels)
    return Lesson(prepared, features, kept, trusted)


def out_of_fold(of: Lesson, learned: Learned) -> Judged:
    """Return what ``learned`` said of the folds it had not seen, against the labels as they were given."""
    return _judged(
        of.prepared, of.split.training, learned.out_of_fold, learned.stacked, distances=learned.folds.distances
    )


def held_out(of: Lesson, learned: Learned, pooled: Sequence[Floats]) -> Judged:
    """Return what ``learned`` says of the held-out pictures, from the features (all pictures, features) of each."""
    outside = ~of.split.training
    seen = [part[outside] for part in pooled]
    said = learned.say(seen)
    stacked = learned.stack.log_probabilities(said)
    return _judged(of.prepared, outside, said, stacked, distances=learned.distance(seen))


def _judged(
    prepared: Prepared, chosen: NDArray[np.bool_], said: Floats, stacked: Floats, *, distances: Floats
) -> Judged:
    split = prepared.split
    examples = [prepared.dataset.examples[place] for place in np.flatnonzero(chosen).tolist()]
    names = list(prepared.weights_sha256)
    return Judged(
        classes=split.classes,
        labels=split.labels[chosen],
        groups=split.groups[chosen],
        log_probabilities=dict(zip(names, np.moveaxis(said, 1, 0), strict=True)) | {STACK: stacked},
        distances=distances,
        paths=tuple(each.path for each in examples),
        contents=tuple(each.picture.sha256 for each in examples),
        twins=split.twins[chosen],
    )
