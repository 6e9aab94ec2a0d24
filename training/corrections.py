"""The small table in which a person says what is true of the pictures that look wrong: ``labels.csv``.

One row a picture. ``verdict`` is the only column to fill in: the name of a class, ``drop``, ``keep``, or nothing where
nobody has looked yet. A spreadsheet may save it with semicolons. Rows are known by ``sha256``; the other columns are
for the eye, and the pictures may have moved meanwhile.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.dataset import Dataset, DatasetError, label_called
from training.examples import Example
from training.suspects import DROP
from training.tables import write_table

KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Correction:
    """One row of the table."""

    sha256: str
    path: str
    label: str
    suggested: str
    confidence: float
    reason: str
    verdict: str = ""  # a label, ``DROP``, ``KEEP`` or nothing


def read(file: Path, names: Mapping[str, str] | None = None) -> tuple[Correction, ...]:
    """Read the rows; verdicts may be the user's own ``names`` of classes or any known spelling.

    Raises ``DatasetError`` with every row that is wrong, each with its line.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise DatasetError(f"{file} cannot be read ({error.strerror})") from error
    header = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",")
    columns = {"sha256", "verdict"}
    if missing := columns - set(table.fieldnames or ()):
        raise DatasetError(f"{file} has no column {', '.join(sorted(missing))}: it is not a table of labels")
    rows, mistakes = [], []
    for row in table:
        try:
            rows.append(_row(row, names))
        except ValueError as error:
            mistakes.append(f"{file}, line {table.line_num}: {error}")
    mistakes += [f"{file}: {sha256} has several rows, with different verdicts" for sha256 in _contradictory(rows)]
    if mistakes:
        raise DatasetError("\n".join(mistakes))
    return tuple(rows)


def write(file: Path, rows: Sequence[Correction]) -> None:
    """Write the table, as ``read`` takes it."""
    write_table(file, Correction, rows)


def carried_over(rows: Sequence[Correction], earlier: Sequence[Correction]) -> list[Correction]:
    """Return ``rows`` with the verdicts given in an earlier table; what has a verdict and is no longer listed stays."""
    given = {each.sha256: each for each in earlier if each.verdict}
    verdicts = [replace(each, verdict=given[each.sha256].verdict) if each.sha256 in given else each for each in rows]
    listed = {each.sha256 for each in rows}
    return verdicts + [each for sha256, each in given.items() if sha256 not in listed]


def corrected(dataset: Dataset, corrections: Sequence[Correction]) -> Dataset:
    """Apply the verdicts: relabel, and leave out what is to be dropped; a disputed picture joins with its right label.

    Rows of pictures that are not in ``dataset`` are for another one and change nothing.
    """
    verdicts = {each.sha256: each.verdict for each in corrections if each.verdict not in {"", KEEP}}
    examples, dropped = [], []
    for each in dataset.examples:
        verdict = verdicts.get(each.picture.sha256, each.label)
        if verdict == DROP:
            dropped.append((each.path, "dropped: a person said so"))
        else:
            examples.append(replace(each, label=verdict))
    settled = list(_settled(dataset, verdicts))
    back = {each.path for each in settled}
    left_out = [(path, reason) for path, reason in dataset.left_out if path not in back]
    disputed = tuple(each for each in dataset.disputed if each.path not in back)
    learned = sorted((each for each in (*settled, *examples) if not each.held_out), key=lambda each: each.path)
    held_out = [each for each in examples if each.held_out]
    return Dataset((*learned, *held_out), (*left_out, *dropped), disputed)


def _settled(dataset: Dataset, verdicts: Mapping[str, str]) -> Iterator[Example]:
    for each in dataset.disputed:
        verdict = verdicts.get(each.picture.sha256, DROP)
        if verdict != DROP:
            yield replace(each, label=verdict)


def _row(row: dict[str, str | None], names: Mapping[str, str] | None) -> Correction:
    """Check one row; ``ValueError`` says what is wrong with it."""
    cells = {name: (cell or "") for name, cell in row.items() if name is not None}
    sha256 = cells["sha256"].strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(f"{cells['sha256']!r} is no sha256")
    texts = {name: cells.get(name, "") for name in ("path", "label", "suggested", "reason")}
    return Correction(sha256=sha256, confidence=_number(cells), verdict=_verdict(cells["verdict"], names), **texts)


def _number(cells: Mapping[str, str]) -> float:
    """Read the confidence; a spreadsheet may have given it a decimal comma, and nobody needs it."""
    try:
        return float(cells.get("confidence", "").replace(",", "."))
    except ValueError:
        return 0.0


def _verdict(cell: str, names: Mapping[str, str] | None) -> str:
    verdict = cell.strip()
    if verdict.lower() in {"", KEEP, DROP}:
        return verdict.lower()
    try:
        return label_called(verdict, names)
    except DatasetError as error:
        raise ValueError(f"{error}; a verdict is one of these, {KEEP} or {DROP}") from error


def _contradictory(rows: Sequence[Correction]) -> list[str]:
    first: dict[str, str] = {}
    return sorted({each.sha256 for each in rows if first.setdefault(each.sha256, each.verdict) != each.verdict})
