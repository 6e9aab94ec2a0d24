"""A training set on disk → labelled examples: which folder means which label, what can be read, what is a duplicate."""

import hashlib
import multiprocessing
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.progress import track

from ml.images import CaptureStatus, Examined, Facts, Integrity, Picture, Unreadable, examine, reexport_links
from ml.labels import BACKGROUND, SPECIES

_HELD_OUT = {"valid", "val", "validation", "test", "testing"}
_SPLITS = {"train", "training"} | _HELD_OUT
_SPELLINGS = {
    "panda": "giant_panda ailuropoda_melanoleuca",
    "lion": "african_lion panthera_leo",
    "rhino": "rhinoceros",
    "amur_leopard": "leopard panthera_pardus panthera_pardus_orientalis",
    "jaguar": "panthera_onca",
    "panther": "black_panther black_leopard",
    "chimpanzee": "chimp pan_troglodytes",
    "african_elephant": "elephant loxodonta_africana loxodonta_cyclotis african_forest_elephant",
    "arctic_fox": "polar_fox vulpes_lagopus",
    "orangutan": "orang_utan pongo",
    "cheetah": "acinonyx_jubatus",
    "other": "others background none_of_these",
    "blank": "empty nothing",
    "person": "people human",
    "vehicle": "car",
}
_FEW = 64  # below this many files a pool of processes does not pay


class DatasetError(ValueError):
    """A training set that cannot be used; the message names the folder and what to do."""


@dataclass(frozen=True, slots=True)
class ClassFolder:
    """A folder of pictures of one label. Each folder below it counts as a deployment: its pictures stay together."""

    path: Path
    label: str
    held_out: bool = False  # given as test or validation: never trained on
    without: frozenset[str] = frozenset()  # names of files that show something else


@dataclass(frozen=True, slots=True)
class Example:
    """One picture of the training set."""

    path: Path
    label: str
    held_out: bool
    deployment: str | None
    picture: Picture

    @property
    def content(self) -> tuple[object, ...]:
        """What equal pictures share (the rules D1 and D2); flat ones are equal only byte by byte."""
        picture = self.picture
        return (picture.sha256,) if picture.flat else (picture.picture_hash, picture.orientation)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is trained on, in the order of its paths, and what was left out and why."""

    examples: tuple[Example, ...]
    left_out: tuple[tuple[Path, str], ...]

    @property
    def fingerprint(self) -> str:
        """The sha256 over contents, labels and given split; paths do not matter."""
        lines = sorted(f"{each.picture.sha256} {each.label} {each.held_out}" for each in self.examples)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read(folders: Sequence[ClassFolder], *, size: int, console: Console) -> Dataset:
    """Examine every picture and clean the result.

    A file that cannot be read, or only in part, is left out, as is a copy or a re-export of another training picture,
    and every copy of a picture that carries two labels. Pictures given as held out stay as they were given.
    ``DatasetError`` where nothing can be read.
    """
    files = [(folder, path) for folder in folders for path in _listed(folder)]
    examples, left_out = [], []
    found = zip(files, examined([path for _, path in files], size=size), strict=True)
    for (folder, path), result in track(found, "reading pictures", total=len(files), console=console):
        if isinstance(result, str):
            left_out.append((path, result))
        elif result.picture.integrity is Integrity.SUSPECT and not folder.held_out:
            left_out.append((path, "suspect: only a part of it decodes cleanly"))
        else:
            below = path.relative_to(folder.path).parts
            deployment = str(folder.path / below[0]) if len(below) > 1 else None
            examples.append(Example(path, folder.label, folder.held_out, deployment, result.picture))
    if not examples:
        raise DatasetError(f"none of the {len(files)} files can be read as a picture")
    kept, copies = _without_copies([each for each in examples if not each.held_out])
    held_out = [each for each in examples if each.held_out]
    kept, reexports = _without_reexports(kept)
    return Dataset((*kept, *held_out), (*left_out, *copies, *reexports))


def class_folders(dataset: Path) -> list[ClassFolder]:
    """Find the class folders of ``dataset``, directly below it or below folders such as ``train`` and ``test``."""
    if not dataset.is_dir():
        raise DatasetError(f"{dataset} is not a folder: a training set is a folder of class folders")
    children = [path for path in sorted(dataset.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    if not children:
        raise DatasetError(f"{dataset} has no class folders: put the pictures of each species into one named after it")
    found = []
    for child in children:
        if child.name.lower() in _SPLITS:
            held_out = child.name.lower() in _HELD_OUT
            found += [ClassFolder(each.path, each.label, held_out or each.held_out) for each in class_folders(child)]
        else:
            found.append(ClassFolder(child, label_of(child)))
    return found


def label_of(folder: Path) -> str:
    """Return the label that the folder's name means, in any of its known spellings; else ``DatasetError``."""
    name = re.sub(r"[^a-z0-9]+", "_", folder.name.lower()).strip("_")
    known = {label: label for label in SPECIES + BACKGROUND}
    known |= {spelling: label for label, spellings in _SPELLINGS.items() for spelling in spellings.split()}
    label = known.get(name) or known.get(name.removesuffix("s"))
    if label:
        return label
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {known[near[0]]}? " if near else ""
    raise DatasetError(
        f"{folder}: {folder.name!r} is not a class; {hint}Known are {', '.join(SPECIES + BACKGROUND)} "
        "(pictures of other animals go into a folder named other)"
    )


def examined(paths: Sequence[Path], *, size: int) -> Iterator[Examined | str]:
    """Examine files in order, on all processors; a file that cannot be read comes out as the reason."""
    examine_one = partial(_examined, size=size, now=datetime.now(UTC))
    if len(paths) < _FEW:
        yield from map(examine_one, paths)
        return
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=spawned) as pool:
        yield from pool.map(examine_one, paths, chunksize=16)


def examined_again(paths: Sequence[Path], *, size: int) -> Iterator[Examined]:
    """Examine files that were readable when the data set was read; ``DatasetError`` where one no longer is."""
    for path, result in zip(paths, examined(paths, size=size), strict=True):
        if isinstance(result, str):
            raise DatasetError(f"{path} was readable a moment ago and no longer is ({result}): start again")
        yield result


def _examined(path: Path, *, size: int, now: datetime) -> Examined | str:
    try:
        return examine(path.read_bytes(), size=size, now=now)
    except (Unreadable, OSError) as error:
        return str(error)


def _listed(folder: ClassFolder) -> list[Path]:
    return [
        path
        for path in sorted(folder.path.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name not in folder.without
    ]


def _without_copies(examples: Sequence[Example]) -> tuple[list[Example], list[tuple[Path, str]]]:
    """Keep the largest of each picture; drop all of them where they carry different labels."""
    kept, left_out = [], []
    for _, group in groupby(sorted(examples, key=_rank), key=lambda each: each.content):
        first, *copies = group
        labels = sorted({first.label, *(copy.label for copy in copies)})
        if len(labels) > 1:
            left_out += [(each.path, f"two labels: {', '.join(labels)}") for each in (first, *copies)]
        else:
            kept.append(first)
            left_out += [(copy.path, f"a copy: of {first.path.name}") for copy in copies]
    return sorted(kept, key=lambda each: each.path), left_out


def _rank(example: Example) -> tuple[object, ...]:
    picture = example.picture
    return (*map(str, example.content), -picture.width * picture.height, picture.sha256, example.path)


def _without_reexports(examples: Sequence[Example]) -> tuple[list[Example], list[tuple[Path, str]]]:
    """Drop what was resized or saved anew (the rule D3); where there are no deployments, within one folder."""
    seconds = defaultdict(list)
    for each in examples:
        captured = each.picture.captured
        if captured.at is not None and captured.status is CaptureStatus.OK:
            seconds[each.deployment or str(each.path.parent), captured.at.replace(microsecond=0)].append(each)
    names = {each.picture.sha256: each.path.name for each in examples}
    originals = {
        link.sha256: names[link.canonical] for group in seconds.values() for link in reexport_links(map(_facts, group))
    }
    kept = [each for each in examples if each.picture.sha256 not in originals]
    dropped = [each for each in examples if each.picture.sha256 in originals]
    return kept, [(each.path, f"a re-export: of {originals[each.picture.sha256]}") for each in dropped]


def _facts(example: Example) -> Facts:
    picture = example.picture
    return Facts(
        sha256=picture.sha256,
        picture_hash=picture.picture_hash,
        orientation=picture.orientation,
        phash=picture.phash,
        flat=picture.flat,
        width=picture.width,
        height=picture.height,
        encoding=picture.encoding,
        captured_at=picture.captured.at,
        deployment=0,  # all of a group are of one
    )
