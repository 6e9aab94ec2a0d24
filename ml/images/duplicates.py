"""Which pictures are copies that are not counted: pure rules, the same whatever order the pictures come in.

A burst's frames are near-identical and are never copies of each other: likeness alone is never evidence.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_ALIKE = 16  # bits of 256
_LEAD = 6  # bits by which any outsider is farther away
_ASPECT = 0.01
_TURNED = 5  # from this EXIF orientation on, width and height change places


class LinkKind(StrEnum):
    """Why a picture is not counted."""

    SAME_PICTURE = "same_picture"  # the same pixels under other metadata
    REEXPORT = "reexport"  # suspected: the same photograph, resized or saved anew


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at.

    ``captured_at`` is None unless the time is sure. ``phash`` is of 256 bits, in hexadecimal. ``width`` and ``height``
    are as stored.
    """

    sha256: str
    picture_hash: str
    orientation: int
    phash: str
    flat: bool
    width: int
    height: int
    encoding: str
    captured_at: datetime | None
    deployment: int | None


@dataclass(frozen=True, slots=True)
class Link:
    """``sha256`` is a copy of ``canonical``."""

    sha256: str
    canonical: str
    kind: LinkKind


def same_picture_links(group: Iterable[Facts]) -> list[Link]:
    """Link all that share picture hash and orientation with another to the canonical one of them, unless it is flat."""
    canonical: dict[tuple[str, int], Facts] = {}
    ranked = sorted((facts for facts in group if not facts.flat), key=_rank)
    firsts = [canonical.setdefault((facts.picture_hash, facts.orientation), facts) for facts in ranked]
    return [
        Link(facts.sha256, first.sha256, LinkKind.SAME_PICTURE)
        for facts, first in zip(ranked, firsts, strict=True)
        if facts is not first
    ]


def reexport_links(group: Iterable[Facts]) -> list[Link]:
    """Link the re-exports among the pictures of one deployment and one capture second to their originals.

    Two pictures are candidates for each other if their encodings differ, their times (with sub-seconds, if both have
    them) and aspects agree and their hashes lie within 16 of 256 bits. A photograph and its re-exports form a family:
    all of them candidates for each other, and whatever else could be farther from each by 6 bits than the family is.
    With two in it, this asks each whether the other is its only candidate. Where a family holds two of one encoding
    (two frames of a burst and a re-export of one, say), nobody knows whose copy is whose, and nothing is linked.
    """
    pictures = _distinct(group)
    return [
        Link(facts.sha256, family[0].sha256, LinkKind.REEXPORT)
        for family in _families(pictures)
        if _is_close(family, pictures)
        for facts in family[1:]
    ]


def _rank(facts: Facts) -> tuple[bool, str, int, str]:
    # Whole seconds: a re-export that lost the sub-seconds is not the earlier for it.
    second = facts.captured_at.isoformat(timespec="seconds") if facts.captured_at else ""
    return not second, second, -facts.width * facts.height, facts.sha256


def _distinct(group: Iterable[Facts]) -> list[Facts]:
    """One for each picture, in order of rank: copies of one picture are no rivals."""
    pictures: dict[tuple[str, int], Facts] = {}
    for facts in sorted(group, key=_rank):
        if not facts.flat and facts.captured_at is not None and facts.deployment is not None:
            pictures.setdefault((facts.picture_hash, facts.orientation), facts)
    return list(pictures.values())


def _families(pictures: list[Facts]) -> Iterator[list[Facts]]:
    """Pictures that hang together by candidates, each family in order of rank."""
    left = list(pictures)
    while left:
        family = [left.pop(0)]
        for member in family:  # grows while it is walked
            near = [facts for facts in left if _are_candidates(member, facts)]
            family += near
            left = [facts for facts in left if facts not in near]
        yield sorted(family, key=_rank)


def _is_close(family: list[Facts], pictures: list[Facts]) -> bool:
    """Whether each is a candidate for each other, and outsiders are clearly farther away."""
    for member in family:
        others = [facts for facts in family if facts is not member]
        if not all(_are_candidates(member, other) for other in others):
            return False
        farthest = max((_distance(member, other) for other in others), default=0)
        outsiders = [facts for facts in pictures if facts not in family and _are_comparable(member, facts)]
        if any(_distance(member, outsider) < farthest + _LEAD for outsider in outsiders):
            return False
    return True


def _are_candidates(one: Facts, other: Facts) -> bool:
    return _are_comparable(one, other) and _distance(one, other) <= _ALIKE


def _are_comparable(one: Facts, other: Facts) -> bool:
    """Whether one could be a re-export of the other, by everything but their looks."""
    return (
        one.encoding != other.encoding
        and _is_same_time(one.captured_at, other.captured_at)
        and _is_same_aspect(_seen_size(one), _seen_size(other))
    )


def _is_same_time(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None or one.replace(microsecond=0) != other.replace(microsecond=0):
        return False
    return one.microsecond == other.microsecond or not (one.microsecond and other.microsecond)


def _seen_size(facts: Facts) -> tuple[int, int]:
    return (facts.height, facts.width) if facts.orientation >= _TURNED else (facts.width, facts.height)


def _is_same_aspect(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Within one per cent, or one pixel of the smaller: half of 100 × 75 is 50 × 37."""
    small, large = sorted((one, other))
    return abs(small[1] - large[1] * small[0] / large[0]) <= max(1, _ASPECT * small[1])


def _distance(one: Facts, other: Facts) -> int:
    return (int(one.phash, 16) ^ int(other.phash, 16)).bit_count()
