"""A look at labelled pictures before anything is learned from them: what is there, what is twice, what looks wrong."""

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from ml import graph
from ml.images import Picture, kept_pixels
from ml.labels import in_order
from training import features, suspects
from training.corrections import Correction
from training.dataset import ClassFolder, DatasetError, every_file, example_of, torn
from training.examples import Example, Sorted, sort_out
from training.splits import folds, groups_of, near_duplicates
from training.tables import write_table

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class File:
    """One file of the data set."""

    path: Path
    label: str
    split: str  # the folder above its class: train, valid, test or the like, or nothing
    example: Example | None  # None where it cannot be read
    reason: str = ""  # why it cannot be read, or only in part
    mode: str = ""  # of the file as it is, in Pillow's words: RGB, RGBA, P, LA, L …
    flatness: float = 0.0  # share of the picture without any texture


@dataclass(frozen=True, slots=True)
class Explored:
    """What was found."""

    files: tuple[File, ...]
    sorted_out: Sorted  # of all files that can be read, whatever their split
    near: Mapping[Path, int]  # path → number of its group of near-duplicates, from 1

    @property
    def readable(self) -> list[Example]:
        """The files that can be read, in order."""
        return [each.example for each in self.files if each.example]


@dataclass(frozen=True, slots=True)
class Finder:
    """The frozen backbones in whose features wrong labels are looked for."""

    backbones: tuple[str, ...]
    cache: Path
    weights_folder: Path | None = None
    untrained_seed: int | None = None  # draws the backbones' weights in place of ImageNet's


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of ``files.csv``."""

    path: str
    sha256: str
    label: str
    split: str
    format: str
    mode: str
    width: int | str
    height: int | str
    bytes: int | str
    duplicate_of: str
    duplicate_kind: str
    near_duplicate_group: int | str
    camera: str
    captured_at: str
    integrity: str
    reason: str


def explore(folders: Sequence[ClassFolder], *, size: int, console: Console) -> Explored:
    """Examine every file; none is left out. ``size`` is the side to which pictures are squashed."""
    files = []
    for folder, path, result in every_file(folders, size=size, console=console):
        if isinstance(result, str):
            files.append(File(path, folder.label, folder.split, None, reason=result))
        else:
            example = example_of(folder, path, result.picture)
            reason = "only a part of it decodes cleanly" if torn(result.picture) else ""
            flat = suspects.flatness(kept_pixels(result.kept))
            files.append(File(path, folder.label, folder.split, example, reason, _mode(path), flat))
    readable = [each.example for each in files if each.example]
    if not readable:
        raise DatasetError(f"none of the {len(files)} files can be read as a picture")
    return Explored(tuple(files), sort_out(readable), _near(readable))


def look_for_suspects(explored: Explored, finder: Finder, *, seed: int, console: Console) -> list[Correction]:
    """List what looks wrong, the surest first, for a person to judge; one of each picture is looked at.

    Every answer about a picture comes from models that saw neither it nor what resembles it. A class whose pictures
    are all of one scene cannot be judged so, and is passed over. Raises ``WeightsMissing``.
    """
    rows = [_disputed(files) for files in explored.sorted_out.disputed]
    examples = _judgeable([each for each in explored.sorted_out.kept if not torn(each.picture)])
    classes = in_order(each.label for each in examples)
    if len(classes) < 2:  # noqa: PLR2004  # nothing to confuse
        return rows
    names = [each.label for each in examples]
    drawn = {} if finder.untrained_seed is None else dict.fromkeys(finder.backbones, finder.untrained_seed)
    joined = graph.build(finder.backbones, weights_folder=finder.weights_folder, untrained=drawn)
    pooled = features.pooled(
        examples,
        joined,
        size=graph.picture_size(finder.backbones),
        views=(),
        cache=finder.cache,
        console=console,
    )
    flat = {each.path: each.flatness for each in explored.files}
    labels = np.array([classes.index(name) for name in names])
    with console.status("looking for wrong labels"):
        evidence = suspects.evidence(
            [part[:, 0] for part in pooled],
            np.array([flat[each.path] for each in examples]),
            labels,
            folds(names, groups_of(examples), count=_FOLDS, seed=seed),
        )
        found = suspects.suspects(evidence, labels, classes)
    return rows + [_row_of(each, examples[each.place]) for each in found]


def camera_name(picture: Picture) -> str:
    """Return make and model, the make once: many models begin with it."""
    make, model = picture.camera.make or "", picture.camera.model or ""
    return model if make and model.lower().startswith(make.split()[0].lower()) else f"{make} {model}".strip()


def write_files(explored: Explored, file: Path) -> None:
    """Write ``files.csv``: a line for each file with all that is known of it."""
    write_table(file, _Row, _rows(explored))


def _mode(path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the file was examined a moment ago; only its header is read
        with Image.open(path) as header:
            return header.mode


def _near(examples: Sequence[Example]) -> dict[Path, int]:
    """Number the groups of pictures of which each resembles another; copies of one picture alone are no group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = near_duplicates(examples)
    links = coo_array((np.ones(len(pairs), np.int8), pairs.T), shape=(len(examples), len(examples)))
    members = defaultdict(list)
    for each, component in zip(examples, connected_components(links, directed=False)[1].tolist(), strict=True):
        members[component].append(each)
    groups = [group for group in members.values() if len({each.content for each in group}) > 1]
    return {each.path: number for number, group in enumerate(groups, start=1) for each in group}


def _judgeable(examples: Sequence[Example]) -> list[Example]:
    groups = defaultdict(set)
    for each, group in zip(examples, groups_of(examples).tolist() if examples else [], strict=True):
        groups[each.label].add(group)
    return [each for each in examples if len(groups[each.label]) > 1]


def _disputed(files: Sequence[Example]) -> Correction:
    first = files[0]
    labels = sorted({each.label for each in files})
    reason = f"the same picture is labelled {', '.join(labels[:-1])} and {labels[-1]}"
    return Correction(first.picture.sha256, str(first.path.absolute()), first.label, suspects.DROP, 1.0, reason)


def _row_of(suspect: suspects.Suspect, example: Example) -> Correction:
    return Correction(
        sha256=example.picture.sha256,
        path=str(example.path.absolute()),
        label=suspect.label,
        suggested=suspect.suggested,
        confidence=suspect.confidence,
        reason=suspect.reason,
    )


def _rows(explored: Explored) -> Iterator[_Row]:
    copies = {each.example.path: (each.of.path, str(each.kind)) for each in explored.sorted_out.copies}
    for first, *others in explored.sorted_out.disputed:
        copies |= {each.path: (first.path, "same picture, another label") for each in others}
    for file in explored.files:
        of, kind = copies.get(file.path, ("", ""))
        picture = file.example.picture if file.example else None
        at = picture.captured.at if picture else None
        yield _Row(
            path=str(file.path.absolute()),
            sha256=picture.sha256 if picture else "",
            label=file.label,
            split=file.split,
            format=picture.format if picture else "",
            mode=file.mode,
            width=picture.width if picture else "",
            height=picture.height if picture else "",
            bytes=picture.bytes if picture else "",
            duplicate_of=str(of.absolute()) if isinstance(of, Path) else "",
            duplicate_kind=kind,
            near_duplicate_group=explored.near.get(file.path, ""),
            camera=camera_name(picture) if picture else "",
            captured_at=at.isoformat() if at else "",
            integrity=str(picture.integrity) if picture else "unreadable",
            reason=file.reason,
        )
