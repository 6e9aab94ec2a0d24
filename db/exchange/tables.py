"""Tables as CSV (UTF-8, RFC 4180), a row at a time."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

Cells = dict[str, object]
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


@contextmanager
def table(path: Path, columns: Sequence[str]) -> Iterator[Callable[[Cells], object]]:
    """Write a table with a header; give what writes a row of it. A cell that a row lacks stays empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        yield rows_of(file, columns)


def rows_of(file: TextIO, columns: Sequence[str]) -> Callable[[Cells], object]:
    """Write the header into an open file, and give what writes a row below it."""
    rows = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    rows.writeheader()
    return rows.writerow


def guarded(cells: Cells) -> Cells:
    """Put an apostrophe before every text that a spreadsheet would take for a formula; numbers stay."""
    return {
        name: f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for name, cell in cells.items()
    }
