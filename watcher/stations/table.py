"""The table of deployments as a file: its form, its header, its rows; the wrong ones are told, the others are used."""

import csv
import io
from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from watcher.stations.cells import COLUMNS, NAMES, is_missing, nearest
from watcher.stations.deployments import Listed
from watcher.stations.rows import SHOWN, row_of

LARGEST = 4 << 20  # bytes; some ten thousand deployments
MOST_COLUMNS, MOST_ROWS = 200, 50_000
TOLD = 100  # of what is wrong with rows; a column that is wrong from top to bottom is understood by then
DELIMITERS = ",;\t"  # whatever a spreadsheet calls CSV in its country
MISSPELT = 0.9
EVER, FOR_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class StationsError(ValueError):
    """The table cannot be used at all; the message says what is wrong with it, a line each."""


@dataclass(frozen=True, slots=True)
class Stations:
    """What a table says: the rows that are right, and what is wrong with the others, a line each."""

    path: Path
    listed: tuple[Listed, ...] = ()
    faults: tuple[str, ...] = ()


class _Row(NamedTuple):
    line: int
    listed: Listed


class _Fault(NamedTuple):
    line: int
    says: str


@dataclass(slots=True)
class _Faults:
    """What is wrong with rows: the first of it by line, and how much it is in all."""

    first: list[_Fault] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, says: str) -> None:
        insort(self.first, _Fault(line, says), key=lambda fault: fault.line)
        del self.first[TOLD:]
        self.count += 1


def read_stations(root: Path, table: Path | None = None) -> Stations:
    """Read the deployments of an inbox from ``table``, else from ``stations.csv`` at its top, which may be absent.

    Raises
    ------
    StationsError
        Nothing in it can be trusted: it cannot be read, is no table, or a column is misspelt, which would change what
        all rows say.

    """
    path = table or root / "stations.csv"
    content = _content(path, needed=table is not None)
    if content is None:
        return Stations(path)
    header, lines = _table(path, content)
    wrong = [f"{path}: {says}" for says in _wrong_columns(header)]
    rows, faults = _rows(root, header, lines if set(header) & set(NAMES) else [])
    told = [f"{path}, line {fault.line}: {fault.says}" for fault in faults.first]
    if more := faults.count - len(told):
        told.append(f"{path}: and {more} more")
    if wrong:
        raise StationsError("\n".join([*wrong, *told]))
    return Stations(path, tuple(row.listed for row in rows), tuple(told))


def _content(path: Path, *, needed: bool) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        if not needed:
            return None
        raise StationsError(f"{path} is not there: put the table there, or correct stations in config.toml") from error
    except OSError as error:
        raise StationsError(f"{path} cannot be read now ({error.strerror}): check the share") from error
    if len(content) > LARGEST:
        raise StationsError(f"{path} is larger than {LARGEST >> 20} MiB: is it a table of deployments?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StationsError(f"{path} is no table ({error}): save it as CSV in UTF-8") from error


def _table(path: Path, content: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Give the header, and each row that says something, with the line on which it begins."""
    first = content.partition("\n")[0]
    names = {each: {name.strip(' "\r') for name in first.split(each)} for each in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda each: len(names[each] & COLUMNS.keys()))
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    lines, begin = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):  # spreadsheets leave rows of nothing but delimiters
                lines.append((begin, [cell.strip() for cell in cells]))
                if len(lines) - 1 > MOST_ROWS or len(lines[0][1]) > MOST_COLUMNS:
                    most = f"{MOST_COLUMNS} columns or {MOST_ROWS} rows"
                    raise StationsError(f"{path} has more than {most}: is it a table of deployments?")
            begin = reader.line_num + 1
    except csv.Error as error:
        raise StationsError(f"{path}, line {begin}: is no row of a table ({error}): save it as CSV in UTF-8") from error
    return (lines[0][1] if lines else []), lines[1:]


def _wrong_columns(header: list[str]) -> Iterator[str]:
    for name in dict.fromkeys(header):
        near = nearest(name, COLUMNS, MISSPELT)
        if name not in COLUMNS and near:
            yield f"the column {name!r} is not known; did you mean {near!r}?"
        if name in COLUMNS and header.count(name) > 1:
            yield f"the column {name!r} stands there {header.count(name)} times"
    if not set(header) & set(NAMES):
        yield f"one of the columns {', '.join(NAMES)} must be there; the columns are {', '.join(COLUMNS)}"


def _rows(root: Path, header: list[str], lines: Iterable[tuple[int, list[str]]]) -> tuple[list[_Row], _Faults]:
    rows, faults = [], _Faults()
    for line, cells in lines:
        if len(cells) > len(header):
            found = f"expected {len(header)} cells, found {len(cells)}"
            faults.add(line, f"{found}: is there a comma in a number, or in a name without quotes?")
            continue
        named = zip(header, cells, strict=False)  # some spreadsheets leave out the empty cells at the end
        said = {column: cell for column, cell in named if column in COLUMNS and not is_missing(column, cell)}
        row = row_of(root, said, hints=faults.count < TOLD)
        if isinstance(row, Listed):
            rows.append(_Row(line, row))
        else:
            for says in row:
                faults.add(line, says)
    clashing: set[int] = set()
    for earlier, later, says in chain(_twice(rows), _overlapping(rows)):
        faults.add(later, says)
        clashing.update((earlier, later))
    return [row for row in rows if row.line not in clashing], faults


def _twice(rows: list[_Row]) -> Iterator[tuple[int, int, str]]:
    """Find rows of one deploymentID: the lines of both, and what is wrong."""
    first: dict[str, int] = {}
    for line, row in rows:
        earlier = first.setdefault(row.name, line) if row.name else line
        if earlier != line:
            found = f"that of line {earlier} ({str(row.name)[:SHOWN]!r})"
            yield earlier, line, f"deploymentID: expected one of its own, found {found}"


def _overlapping(rows: list[_Row]) -> Iterator[tuple[int, int, str]]:
    """Find rows of one folder whose spans overlap: which of them a picture belongs to, nobody could tell."""
    by_folder: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_folder[row.listed.folder].append(row)
    for folder, of in by_folder.items():
        of.sort(key=lambda row: row.listed.start or EVER)
        longest = of[0]
        for row in of[1:]:
            start, end = row.listed.start or EVER, longest.listed.end or FOR_EVER
            if start < end or row.listed.start == longest.listed.start:
                earlier, later = sorted((row.line, longest.line))
                says = f"expected a span apart from that of line {earlier}, found that both hold the folder"
                yield earlier, later, f"deploymentStart: {says} {folder[:SHOWN]!r} at one time"
            longest = max(longest, row, key=lambda each: each.listed.end or FOR_EVER)
