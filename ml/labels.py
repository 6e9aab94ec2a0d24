"""The labels a model may answer, in the order in which every table, matrix and vector of Trapline holds them."""

from collections.abc import Iterable

SPECIES = (
    "panda",
    "lion",
    "rhino",
    "amur_leopard",
    "jaguar",
    "panther",
    "chimpanzee",
    "african_elephant",
    "arctic_fox",
    "orangutan",
    "cheetah",
)

BACKGROUND = ("other", "blank", "person", "vehicle")
"""What a picture shows when it shows none of the eleven; a model knows those its training set has."""


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct ``labels``, species first, each where this module puts it; others are a ``KeyError``."""
    rank = {label: place for place, label in enumerate(SPECIES + BACKGROUND)}
    return tuple(sorted(set(labels), key=rank.__getitem__))
