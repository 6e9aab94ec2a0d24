"""Whether a model may answer in a lower precision: its decisions are counted in both, on pictures of its data set."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console

from ml import runtime
from ml.arrays import Pixels
from ml.artifacts import load
from ml.images import kept_pixels
from ml.settings import ModelSettings, Precision
from training.dataset import examined

_MOST = 2000  # pictures; with 99.8 % equal, the share is known to some 0.1 %
_CHUNK = 64


def count(
    folder: Path, pictures: Sequence[Path], *, weights_folder: Path | None, cache: Path, console: Console
) -> None:
    """Count for each runtime here how often the model in ``folder`` decides in bfloat16 as in float32, and keep that.

    With too few ``pictures`` to allow it nothing is counted, and the model answers in float32. ``cache`` is where
    runtimes keep what they make of a model.
    """
    if len(pictures) < runtime.LEAST_PICTURES:
        return
    chosen = [pictures[place] for place in np.linspace(0, len(pictures) - 1, min(len(pictures), _MOST)).astype(int)]
    size = load(folder).card.picture_size
    found = {}
    for name in runtime.with_bfloat16():
        exact, lower = (
            ModelSettings(weights_folder=weights_folder, runtime=name, precision=precision)
            for precision in (Precision.FLOAT32, Precision.BFLOAT16)
        )
        try:
            with console.status(f"comparing {name} in bfloat16 with float32"):
                found[name, Precision.BFLOAT16] = runtime.compare(
                    runtime.open_ensemble(folder, exact, cache),
                    runtime.open_ensemble(folder, lower, cache),
                    _kept(chosen, size),
                )
            console.print(f"{name} in bfloat16: {found[name, Precision.BFLOAT16]}")
        except (runtime.RuntimeMissing, OSError, MemoryError) as error:  # a trained model is not lost for it
            console.print(f"{name} in bfloat16 is not counted, and not used: {error}", markup=False)
    runtime.record(folder, found)


def _kept(paths: Sequence[Path], size: int) -> Iterator[Pixels]:
    kept = (kept_pixels(each.kept) for each in examined(paths, size=size) if not isinstance(each, str))
    while batch := list(islice(kept, _CHUNK)):
        yield np.stack(batch)
