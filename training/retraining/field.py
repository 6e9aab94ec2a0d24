"""Pictures that people reviewed at the stations, as examples: which are learned from, and which are the field test.

A share of the deployments is reserved for the field test set, for ever: what decides is a hash of the deployment's
name, so that neither later pictures nor other deployments move one from one side to the other.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from db.queries.reviewed import Reviewed
from ml.labels import BACKGROUND
from training.dataset import Example, examined
from training.splits import groups_of

_BURST = timedelta(seconds=60)
_OTHER = BACKGROUND[0]


@dataclass(frozen=True, slots=True)
class FieldPicture:
    """A reviewed picture and its example, which is held out where its deployment is reserved."""

    example: Example  # of the kept picture; its perceptual hash is the original's, where the whole was reviewed
    review: Reviewed


@dataclass(frozen=True, slots=True)
class Field:
    """The reviewed pictures that can be used, by sha256 of the original, and why others cannot."""

    pictures: tuple[FieldPicture, ...]
    left_out: tuple[tuple[Path, str], ...]


def read(reviews: Sequence[Reviewed], data: Path, *, classes: Sequence[str], reserved: float, size: int) -> Field:
    """Examine the kept pictures of ``reviews`` below ``data``, at ``size`` pixels a side.

    Labels are those of ``classes``: a background label that is not among them counts as ``other``, and a picture of
    any other label is left out, as is one that cannot be read.
    """
    labels = [as_class(each.label, classes) for each in reviews]
    wanted = [(each, label) for each, label in zip(reviews, labels, strict=True) if label]
    left_out = [
        (data / each.kept, f"no such class: the model has no {each.label}")
        for each, label in zip(reviews, labels, strict=True)
        if not label
    ]
    pictures = []
    results = examined([data / review.kept for review, _ in wanted], size=size)
    for (review, label), result in zip(wanted, results, strict=True):
        path = data / review.kept
        if isinstance(result, str):
            left_out.append((path, result))
            continue
        picture = result.picture
        if review.phash is not None:
            picture = replace(picture, phash=review.phash, flat=review.flat)
        held_out = is_reserved(review.deployment, reserved)
        pictures.append(FieldPicture(Example(path, label, held_out, review.deployment, picture), review))
    return Field(tuple(pictures), tuple(left_out))


def as_class(label: str, classes: Sequence[str]) -> str | None:
    """Return which of the model's ``classes`` this label is; None: none of them."""
    if label in classes:
        return label
    return _OTHER if label in BACKGROUND and _OTHER in classes else None


def is_reserved(deployment: str, share: float) -> bool:
    """Tell whether the pictures of this deployment are for the field test: so they are for ``share`` of all names."""
    return portion(deployment) < share


def portion(name: str) -> float:
    """Return a number from 0 to below 1 that is as good as drawn, and the same for a name on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6]) / 2**48


def bursts(pictures: Sequence[FieldPicture]) -> list[str]:
    """Return for each picture a name that those of its burst and its near-duplicates share, and no others.

    A burst are pictures of one deployment, each at most 60 s after the one before.
    """
    named: dict[str, str] = {}
    timed = [each for each in pictures if each.review.captured_at is not None]
    timed.sort(key=lambda each: (each.review.deployment, each.review.captured_at))
    for before, this in pairwise(timed):
        same = before.review.deployment == this.review.deployment and (
            this.review.captured_at - before.review.captured_at <= _BURST  # type: ignore[operator]  # all are timed
        )
        if same:
            named[this.review.sha256] = named.get(before.review.sha256, before.review.sha256)
    names = [named.get(each.review.sha256, each.review.sha256) for each in pictures]
    if not pictures:
        return names
    groups = groups_of([replace(each.example, deployment=name) for each, name in zip(pictures, names, strict=True)])
    first = dict(zip(groups[::-1].tolist(), names[::-1], strict=True))
    return [first[group] for group in groups.tolist()]
