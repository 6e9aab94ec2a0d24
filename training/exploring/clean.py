"""The cleaned copy of a data set: one small upright picture of each, under the label it means. The source stays as is.

``OUT/<split>/<label>/<start of the source's sha256>.jpg``, and ``OUT/manifest.csv`` that says of each source file what
became of it and why. All is written into a hidden folder beside OUT and renamed at the end: OUT is whole or not there,
and a run after one that was killed throws the half-made folder away and starts again.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from training.dataset import DatasetError, examined_again, torn
from training.examples import Example
from training.exploring.explore import Explored, File
from training.tables import write_table

SIZE = 224
"""The side of the pictures that are written: what the reference's backbones are fed."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one file: a line of the manifest."""

    path: str
    sha256: str
    label: str
    became: str  # kept or dropped
    why: str
    output: str  # below OUT
    output_sha256: str


def check(out: Path, datasets: Sequence[Path]) -> None:
    """Raise ``DatasetError`` where ``out`` cannot be the place of a cleaned copy of ``datasets``."""
    place = out.resolve()
    for dataset in datasets:
        if place.is_relative_to(dataset.resolve()):
            raise DatasetError(f"{out} lies in the data set {dataset}: name a folder outside it")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out} is there already and not empty: name a new folder")


def clean(explored: Explored, out: Path, *, console: Console) -> list[Fate]:
    """Write the cleaned set to ``out``, which ``check`` has allowed, and return what became of each file, in order."""
    kept = {each.path for each in explored.sorted_out.kept if each.held_out or not torn(each.picture)}
    targets = {
        file.path: _target(file, each) for file in explored.files if (each := file.example) and each.path in kept
    }
    half_made = out.resolve().with_name(f".{out.resolve().name}.unfinished")
    shutil.rmtree(half_made, ignore_errors=True)
    half_made.mkdir(parents=True)
    written = _pictures(targets, half_made, console)
    fates = list(_fates(explored, targets, written))
    write_table(half_made / "manifest.csv", Fate, fates)
    os.sync()  # the pictures were not flushed one by one
    half_made.rename(out.resolve())
    return fates


def _target(file: File, example: Example) -> Path:
    return Path(file.split, file.label, f"{example.picture.sha256[:16]}.jpg")


def _pictures(targets: dict[Path, Path], folder: Path, console: Console) -> dict[Path, str]:
    """Write the pictures and return the sha256 of each, by its source."""
    results = examined_again(list(targets), size=SIZE)
    pairs = zip(targets.items(), results, strict=True)
    written = {}
    for (source, target), result in track(pairs, "writing pictures", total=len(targets), console=console):
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / target).write_bytes(result.kept)
        written[source] = hashlib.sha256(result.kept).hexdigest()
    return written


def _fates(explored: Explored, targets: dict[Path, Path], written: dict[Path, str]) -> Iterator[Fate]:
    whys = {each.example.path: f"{each.kind}: as {each.of.path.absolute()}" for each in explored.sorted_out.copies}
    for files in explored.sorted_out.disputed:
        labels = ", ".join(sorted({each.label for each in files}))
        whys |= {each.path: f"the same picture carries several labels: {labels}" for each in files}
    for file in explored.files:
        target = targets.get(file.path)
        yield Fate(
            path=str(file.path.absolute()),
            sha256=file.example.picture.sha256 if file.example else "",
            label=file.label,
            became="kept" if target else "dropped",
            why=whys.get(file.path, file.reason),
            output=str(target or ""),
            output_sha256=written.get(file.path, ""),
        )
