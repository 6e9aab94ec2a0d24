"""Tables of facts about files, as CSV for people and their spreadsheets."""

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from ml.files import write_atomically

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_table(file: Path, row_type: type, rows: Iterable[Any]) -> None:
    """Write a line for each of ``rows``, instances of the dataclass ``row_type``, under its fields' names.

    A text that a spreadsheet would take for a formula gets an apostrophe before it. Bytes of a path that are no text
    go through unchanged.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(each.name for each in fields(row_type))
    for row in rows:
        table.writerow(
            "'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in astuple(row)
        )
    write_atomically(file, text.getvalue().encode(errors="surrogateescape"))
