"""What a training leaves on record: what was said of pictures not seen, and how learning went."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Floats, Ints
from ml.artifacts import Card
from ml.decision import Thresholds

STACK = "stack"


def versions() -> dict[str, str]:
    """Return the versions of the packages that a model's numbers come from."""
    import keras

    return {package: metadata.version(package) for package in ("keras", keras.backend.backend(), "numpy")}


def reasons(left_out: Sequence[tuple[Path, str]]) -> dict[str, int]:
    """Count the files left out by the first words of why, the most frequent first."""
    return dict(Counter(reason.partition(":")[0] for _, reason in left_out).most_common())


@dataclass(frozen=True, slots=True)
class Judged:
    """What the backbones and the stack say of pictures that they had not seen; arrays over the pictures."""

    classes: tuple[str, ...]
    labels: Ints  # (n,) places in ``classes``
    groups: Ints  # (n,) pictures of one group resemble each other: an interval draws them together
    log_probabilities: dict[str, Floats]  # backbone, and STACK → (n, classes); the stack's after the temperature
    distances: Floats  # (n,) to the nearest prototype
    paths: tuple[Path, ...]
    contents: tuple[str, ...]  # sha256 of each file
    twins: NDArray[np.bool_]  # (n,) has a near-duplicate among what was learned from

    def only(self, chosen: NDArray[np.bool_]) -> "Judged":
        """Return the chosen pictures alone."""
        places = np.flatnonzero(chosen).tolist()
        return Judged(
            self.classes,
            self.labels[chosen],
            self.groups[chosen],
            {name: rows[chosen] for name, rows in self.log_probabilities.items()},
            self.distances[chosen],
            tuple(self.paths[place] for place in places),
            tuple(self.contents[place] for place in places),
            self.twins[chosen],
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """How one fold's heads learned: one figure an epoch, the mean over the backbones."""

    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    validation_loss: tuple[float, ...]
    validation_accuracy: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Tuned:
    """What tuning tried, and what it gained on the same folds."""

    defaults: Judged  # out of fold, with the settings before
    tuned: Judged  # out of fold, with the best settings
    trials: Sequence[Mapping[str, Any]]  # number, state, value (nan where pruned), seconds, and each parameter
    best: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One training, whole. The columns are those of the table that every training ends with.

    ``pretrained``: frozen backbones, out of fold in groups. ``plain``: the same with folds that ignore groups, to
    compare with others who do so. ``retrained``: fine-tuned, out of fold in groups. ``testing``: the held-out
    pictures, answered by the model that was kept. A column that does not apply is absent.
    """

    card: Card
    columns: dict[str, Judged]
    thresholds: Thresholds
    curves: dict[str, Sequence[Curve]]  # column → one curve a fold
    left_out: Sequence[tuple[Path, str]]
    tuned: Tuned | None = None
    notes: Sequence[str] = field(default=())  # sentences for the page: why challenger or champion stays, and so on

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every picture that was learned from or held out, once."""
        return tuple(dict.fromkeys(path for column in self.columns.values() for path in column.paths))
