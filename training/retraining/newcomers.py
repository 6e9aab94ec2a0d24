"""What a retraining adds to the champion's pictures: what was reviewed, and data sets that the configuration names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from training.dataset import Example, class_folders, read
from training.retraining.challenge import Newcomer
from training.retraining.field import Field, bursts
from training.splits import groups_of


def newcomers_of(
    field: Field,
    datasets: Sequence[Path],
    *,
    classes: Sequence[str],
    names: Mapping[str, str],
    size: int,
    console: Console,
) -> tuple[list[Newcomer], list[tuple[Path, str]]]:
    """Return the newcomers, the reviewed ones first, and what was left out of either and why.

    ``names`` are the user's own names of class folders. A picture of a data set that was reviewed as well is the
    reviewed one. Raises ``DatasetError``.
    """
    found = [
        Newcomer(each.example, each.review.sha256, each.review.deployment, burst, reviewed=True)
        for each, burst in zip(field.pictures, bursts(field.pictures), strict=True)
    ]
    left_out = list(field.left_out)
    folders = [folder for dataset in datasets for folder in class_folders(dataset, names)]
    if folders:
        dataset = read(folders, size=size, console=console)
        left_out += dataset.left_out
        added, unusable = _of_dataset(dataset.examples, {each.content for each in found}, classes)
        found += added
        left_out += unusable
    return found, left_out


def _of_dataset(
    examples: Sequence[Example], reviewed: set[str], classes: Sequence[str]
) -> tuple[list[Newcomer], list[tuple[Path, str]]]:
    names: dict[int, str] = {}
    groups = groups_of(examples).tolist()
    for each, group in zip(examples, groups, strict=True):
        content = f"data set {each.picture.sha256}"
        names[group] = min(names.get(group, content), content)
    usable = [
        Newcomer(each, each.picture.sha256, names[group], names[group], reviewed=False)
        for each, group in zip(examples, groups, strict=True)
        if each.label in classes and each.picture.sha256 not in reviewed
    ]
    unusable = [
        (each.path, f"no such class: the model has no {each.label}") for each in examples if each.label not in classes
    ]
    return usable, unusable
