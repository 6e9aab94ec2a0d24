"""Pooled features of the frozen backbones, computed once for a picture and kept in a cache that any later fit reads.

The cache is a folder of small files, each written whole or not at all: an interrupted run goes on where it stopped.
A file that cannot be read (a disk loses some) is dropped, and what it held is computed again.
"""

import hashlib
import io
import logging
import tokenize
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ml.arrays import Floats, Pixels
from ml.files import write_atomically
from ml.graph import PREPROCESSING, Graph
from ml.images import kept_pixels
from training.dataset import Example, examined_again

log = logging.getLogger(__name__)

_SHARD = 256  # pictures a cache file
# What NumPy raises of a file that is empty, torn or holds other bytes.
_DAMAGED = (EOFError, LookupError, RuntimeError, ValueError, tokenize.TokenError, zipfile.BadZipFile)


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
    paths = {each.picture.sha256: each.path for each in examples}
    known = [_cached(folder, paths.keys()) for folder in folders]
    missing = [(sha256, path) for sha256, path in paths.items() if any(sha256 not in part for part in known)]
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


def _cached(folder: Path, wanted: Collection[str]) -> dict[str, Floats]:
    """Return the features of the ``wanted`` contents, as far as the cache has them."""
    known: dict[str, Floats] = {}
    for path in folder.glob("*.npz"):
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as shard:
                contents = shard["contents"].tolist()
                places = [place for place, content in enumerate(contents) if content in wanted]
                if places:
                    known.update(zip([contents[place] for place in places], shard["features"][places], strict=True))
        except _DAMAGED as error:
            log.warning("%s is damaged (%s): what it held is computed again", path, error)
            path.unlink()
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
    name = hashlib.sha256("".join(contents).encode()).hexdigest()[:16]
    shard = io.BytesIO()
    np.savez(shard, contents=np.array(contents), features=features)
    write_atomically(folder / f"{name}.npz", shard.getvalue())
