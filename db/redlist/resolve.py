"""From a label and a country to the taxa it can be and their Red List category: pure, no ledger and no model."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from db.redlist.table import read_tables
from db.redlist.taxon import Category, Taxon

#: What a reader of any category must know.
NOTE = "Categories are global; national and regional Red Lists may differ."


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a label means at one place.

    ``taxa`` are the candidates left, in the table's order: none where the label is out of range or not in the table.
    ``title`` is what reports print for the animal.
    """

    taxa: tuple[Taxon, ...]
    out_of_range: bool
    title: str

    @property
    def category(self) -> str | None:
        """The one category ("VU"), or the span of several ("NT–CR"); None without taxa."""
        if not self.taxa:
            return None
        ordered = sorted((taxon.category for taxon in self.taxa), key=lambda category: category.severity)
        return str(ordered[0]) if self.determined else f"{ordered[0]}–{ordered[-1]}"

    @property
    def worst(self) -> Category | None:
        """The most severe category of the candidates: what alerts go by."""
        return max((taxon.category for taxon in self.taxa), key=lambda category: category.severity, default=None)

    @property
    def determined(self) -> bool:
        """Whether all candidates share one category."""
        return len({taxon.category for taxon in self.taxa}) == 1


@dataclass(frozen=True, slots=True)
class RedList:
    """The tables in use: what is in force, and what was before; ``version`` changes with the content of any of them."""

    taxa: tuple[Taxon, ...]
    titles: dict[tuple[str, str], str]
    version: str
    former: tuple[Taxon, ...] = ()
    note: str = NOTE

    @property
    def date(self) -> date:
        """The day on which a row was last read from its source."""
        return max(taxon.retrieved for taxon in self.taxa)

    @property
    def citation(self) -> str:
        """The Red List as a whole; each taxon has the citation of its own assessment."""
        return f"IUCN. {self.date.year}. The IUCN Red List of Threatened Species. https://www.iucnredlist.org"

    def resolve(self, label: str, country: str | None, *, anywhere: bool = False) -> Resolution:
        """Narrow the candidate taxa of ``label`` to those that live in ``country`` (ISO 3166-1 alpha-2).

        Without a country all candidates stay. Where none lives there the answer is out of range and has no taxa;
        ``anywhere`` (a captive animal, a human's word) skips that test, and all candidates stay instead. A label that
        is not in the table has no taxa and is never out of range.
        """
        candidates = [taxon for taxon in self.taxa if label in taxon.labels]
        here = [taxon for taxon in candidates if country is None or country in taxon.countries]
        if not here and anywhere:
            here = candidates
        return Resolution(
            taxa=tuple(here),
            out_of_range=bool(candidates) and not here,
            title=self._title(label, here or candidates),
        )

    def _title(self, label: str, taxa: Sequence[Taxon]) -> str:
        """One taxon is called by its name, several by the label's; ``titles.csv`` has what reads better than either."""
        if len(taxa) == 1:
            return self.titles.get((label, taxa[0].scientific_name), taxa[0].common_name)
        return self.titles.get((label, ""), label.replace("_", " ").capitalize())


def load(*tables: Path) -> RedList:
    """Read the shipped tables and further ones (the columns of ``taxa.csv``), whose rows replace or add taxa.

    Of several rows of one taxon the one that was published last is in force. Raises `RedListError` naming file, line,
    column and what was expected.
    """
    read = read_tables(*tables)
    return RedList(
        taxa=tuple(rows[-1] for rows in read.taxa.values()),
        titles=read.titles,
        version=read.version,
        former=tuple(row for rows in read.taxa.values() for row in rows[:-1]),
    )
