"""Pooled features of the frozen backbones, computed once for a picture and view and kept in a cache for any later fit.

One folder a backbone, weights, preprocessing, size and view; in it shards: an array, mapped into memory when read, and
beside it, written after it, a list of the pictures whose rows it holds. So an interrupted run goes on where it
stopped, and two may run at once. A shard that is not what its list says (a disk loses some) is computed again.
"""

import hashlib
import io
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ml.arrays import Floats, Pixels
from ml.files import write_atomically
from ml.graph import PREPROCESSING, Graph
from ml.images import kept_pixels
from training.dataset import Example, examined_again
from training.views import PLAIN, view

log = logging.getLogger(__name__)

_SHARD = 256  # pictures a cache file


def pooled(
    examples: Sequence[Example],
    graph: Graph,
    *,
    size: int,
    views: Sequence[str],
    cache: Path,
    console: Console,
) -> list[Floats]:
    """Return the features of every example, float16 (n, 1 + views, features) for each backbone of ``graph`` in turn.

    The first view is the picture as it is, in which it will be answered; ``views`` follow in their order.
    """
    shown = (PLAIN, *views)
    stores = {
        name: [Store(_folder(cache, backbone, sha256, size, name)) for backbone, sha256 in graph.weights_sha256.items()]
        for name in shown
    }
    compute_missing(examples, stores, lambda pixels: graph_pooled(graph, pixels), size=size, console=console)
    contents = [each.picture.sha256 for each in examples]
    return [
        np.stack([stores[name][place].rows(contents) for name in shown], axis=1)
        for place in range(len(graph.weights_sha256))
    ]


def compute_missing(
    examples: Sequence[Example],
    stores: dict[str, list["Store"]],
    forward: Callable[[list[Pixels]], list[Floats]],
    *,
    size: int,
    console: Console,
) -> None:
    """Fill the ``stores`` of each view with what ``forward`` makes of the pictures that are not in all of them.

    ``forward`` takes pictures uint8 (size, size, 3) and returns one array (pictures, …) for each store of a view.
    """
    paths = {each.picture.sha256: each.path for each in examples}
    missing = {name: {content for part in parts for content in part.lacks(paths)} for name, parts in stores.items()}
    wanted = [content for content in paths if any(content in some for some in missing.values())]
    shards = [wanted[start : start + _SHARD] for start in range(0, len(wanted), _SHARD)]
    for shard in track(shards, f"features of {len(wanted)} pictures", console=console, disable=not shards):
        results = examined_again([paths[content] for content in shard], size=size)
        pixels = {content: kept_pixels(result.kept) for content, result in zip(shard, results, strict=True)}
        for name, parts in stores.items():
            chosen = [content for content in shard if content in missing[name]]
            if chosen:
                rows = forward([view(name, pixels[content], content) for content in chosen])
                for part, computed in zip(parts, rows, strict=True):
                    part.add(chosen, computed)


def graph_pooled(graph: Graph, pixels: list[Pixels]) -> list[Floats]:
    """Run any number of pictures; return each backbone's pooled features, float32 (n, features)."""
    batches = [pixels[start : start + graph.batch_size] for start in range(0, len(pixels), graph.batch_size)]
    outputs = [[rows[: len(batch)] for rows in graph(np.stack(batch))[1::2]] for batch in batches]
    return [np.concatenate(part) for part in zip(*outputs, strict=True)]


@dataclass(frozen=True, slots=True)
class _Place:
    shard: Path
    row: int


class Store:
    """Arrays, one a picture, in the shards of one folder; kept as float16."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, _Place] = {}
        for listed in sorted(folder.glob("*.txt")):
            self._learn(listed)

    def lacks(self, contents: Collection[str]) -> list[str]:
        """Return those of ``contents`` that are not here."""
        return [content for content in contents if content not in self._places]

    def add(self, contents: Sequence[str], rows: Floats) -> None:
        """Keep ``rows`` (n, …) of the pictures ``contents``: first the array, then the list that makes it known."""
        shard = io.BytesIO()
        np.save(shard, rows.astype(np.float16))
        data = shard.getvalue()
        name = hashlib.sha256("".join(contents).encode()).hexdigest()[:16]
        write_atomically(self._folder / f"{name}.npy", data)
        lines = [hashlib.sha256(data).hexdigest(), *contents]
        write_atomically(self._folder / f"{name}.txt", "\n".join(lines).encode())
        self._place(self._folder / f"{name}.npy", contents)

    def rows(self, contents: Sequence[str]) -> Floats:
        """Return the arrays of ``contents``, float16 (n, …); all of them are here."""
        shards = {place.shard for place in map(self._places.__getitem__, contents)}
        mapped = {shard: np.load(shard, mmap_mode="r") for shard in shards}
        return np.stack([mapped[place.shard][place.row] for place in map(self._places.__getitem__, contents)])

    def _learn(self, listed: Path) -> None:
        shard = listed.with_suffix(".npy")
        digest, *contents = listed.read_text(errors="replace").splitlines() or [""]
        try:
            with shard.open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == digest
        except FileNotFoundError:
            whole = False
        if whole:
            self._place(shard, contents)
        else:
            log.warning("%s is damaged: what it held is computed again", shard)
            listed.unlink()

    def _place(self, shard: Path, contents: Sequence[str]) -> None:
        self._places |= {content: _Place(shard, row) for row, content in enumerate(contents)}


def _folder(cache: Path, backbone: str, weights_sha256: str, size: int, view_name: str) -> Path:
    key = hashlib.sha256(f"{weights_sha256} {PREPROCESSING} {size}".encode()).hexdigest()
    return cache / f"{backbone}-{key[:16]}-{view_name}"
