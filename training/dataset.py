"""A training set on disk → labelled examples: which folder means which label, what can be read, what is a duplicate."""

import hashlib
import multiprocessing
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from ml.images import Examined, Integrity, Picture, Unreadable, examine
from ml.labels import BACKGROUND, SPECIES
from training.examples import CopyKind, Example, Sorted, sort_out

__all__ = [
    "ClassFolder",
    "Dataset",
    "DatasetError",
    "Example",
    "class_folders",
    "every_file",
    "examined",
    "examined_again",
    "example_of",
    "label_called",
    "label_of",
    "read",
    "torn",
]

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
    sources: Mapping[str, str] = field(default_factory=dict, hash=False)  # file name → whence: these stay together too
    split: str = ""  # the name of the folder above it, in small letters, where that says train, valid or the like


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is trained on, in the order of its paths, and what was left out and why."""

    examples: tuple[Example, ...]
    left_out: tuple[tuple[Path, str], ...]
    disputed: tuple[Example, ...] = ()  # one of each picture left out because it carries several labels

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
    examples, left_out = [], []
    for folder, path, result in every_file(folders, size=size, console=console):
        if isinstance(result, str):
            left_out.append((path, result))
        elif torn(result.picture) and not folder.held_out:
            left_out.append((path, "suspect: only a part of it decodes cleanly"))
        else:
            examples.append(example_of(folder, path, result.picture))
    if not examples:
        raise DatasetError(f"none of the {len(left_out)} files can be read as a picture")
    sorted_out = sort_out(each for each in examples if not each.held_out)
    held_out = [each for each in examples if each.held_out]
    disputed = tuple(first for first, *_ in sorted_out.disputed)
    return Dataset((*sorted_out.kept, *held_out), (*left_out, *_reasons(sorted_out)), disputed)


def every_file(
    folders: Sequence[ClassFolder], *, size: int, console: Console
) -> Iterator[tuple[ClassFolder, Path, Examined | str]]:
    """Examine every file of ``folders`` in turn, on all processors; one that cannot be read comes with the reason."""
    files = [(folder, path) for folder in folders for path in _listed(folder)]
    results = examined([path for _, path in files], size=size)
    for (folder, path), result in track(
        zip(files, results, strict=True), "reading pictures", total=len(files), console=console
    ):
        yield folder, path, result


def example_of(folder: ClassFolder, path: Path, picture: Picture) -> Example:
    """Return the example that a file below a class folder is."""
    below = path.relative_to(folder.path).parts
    deployment = folder.sources.get(path.name) or (str(folder.path / below[0]) if len(below) > 1 else None)
    return Example(path, folder.label, folder.held_out, deployment, picture)


def torn(picture: Picture) -> bool:
    """Tell whether only a part of the picture decodes cleanly: nothing is to be learned from such a file."""
    return picture.integrity is Integrity.SUSPECT


def class_folders(dataset: Path, names: Mapping[str, str] | None = None) -> list[ClassFolder]:
    """Find the class folders of ``dataset``, directly below it or below folders such as ``train`` and ``test``.

    ``names`` are the user's own names of classes, with the label that each means.
    """
    if not dataset.is_dir():
        raise DatasetError(f"{dataset} is not a folder: a training set is a folder of class folders")
    children = [path for path in sorted(dataset.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    if not children:
        raise DatasetError(f"{dataset} has no class folders: put the pictures of each species into one named after it")
    found = []
    for child in children:
        split = child.name.lower()
        if split in _SPLITS:
            held_out = split in _HELD_OUT
            found += [
                ClassFolder(each.path, each.label, held_out or each.held_out, split=each.split or split)
                for each in class_folders(child, names)
            ]
        else:
            found.append(ClassFolder(child, label_of(child, names)))
    return found


def label_of(folder: Path, names: Mapping[str, str] | None = None) -> str:
    """Return the label that the folder's name means, in any of its known spellings; else ``DatasetError``."""
    try:
        return label_called(folder.name, names)
    except DatasetError as error:
        raise DatasetError(f"{folder}: {error} (pictures of other animals go into a folder named other)") from error


def label_called(name: str, names: Mapping[str, str] | None = None) -> str:
    """Return the label that ``name`` means, of the user's own ``names`` or a known spelling; else ``DatasetError``."""
    own = {_plain(each): label for each, label in (names or {}).items()}
    if unknown := sorted(set(own.values()) - {*SPECIES, *BACKGROUND}):
        raise DatasetError(f"class_names: there is no label {', '.join(unknown)}; {_KNOWN}")
    known = {label: label for label in SPECIES + BACKGROUND}
    known |= {spelling: label for label, spellings in _SPELLINGS.items() for spelling in spellings.split()}
    known |= own
    plain = _plain(name)
    label = known.get(plain) or known.get(plain.removesuffix("s"))
    if label:
        return label
    near = get_close_matches(plain, known, n=1)
    hint = f"did you mean {known[near[0]]}? " if near else ""
    raise DatasetError(f"{name!r} is not a class; {hint}{_KNOWN}")


_KNOWN = f"Known are {', '.join(SPECIES + BACKGROUND)}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


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


def _reasons(sorted_out: Sorted) -> Iterator[tuple[Path, str]]:
    for files in sorted_out.disputed:
        labels = ", ".join(sorted({each.label for each in files}))
        yield from ((each.path, f"two labels: {labels}") for each in files)
    for copy in sorted_out.copies:
        what = "a re-export" if copy.kind is CopyKind.REEXPORT else "a copy"
        yield copy.example.path, f"{what}: of {copy.of.path.name}"
