"""One labelled picture, and which of several are copies of another: the duplicate rules D1 to D3 for training sets."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import Path

from ml.images import CaptureStatus, Facts, Picture, reexport_links


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


class CopyKind(StrEnum):
    """What makes a picture a copy."""

    SAME_BYTES = "same bytes"  # D1
    SAME_PICTURE = "same picture, other bytes"  # D2
    REEXPORT = "re-export"  # D3


@dataclass(frozen=True, slots=True)
class Copy:
    """A picture that need not be kept, and the one that is kept in its place."""

    example: Example
    of: Example
    kind: CopyKind


@dataclass(frozen=True, slots=True)
class Sorted:
    """Pictures sorted out; each example is in one of the three."""

    kept: tuple[Example, ...]  # one of each picture, in the order of their paths
    copies: tuple[Copy, ...]
    disputed: tuple[tuple[Example, ...], ...]  # all files of each picture that carries several labels


def sort_out(examples: Iterable[Example]) -> Sorted:
    """Keep one of each picture: a held-out one before another, then the largest."""
    kept, copies, disputed = [], [], []
    for _, group in groupby(sorted(examples, key=_rank), key=lambda each: each.content):
        first, *others = group
        if any(each.label != first.label for each in others):
            disputed.append((first, *others))
        else:
            kept.append(first)
            copies += [Copy(each, first, _kind(each, first)) for each in others]
    reexports = _reexports(kept)
    again = {each.example.path for each in reexports}
    left = sorted((each for each in kept if each.path not in again), key=lambda each: each.path)
    return Sorted(tuple(left), (*copies, *reexports), tuple(disputed))


def _rank(example: Example) -> tuple[object, ...]:
    picture, content = example.picture, tuple(map(str, example.content))
    return (content, not example.held_out, -picture.width * picture.height, picture.sha256, example.path)


def _kind(copy: Example, of: Example) -> CopyKind:
    return CopyKind.SAME_BYTES if copy.picture.sha256 == of.picture.sha256 else CopyKind.SAME_PICTURE


def _reexports(examples: Sequence[Example]) -> list[Copy]:
    """Find what was resized or saved anew (the rule D3); where there are no deployments, within one folder."""
    seconds = defaultdict(list)
    for each in examples:
        captured = each.picture.captured
        if captured.at is not None and captured.status is CaptureStatus.OK:
            seconds[each.deployment or str(each.path.parent), captured.at.replace(microsecond=0)].append(each)
    by_content = {each.picture.sha256: each for each in examples}
    return [
        Copy(by_content[link.sha256], by_content[link.canonical], CopyKind.REEXPORT)
        for group in seconds.values()
        for link in reexport_links(map(_facts, group))
    ]


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
