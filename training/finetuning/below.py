"""The maps below the backbones' tops, computed once for a picture and view: what fine-tuning trains on.

They lie in the cache beside the features, by content, weights, preprocessing, size, cut and view. At 320 px a map of
the starter is 10 × 10 × 192 in float16: 38 kB a picture, view and backbone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from ml.arrays import Floats, Ints, Pixels
from ml.backbones import Loaded, backbone
from ml.backbones.top import split
from ml.graph import CPU_BATCH, PREPROCESSING, Graph, side_by_side
from training.dataset import Example
from training.features import Store, compute_missing
from training.views import PLAIN

_LARGEST = float(np.finfo(np.float16).max)  # networks without batch normalisation come near it


@dataclass(frozen=True, slots=True)
class Maps:
    """The maps of one backbone; they stay on disk until they are asked for."""

    stores: tuple[Store, ...]  # of each view, the picture as it is first
    contents: tuple[str, ...]  # sha256 of each example

    def __call__(self, places: Ints, views: Ints) -> Floats:
        """Return the maps, float16 (n, h, w, c), of the examples at ``places`` (n,), each in its view of ``views``."""
        maps: dict[int, Floats] = {}
        for number, store in enumerate(self.stores):
            chosen = np.flatnonzero(views == number)
            if len(chosen):
                maps |= zip(
                    chosen.tolist(), store.rows([self.contents[place] for place in places[chosen]]), strict=True
                )
        return np.stack([maps[row] for row in range(len(places))])


def maps_below(
    examples: Sequence[Example],
    loaded: Mapping[str, Loaded],
    *,
    size: int,
    views: Sequence[str],
    cache: Path,
    console: Console,
) -> dict[str, Maps]:
    """Compute what the cache lacks, and return the maps of each backbone; the picture as it is, then ``views``."""
    shown = (PLAIN, *views)
    stores = {view: [Store(_folder(cache, name, each, size, view)) for name, each in loaded.items()] for view in shown}
    cut = [split(each.model, backbone(name).cut)[0] for name, each in loaded.items()]
    below = side_by_side(cut, size=size)
    graph = Graph(below, {name: each.weights_sha256 for name, each in loaded.items()}, CPU_BATCH)
    compute_missing(examples, stores, lambda pixels: _forward(graph, pixels), size=size, console=console)
    contents = tuple(each.picture.sha256 for each in examples)
    return {name: Maps(tuple(stores[view][place] for view in shown), contents) for place, name in enumerate(loaded)}


def _folder(cache: Path, name: str, loaded: Loaded, size: int, view: str) -> Path:
    key = hashlib.sha256(f"{loaded.weights_sha256} {PREPROCESSING} {size}".encode()).hexdigest()
    return cache / f"{name}-{key[:16]}-{backbone(name).cut}-{view}"


def _forward(graph: Graph, pixels: list[Pixels]) -> list[Floats]:
    """Return the map of each backbone, float16 (n, h, w, c)."""
    batches = [pixels[start : start + graph.batch_size] for start in range(0, len(pixels), graph.batch_size)]
    outputs = [[_halved(rows[: len(batch)]) for rows in graph(np.stack(batch))] for batch in batches]
    return [np.concatenate(part) for part in zip(*outputs, strict=True)]


def _halved(rows: Floats) -> Floats:
    return np.clip(rows, -_LARGEST, _LARGEST).astype(np.float16)
