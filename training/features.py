"""Pooled features of the frozen backbones, computed once for a picture and kept in a cache that any later fit reads.

The cache is a folder of small files, each written whole or not at all: an interrupted run goes on where it stopped.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ml.arrays import Floats, Pixels
from ml.graph import PREPROCESSING, Graph
from ml.images import kept_pixels
from training.dataset import Example, examined_again

_SHARD = 256  # pictures a cache file


def pooled(
    examples: Sequence[Example],
    graph: Graph,
    *,
    size: int,
    cache: Path,
    console: Console,
) -> list[Floats]:
    """Return the features of every example, float32 (n, 2, features) for each backbone of ``graph`` in turn.

    The two views are the picture as it is, in which it will be answered, and its mirror image. They are keyed by the
    picture's content, the backbone's weights and the preprocessing.
    """
    folders = [_folder(cache, name, sha256, size) for name, sha256 in graph.weights_sha256.items()]
    known = [_cached(folder) for folder in folders]
    missing = list(
        {
            each.picture.sha256: each.path
            for each in examples
            if any(each.picture.sha256 not in part for part in known)
        }.items()
    )
    shards = [missing[start : start + _SHARD] for start in range(0, len(missing), _SHARD)]
    for shard in track(shards, f"features of {len(missing)} pictures", console=console, disable=not shards):
        contents, features = _computed([path for _, path in shard], graph, size)
        for folder, part, rows in zip(folders, known, features, strict=True):
            _write(folder, contents, rows)
            part.update(zip(contents, rows, strict=True))
    return [np.stack([part[each.picture.sha256] for each in examples]) for part in known]


def _folder(cache: Path, name: str, weights_sha256: str, size: int) -> Path:
    key = hashlib.sha256(f"{weights_sha256} {PREPROCESSING} {size}".encode()).hexdigest()
    return cache / f"{name}-{key[:16]}"


def _cached(folder: Path) -> dict[str, Floats]:
    known: dict[str, Floats] = {}
    for path in folder.glob("*.npz"):
        with np.load(path, allow_pickle=False) as shard:
            known.update(zip(shard["contents"].tolist(), shard["features"], strict=True))
    return known


def _computed(paths: Sequence[Path], graph: Graph, size: int) -> tuple[list[str], list[Floats]]:
    """Return the contents' sha256, and the features (pictures, views, features) of each backbone."""
    contents, pixels = [], []
    for result in examined_again(paths, size=size):
        contents.append(result.picture.sha256)
        pixels.append(kept_pixels(result.kept))
    views = [_forward(graph, pixels), _forward(graph, [np.fliplr(each) for each in pixels])]
    return contents, [np.stack(part, axis=1) for part in zip(*views, strict=True)]


def _forward(graph: Graph, pixels: list[Pixels]) -> list[Floats]:
    batches = [pixels[start : start + graph.batch_size] for start in range(0, len(pixels), graph.batch_size)]
    outputs = [[rows[: len(batch)] for rows in graph(np.stack(batch))[1::2]] for batch in batches]
    return [np.concatenate(part) for part in zip(*outputs, strict=True)]


def _write(folder: Path, contents: list[str], features: Floats) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256("".join(contents).encode()).hexdigest()[:16]
    beside = folder / f".{name}-{os.getpid()}"
    with beside.open("wb") as file:
        np.savez(file, contents=np.array(contents), features=features)
    beside.replace(folder / f"{name}.npz")
