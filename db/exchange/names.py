"""Scientific names: the one that a set of candidate taxa has in common, and where it stands in the system."""

from dataclasses import dataclass
from itertools import takewhile

#: The families of the genera in the shipped Red List table (Burgin et al. 2020, "Illustrated Checklist of the Mammals
#: of the World"); candidates of several genera have no closer name in common.
FAMILIES = {
    "Acinonyx": "Felidae",
    "Ailuropoda": "Ursidae",
    "Ceratotherium": "Rhinocerotidae",
    "Dicerorhinus": "Rhinocerotidae",
    "Diceros": "Rhinocerotidae",
    "Loxodonta": "Elephantidae",
    "Pan": "Hominidae",
    "Panthera": "Felidae",
    "Pongo": "Hominidae",
    "Rhinoceros": "Rhinocerotidae",
    "Vulpes": "Canidae",
}
RANKS = ("", "genus", "species", "subspecies")  # by the number of words


@dataclass(frozen=True, slots=True)
class Name:
    """A scientific name and its rank."""

    scientific: str
    rank: str

    @property
    def genus(self) -> str | None:
        """Its genus, where the name is as fine as that."""
        return None if self.rank == "family" else self.scientific.split()[0]

    @property
    def family(self) -> str | None:
        """Its family, where it is known."""
        return self.scientific if self.rank == "family" else FAMILIES.get(self.scientific.split()[0])


def in_common(taxa: tuple[str, ...]) -> Name | None:
    """Give the lowest name that all ``taxa`` have in common: of a species, a genus or a family; None where none is."""
    ranks = zip(*(name.split() for name in taxa), strict=False)  # as many as the shortest name has words
    words = [same[0] for same in takewhile(lambda each: len(set(each)) == 1, ranks)]
    if words:
        return Name(" ".join(words), RANKS[len(words)])
    families = {FAMILIES.get(name.split()[0]) for name in taxa}
    family = families.pop() if len(families) == 1 else None
    return Name(family, "family") if family else None
