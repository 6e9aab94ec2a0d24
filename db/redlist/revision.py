"""What a fresh look at the Red List changes in a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from db.redlist.taxon import Taxon


@dataclass(frozen=True, slots=True)
class Change:
    """One taxon before and after."""

    before: Taxon
    after: Taxon

    def __str__(self) -> str:
        """Say what is different: ``Panthera leo: VU → EN, published 2025 → 2027, + RW, − SO``."""
        return f"{self.after.scientific_name}: {', '.join(self._differences())}"

    def _differences(self) -> Iterator[str]:
        old, new = self.before, self.after
        facts = (
            ("", old.category, new.category),
            ("assessed ", old.assessed, new.assessed),
            ("published ", old.published, new.published),
            ("criteria ", old.criteria or "none", new.criteria or "none"),
            ("trend ", old.trend, new.trend),
        )
        yield from (f"{name}{was} → {now}" for name, was, now in facts if was != now)
        yield from (f"+ {code}" for code in sorted(new.countries - old.countries))
        yield from (f"− {code}" for code in sorted(old.countries - new.countries))
        if old.citation != new.citation:
            yield "another citation"


def changes(before: Sequence[Taxon], after: Sequence[Taxon]) -> list[Change]:
    """Give the taxa of which more differs than the day on which they were read; both in the same order."""
    pairs = zip(before, after, strict=True)
    return [Change(old, new) for old, new in pairs if replace(old, retrieved=new.retrieved) != new]


def succeeded(former: Sequence[Taxon], before: Sequence[Taxon], after: Sequence[Taxon]) -> list[Taxon]:
    """Give the rows of the table after a change: those of ``after``, and all that were in force before them.

    A row of the same year of publication is replaced; so is one of a later year, which the Red List does not have.
    """
    published = {taxon.scientific_name: taxon.published for taxon in after}
    return [*after, *(row for row in (*former, *before) if row.published < published[row.scientific_name])]
