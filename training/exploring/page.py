"""The page about a data set: counts, plots and contact sheets become one HTML file that opens offline."""

import base64
import hashlib
import io
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from ml.files import write_atomically
from ml.images import CaptureStatus, Picture
from ml.labels import in_order
from training.corrections import Correction
from training.dataset import examined
from training.examples import Example
from training.exploring import plots
from training.exploring.explore import Explored, camera_name
from training.judging import words
from training.judging.page import templates_environment

SHOWN = 600
"""Suspects with their pictures; the table beside the page has all of them."""
_GROUPS, _OF_GROUP = 24, 4  # of near-duplicates under several labels, and pictures of each
_ROWS = 40  # of a table
_LONGER_SIDE, _QUALITY = 144, 65  # of a thumbnail
_NEVER_SHOWN = "person"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The figures of the page; counts of files, unless they say otherwise."""

    files: int
    unreadable: int
    torn: int
    same_bytes: int
    same_picture: int
    reexports: int
    disputed: int  # pictures that carry several labels
    near: int  # groups
    twins: int  # held out, with a copy or a near-duplicate among those to learn from
    held_out: int
    exif: int
    gps: int
    captured: int
    largest: str
    smallest: str
    imbalance: float  # the largest class to the smallest


@dataclass(frozen=True, slots=True)
class Alike:
    """Pictures that resemble each other and do not carry the same label."""

    pictures: list[tuple[str, str, str | None]]  # label, path, data URI


def numbers(explored: Explored) -> Numbers:
    """Count what the page and the terminal tell."""
    pictures = [each.picture for each in explored.readable]
    kinds = Counter(each.kind.name for each in explored.sorted_out.copies)
    counts = Counter(each.label for each in explored.readable).most_common()
    return Numbers(
        files=len(explored.files),
        unreadable=len(explored.files) - len(pictures),
        torn=sum(bool(each.example and each.reason) for each in explored.files),
        same_bytes=kinds["SAME_BYTES"],
        same_picture=kinds["SAME_PICTURE"],
        reexports=kinds["REEXPORT"],
        disputed=len(explored.sorted_out.disputed),
        near=len(set(explored.near.values())),
        twins=_twins(explored),
        held_out=sum(each.held_out for each in explored.readable),
        exif=sum(bool(each.exif) for each in pictures),
        gps=sum("GPSInfo" in each.exif for each in pictures),
        captured=sum(each.captured.status is CaptureStatus.OK for each in pictures),
        largest=counts[0][0],
        smallest=counts[-1][0],
        imbalance=counts[0][1] / counts[-1][1],
    )


def by_class(explored: Explored) -> dict[str, Counter[str]]:
    """Return label → split → files that can be read, in the order of the labels."""
    counts: dict[str, Counter[str]] = {label: Counter() for label in in_order(each.label for each in explored.files)}
    for file in explored.files:
        if file.example:
            counts[file.label][file.split] += 1
    return counts


def write(explored: Explored, suspects: Sequence[Correction] | None, file: Path) -> None:
    """Write the page; ``suspects`` are None where none were looked for."""
    environment = templates_environment()
    environment.filters["title_of_split"] = lambda split: split.capitalize() or "Pictures"
    style = environment.get_template("training/explore.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    base = Path(os.path.commonpath([each.path.absolute().parent for each in explored.files]))
    names = {each.path: str(each.path.absolute().relative_to(base)) for each in explored.files}
    shown = list(suspects or ())[:SHOWN]
    alike = _alike(explored)
    wanted = {each.picture.sha256: each for group in alike for each in group}
    by_content = {each.picture.sha256: each for each in reversed(explored.readable)}
    wanted |= {each.sha256: by_content[each.sha256] for each in shown if each.sha256 in by_content}
    people = {each.picture.sha256 for each in explored.readable if each.label == _NEVER_SHOWN}
    thumbnails = _thumbnails(each for each in wanted.values() if each.picture.sha256 not in people)
    html = environment.get_template("training/explore.html.j2").render(
        base=base,
        numbers=numbers(explored),
        classes=_classes(explored, suspects or ()),
        splits=sorted({each.split for each in explored.files}),
        formats=Counter((each.example.picture.format, each.mode) for each in explored.files if each.example),
        unreadable=[(names[each.path], each.reason) for each in explored.files if each.reason],
        copies=[(names[each.example.path], str(each.kind), names[each.of.path]) for each in explored.sorted_out.copies],
        alike=[
            Alike([(each.label, names[each.path], thumbnails.get(each.picture.sha256)) for each in group[:_OF_GROUP]])
            for group in alike[:_GROUPS]
        ],
        alike_count=len(alike),
        cameras=_cameras(explored.readable),
        suspects=suspects,
        sheet=[
            (each, names[by_content[each.sha256].path], _shown(each, thumbnails))
            for each in shown
            if each.sha256 in by_content
        ],
        rows=_ROWS,
        plots=_plots(explored),
        style_hash=f"sha256-{digest}",
    )
    write_atomically(file, html.encode(errors="replace"))


def _twins(explored: Explored) -> int:
    learned = [each for each in explored.readable if not each.held_out]
    contents = {each.content for each in learned}
    groups = {explored.near[each.path] for each in learned if each.path in explored.near}
    held_out = [each for each in explored.readable if each.held_out]
    return sum(each.content in contents or explored.near.get(each.path) in groups for each in held_out)


def _classes(explored: Explored, suspects: Sequence[Correction]) -> list[tuple[str, Counter[str], int, int]]:
    """Return label, files by split, copies and suspects of each class."""
    copies = Counter(each.example.label for each in explored.sorted_out.copies)
    doubted = Counter(each.label for each in suspects)
    return [(label, counts, copies[label], doubted[label]) for label, counts in by_class(explored).items()]


def _alike(explored: Explored) -> list[list[Example]]:
    """Return groups of pictures that carry several labels: copies of one first, then near-duplicates."""
    groups = defaultdict(list)
    for each in explored.readable:
        if each.path in explored.near:
            groups[explored.near[each.path]].append(each)
    disputed = [list(files) for files in explored.sorted_out.disputed]
    contents = {files[0].content for files in disputed}
    near = [
        _varied(group)
        for group in groups.values()
        if len({each.label for each in group if each.content not in contents}) > 1
    ]
    return disputed + near


def _varied(group: Sequence[Example]) -> list[Example]:
    """Put one picture of each label first: the others may not be shown."""
    first = {each.label: each for each in reversed(group)}
    return [*first.values(), *(each for each in group if first[each.label] is not each)]


def _cameras(examples: Sequence[Example]) -> list[tuple[str, int]]:
    names = (camera_name(each.picture) for each in examples)
    return Counter(name for name in names if name).most_common()


def _plots(explored: Explored) -> Mapping[str, Markup | None]:
    pictures = [each.picture for each in explored.readable]
    upright = [_upright(each) for each in pictures]
    captured = [each.captured.at for each in pictures if each.captured.status is CaptureStatus.OK]
    return {
        "classes": plots.classes({words.label(label): counts for label, counts in by_class(explored).items()}),
        "sides": plots.longer_sides([max(each) for each in upright]),
        "proportions": plots.proportions([width / height for width, height in upright]),
        "hours": plots.hours([at.hour for at in captured if at]) if captured else None,
    }


def _upright(picture: Picture) -> tuple[int, int]:
    """Return width and height as the picture is seen."""
    turned = picture.orientation >= 5  # noqa: PLR2004  # EXIF: 5 to 8 lie on their side
    return (picture.height, picture.width) if turned else (picture.width, picture.height)


def _thumbnails(examples: Iterable[Example]) -> dict[str, str]:
    """Return sha256 → data URI; what shows a person, or is gone meanwhile, has none."""
    chosen = [each for each in examples if each.label != _NEVER_SHOWN]
    results = examined([each.path for each in chosen], size=_LONGER_SIDE)
    return {
        each.picture.sha256: _data_uri(result.kept, each.picture)
        for each, result in zip(chosen, results, strict=True)
        if not isinstance(result, str)
    }


def _shown(suspect: Correction, thumbnails: Mapping[str, str]) -> str | None:
    return None if suspect.suggested == _NEVER_SHOWN else thumbnails.get(suspect.sha256)


def _data_uri(kept: bytes, picture: Picture) -> str:
    """Kept pictures are squashed to a square: give them the camera's proportions again."""
    width, height = _upright(picture)
    scale = _LONGER_SIDE / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    out = io.BytesIO()
    Image.open(io.BytesIO(kept)).resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
