"""Few rows a statement, however many there are."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

MARKED = 500  # rows a statement

_Row = TypeVar("_Row")


def parts(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Yield so many of them at a time."""
    left = iter(rows)
    while some := list(islice(left, MARKED)):
        yield some
