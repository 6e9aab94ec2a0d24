"""The name that candidate taxa have in common."""

import pytest

from db.exchange.names import FAMILIES, Name, in_common
from db.redlist import load


@pytest.mark.parametrize(
    ("taxa", "name"),
    [
        (("Panthera leo",), Name("Panthera leo", "species")),
        (("Panthera pardus orientalis",), Name("Panthera pardus orientalis", "subspecies")),
        (("Panthera pardus", "Panthera pardus orientalis"), Name("Panthera pardus", "species")),
        (("Panthera pardus", "Panthera onca"), Name("Panthera", "genus")),
        (("Loxodonta africana", "Loxodonta cyclotis"), Name("Loxodonta", "genus")),
        (("Ceratotherium simum", "Diceros bicornis"), Name("Rhinocerotidae", "family")),
        (("Panthera leo", "Pan troglodytes"), None),
        (("Panthera leo", "Cervus elaphus"), None),
    ],
)
def test_several_candidates_have_the_lowest_name_in_common(taxa, name):
    """A species, a genus or a family; where there is none, none is made up."""
    assert in_common(taxa) == name


def test_every_genus_of_the_shipped_table_has_its_family():
    """A label with candidates of a new genus would else lose its name in exports."""
    taxa = load().taxa
    assert {taxon.scientific_name.split()[0] for taxon in taxa} == set(FAMILIES)
    for label in {label for taxon in taxa for label in taxon.labels}:
        assert in_common(tuple(taxon.scientific_name for taxon in taxa if label in taxon.labels))
