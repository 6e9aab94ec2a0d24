"""Where a training of a top stands after an epoch, on disk: a killed one goes on from there and ends the same."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ml.files import write_atomically

log = logging.getLogger(__name__)

Arrays = Sequence[np.ndarray]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, and how it went: one figure an epoch."""

    epochs: int = 0  # done
    best: int = 0  # after how many of them the validation loss was least; 0: before the first
    best_loss: float = float("inf")
    loss: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    validation_accuracy: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that the next epoch needs; of a training that has ended, its result."""

    progress: Progress
    best: Arrays  # the weights after the best epoch
    weights: Arrays = field(default=())  # after the last one; none where it has ended
    optimizer: Arrays = field(default=())


def read(path: Path) -> Checkpoint | None:
    """Read what ``write`` wrote; None where there is nothing, or nothing whole."""
    if not path.exists():
        return None
    try:
        with safe_open(path, "numpy") as file:
            said = json.loads(file.metadata()["progress"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dictionary
    except (SafetensorError, OSError, ValueError) as error:
        log.warning("%s is damaged (%s): what it held is trained again", path, error)
        return None
    figures: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in said.items()}
    return Checkpoint(Progress(**figures), *(_numbered(arrays, kind) for kind in ("best", "weights", "optimizer")))


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write it so that ``path`` holds it whole, or what it held before."""
    kinds = {"best": checkpoint.best, "weights": checkpoint.weights, "optimizer": checkpoint.optimizer}
    arrays = {f"{kind}.{number}": array for kind, several in kinds.items() for number, array in enumerate(several)}
    write_atomically(path, save(arrays, metadata={"progress": json.dumps(asdict(checkpoint.progress))}))


def _numbered(arrays: dict[str, np.ndarray], kind: str) -> list[np.ndarray]:
    count = sum(name.startswith(f"{kind}.") for name in arrays)
    return [arrays[f"{kind}.{number}"] for number in range(count)]
