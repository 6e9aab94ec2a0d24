"""Reads and writes the Red List tables: taxa, the labels they may stand behind, and what reports print for them."""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path

from db.redlist.taxon import Category, Taxon, Trend


class RedListError(ValueError):
    """A Red List table cannot be used; the message names file, line, column and what was expected."""


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables as read: the rows of each taxon by its name, the latest last, and exceptional titles.

    Titles stand by (label, scientific name or ""). The version changes with the content of any of these, wherever it
    was read from.
    """

    taxa: dict[str, tuple[Taxon, ...]]
    titles: dict[tuple[str, str], str]
    version: str


def read_tables(*tables: Path) -> Tables:
    """Read the shipped tables; the rows of each further one replace all rows of the taxa that it names, or add taxa.

    The version is the day on which a row in force was last retrieved, and eight hex digits over all rows and titles.
    Raises `RedListError` for a file that cannot be read or a cell that is not as it should be.
    """
    here = files("db.redlist")
    taxa = _taxa((here / "taxa.csv").read_bytes(), "taxa.csv")
    for table in tables:
        taxa |= _taxa(_content(table), str(table))
    titles = _titles((here / "titles.csv").read_bytes())
    every = as_csv(row for name in sorted(taxa) for row in taxa[name])
    digest = hashlib.sha256(every + repr(sorted(titles.items())).encode()).hexdigest()
    day = max(rows[-1].retrieved for rows in taxa.values())
    return Tables(taxa, titles, f"{day.isoformat()} {digest[:8]}")


def as_csv(rows: Iterable[Taxon]) -> bytes:
    """Give the rows as a table in UTF-8 that `read_tables` reads."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_cells(row) for row in rows)
    return text.getvalue().encode()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise RedListError(f"{path}: the Red List table cannot be read ({exc.strerror}); name an existing CSV") from exc


def _taxa(content: bytes, name: str) -> dict[str, tuple[Taxon, ...]]:
    taxa: dict[str, dict[int, Taxon]] = {}
    for line, row in _rows(content, name, list(_COLUMNS)):
        where = f"{name}, line {line}"
        for column, (fits, expected) in _COLUMNS.items():
            if not fits(row[column]):
                raise RedListError(f"{where}, column {column}: {row[column]!r} found, expected {expected}")
        taxon = _taxon(row)
        rows = taxa.setdefault(taxon.scientific_name, {})
        if taxon.published in rows:
            raise RedListError(
                f"{where}, column scientificName: {taxon.scientific_name!r} twice, expected one row for each taxon and "
                "year of publication"
            )
        rows[taxon.published] = taxon
    return {name: tuple(rows[year] for year in sorted(rows)) for name, rows in taxa.items()}


def _titles(content: bytes) -> dict[tuple[str, str], str]:
    rows = _rows(content, "titles.csv", ["label", "scientificName", "title"])
    return {(row["label"], row["scientificName"]): row["title"] for _, row in rows}


def _rows(content: bytes, name: str, columns: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Every row that is not empty with its line in the file, cells stripped; the columns may stand in any order."""
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        table = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except (UnicodeDecodeError, csv.Error) as exc:
        raise RedListError(f"{name}: not a CSV file in UTF-8 ({exc}); save it as CSV UTF-8, comma separated") from exc
    (line, header), *body = table or [(1, [])]
    if sorted(header) != sorted(columns):
        raise RedListError(f"{name}, line {line}: columns {','.join(header)!r} found, expected {','.join(columns)}")
    for line, cells in body:
        if len(cells) != len(header):
            raise RedListError(f"{name}, line {line}: {len(cells)} cells found, expected {len(header)}; quote commas")
    return [(line, dict(zip(header, cells, strict=True))) for line, cells in body]


def _taxon(row: dict[str, str]) -> Taxon:
    reintroduced = frozenset(row["reintroduced"].split())
    return Taxon(
        scientific_name=row["scientificName"],
        common_name=row["commonName"],
        rank=row["taxonRank"],
        category=Category(row["category"]),
        criteria=row["criteria"],
        assessed=int(row["yearAssessed"]),
        published=int(row["yearPublished"]),
        trend=Trend(row["trend"]),
        countries=frozenset(row["countries"].split()) | reintroduced,
        reintroduced=reintroduced,
        labels=tuple(row["labels"].split()),
        citation=row["citation"],
        retrieved=date.fromisoformat(row["retrieved"]),
    )


def _cells(taxon: Taxon) -> tuple[object, ...]:
    """Give the cells of a row in the order of the columns."""
    return (
        taxon.scientific_name,
        taxon.common_name,
        taxon.rank,
        taxon.category,
        taxon.criteria,
        taxon.assessed,
        taxon.published,
        taxon.trend,
        " ".join(sorted(taxon.countries)),
        " ".join(sorted(taxon.reintroduced)),
        " ".join(taxon.labels),
        taxon.citation,
        taxon.retrieved,
    )


def _like(pattern: str) -> Callable[[str], bool]:
    return lambda cell: re.fullmatch(pattern, cell) is not None


def _is_day(cell: str) -> bool:
    try:
        return date.fromisoformat(cell).isoformat() == cell
    except ValueError:
        return False


_YEAR = (_like(r"(19|20)[0-9]{2}"), "a year such as 2023")

#: Each column of a table of taxa with the test its cells pass and, for the message, what was expected.
_COLUMNS: dict[str, tuple[Callable[[str], bool], str]] = {
    "scientificName": (_like(r"[A-Z][a-z-]+( [a-z-]+){1,2}"), "a name of two or three words such as Panthera leo"),
    "commonName": (bool, "a name"),
    "taxonRank": (_like("species|subspecies"), "species or subspecies"),
    "category": (_like("|".join(Category)), f"one of {' '.join(Category)}"),
    "criteria": (lambda _: True, "anything"),
    "yearAssessed": _YEAR,
    "yearPublished": _YEAR,
    "trend": (_like("|".join(Trend)), f"one of {' '.join(Trend)}"),
    "countries": (_like(r"[A-Z]{2}(\s+[A-Z]{2})*"), "ISO 3166 codes of two capital letters such as KE TZ"),
    "reintroduced": (_like(r"([A-Z]{2}(\s+[A-Z]{2})*)?"), "nothing, or ISO 3166 codes such as KE TZ"),
    "labels": (_like(r"([a-z0-9_]+(\s+[a-z0-9_]+)*)?"), "labels of the model such as rhino, separated by spaces"),
    "citation": (bool, "the citation of the assessment"),
    "retrieved": (_is_day, "the day on which it was read, such as 2026-11-24"),
}
