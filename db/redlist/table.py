"""Reads the Red List tables: facts about taxa, the labels they may stand behind, and what reports print for them."""

import csv
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

#: The day on which ``taxa.csv`` was last checked against its sources; moves with every edit of it.
TABLE_DATE = date(2026, 11, 24)


class RedListError(ValueError):
    """A Red List table cannot be used; the message names file, line, column and what was expected."""


class Category(StrEnum):
    """IUCN Red List categories (version 3.1), from the least to the most severe.

    Not evaluated and data deficient say nothing about the risk; they stand first so that any known category outranks
    them in a span.
    """

    NE = "NE"
    DD = "DD"
    LC = "LC"
    NT = "NT"
    VU = "VU"
    EN = "EN"
    CR = "CR"
    EW = "EW"
    EX = "EX"

    @property
    def severity(self) -> int:
        """The place in the order above: compare this, for the members themselves compare as text."""
        return list(Category).index(self)

    @property
    def threatened(self) -> bool:
        """Whether the Red List calls it threatened: vulnerable, endangered, critically endangered."""
        return self in {Category.VU, Category.EN, Category.CR}


class Trend(StrEnum):
    """Population trend as the Red List gives it."""

    INCREASING = "increasing"
    STABLE = "stable"
    DECREASING = "decreasing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Taxon:
    """One row of the table: a global Red List assessment.

    ``year`` is the year of assessment, which may come before the year of publication in ``citation``; ``criteria`` is
    empty where the Red List gives none (NT, LC) or they could not be checked. ``countries`` are the ISO 3166-1 alpha-2
    codes of where it lives or may still live (introduced, reintroduced and possibly extinct populations included):
    outside them a sighting is taken to be impossible. ``labels`` are those it is a candidate for.
    """

    scientific_name: str
    common_name: str
    rank: str
    category: Category
    criteria: str
    year: int
    trend: Trend
    countries: frozenset[str]
    labels: tuple[str, ...]
    citation: str


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables as read: taxa by scientific name, exceptional titles by (label, scientific name or ""), a version."""

    taxa: dict[str, Taxon]
    titles: dict[tuple[str, str], str]
    version: str


def read_tables(extra: Path | None = None) -> Tables:
    """Read the shipped tables; rows of ``extra`` replace the taxon of the same scientific name or add one.

    ``version`` is the date of the shipped table and eight hex digits over the content of all files read. Raises
    `RedListError` for a file that cannot be read or a cell that is not as it should be.
    """
    here = files("db.redlist")
    shipped, titles = (here / "taxa.csv").read_bytes(), (here / "titles.csv").read_bytes()
    taxa = _taxa(shipped, "taxa.csv")
    digest = hashlib.sha256(shipped + titles)
    if extra is not None:
        content = _content(extra)
        taxa |= _taxa(content, str(extra))
        digest.update(content)
    return Tables(taxa, _titles(titles), f"{TABLE_DATE.isoformat()} {digest.hexdigest()[:8]}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise RedListError(f"{path}: the Red List table cannot be read ({exc.strerror}); name an existing CSV") from exc


def _taxa(content: bytes, name: str) -> dict[str, Taxon]:
    taxa: dict[str, Taxon] = {}
    for line, row in _rows(content, name, list(_COLUMNS)):
        where = f"{name}, line {line}"
        for column, (fits, expected) in _COLUMNS.items():
            if not fits(row[column]):
                raise RedListError(f"{where}, column {column}: {row[column]!r} found, expected {expected}")
        taxon = _taxon(row)
        if taxon.scientific_name in taxa:
            raise RedListError(
                f"{where}, column scientificName: {taxon.scientific_name!r} twice, expected one row each"
            )
        taxa[taxon.scientific_name] = taxon
    return taxa


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
    return Taxon(
        scientific_name=row["scientificName"],
        common_name=row["commonName"],
        rank=row["taxonRank"],
        category=Category(row["category"]),
        criteria=row["criteria"],
        year=int(row["yearAssessed"]),
        trend=Trend(row["trend"]),
        countries=frozenset(row["countries"].split()),
        labels=tuple(row["labels"].split()),
        citation=row["citation"],
    )


def _like(pattern: str) -> Callable[[str], bool]:
    return lambda cell: re.fullmatch(pattern, cell) is not None


#: Each column of a table of taxa with the test its cells pass and, for the message, what was expected.
_COLUMNS: dict[str, tuple[Callable[[str], bool], str]] = {
    "scientificName": (_like(r"[A-Z][a-z-]+( [a-z-]+){1,2}"), "a name of two or three words such as Panthera leo"),
    "commonName": (bool, "a name"),
    "taxonRank": (_like("species|subspecies"), "species or subspecies"),
    "category": (_like("|".join(Category)), f"one of {' '.join(Category)}"),
    "criteria": (lambda _: True, "anything"),
    "yearAssessed": (_like(r"(19|20)[0-9]{2}"), "a year such as 2023"),
    "trend": (_like("|".join(Trend)), f"one of {' '.join(Trend)}"),
    "countries": (_like(r"[A-Z]{2}(\s+[A-Z]{2})*"), "ISO 3166 codes of two capital letters such as KE TZ"),
    "labels": (_like(r"([a-z0-9_]+(\s+[a-z0-9_]+)*)?"), "labels of the model such as rhino, separated by spaces"),
    "citation": (bool, "the citation of the assessment"),
}
