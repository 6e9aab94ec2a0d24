"""What a table of the Red List says of one taxon: a row as a value."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


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
    """One row of a table: an assessment, and what Trapline makes of it.

    ``assessed`` and ``published`` are years; a category holds from the year of publication until the next one.
    ``criteria`` is empty where the Red List gives none (NT, LC) or they could not be checked. ``countries`` are the
    ISO 3166-1 alpha-2 codes of where it lives or may still live (introduced, reintroduced and possibly extinct
    populations included): outside them a sighting is taken to be impossible. Those of ``reintroduced`` are among them
    though the assessment does not know them yet. ``labels`` are those it is a candidate for. ``retrieved`` is the day
    on which the row was last read from its source.
    """

    scientific_name: str
    common_name: str
    rank: str
    category: Category
    criteria: str
    assessed: int
    published: int
    trend: Trend
    countries: frozenset[str]
    reintroduced: frozenset[str]
    labels: tuple[str, ...]
    citation: str
    retrieved: date
