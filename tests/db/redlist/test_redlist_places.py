"""What each of the eleven labels means in eight countries and without one, worked out by hand from the design."""

import pytest

from db.redlist import load

RED_LIST = load()

PLACES = [None, "KE", "CD", "CN", "RU", "IN", "ID", "BR", "NO"]

# A row a label: at each of the places above the taxa that it may be, "-" where it cannot be.
TAXA = """
panda             Am              -      -      Am      -       -      -         -     -
lion              Pl              Pl     Pl     -       -       Pl     -         -     -
rhino             Cs+Db+Ru+Rs+Ds  Cs+Db  Cs     -       -       Ru     Rs+Ds     -     -
amur_leopard      Pp+Ppo          Pp     Pp     Pp+Ppo  Pp+Ppo  Pp     Pp        -     -
jaguar            Po              -      -      -       -       -      -         Po    -
panther           Pp+Po           Pp     Pp     Pp      Pp      Pp     Pp        Po    -
chimpanzee        Pt              -      Pt     -       -       -      -         -     -
african_elephant  La+Lc           La     La+Lc  -       -       -      -         -     -
arctic_fox        Vl              -      -      -       Vl      -      -         -     Vl
orangutan         Py+Pa+Pta       -      -      -       -       -      Py+Pa+Pta -     -
cheetah           Aj              Aj     -      -       -       Aj     -         -     -
"""

NAMES = {
    "Am": "Ailuropoda melanoleuca",
    "Pl": "Panthera leo",
    "Cs": "Ceratotherium simum",
    "Db": "Diceros bicornis",
    "Ru": "Rhinoceros unicornis",
    "Rs": "Rhinoceros sondaicus",
    "Ds": "Dicerorhinus sumatrensis",
    "Pp": "Panthera pardus",
    "Ppo": "Panthera pardus orientalis",
    "Po": "Panthera onca",
    "Pt": "Pan troglodytes",
    "La": "Loxodonta africana",
    "Lc": "Loxodonta cyclotis",
    "Vl": "Vulpes lagopus",
    "Py": "Pongo pygmaeus",
    "Pa": "Pongo abelii",
    "Pta": "Pongo tapanuliensis",
    "Aj": "Acinonyx jubatus",
}

# What a label with these taxa stands under: the category or the span, the worst, and the name that reports print.
MEANS = {
    ("panda", "Am"): ("VU", "VU", "Giant panda"),
    ("lion", "Pl"): ("VU", "VU", "Lion"),
    ("rhino", "Cs+Db+Ru+Rs+Ds"): ("NT–CR", "CR", "Rhino"),
    ("rhino", "Cs+Db"): ("NT–CR", "CR", "Rhino"),
    ("rhino", "Cs"): ("NT", "NT", "White rhino"),
    ("rhino", "Ru"): ("VU", "VU", "Greater one-horned rhino"),
    ("rhino", "Rs+Ds"): ("CR", "CR", "Rhino"),
    ("amur_leopard", "Pp+Ppo"): ("VU–CR", "CR", "Leopard (incl. Amur)"),
    ("amur_leopard", "Pp"): ("VU", "VU", "Leopard"),
    ("jaguar", "Po"): ("NT", "NT", "Jaguar"),
    ("panther", "Pp+Po"): ("NT–VU", "VU", "Panther"),
    ("panther", "Pp"): ("VU", "VU", "Black leopard"),
    ("panther", "Po"): ("NT", "NT", "Black jaguar"),
    ("chimpanzee", "Pt"): ("EN", "EN", "Chimpanzee"),
    ("african_elephant", "La+Lc"): ("EN–CR", "CR", "African elephant"),
    ("african_elephant", "La"): ("EN", "EN", "African savanna elephant"),
    ("arctic_fox", "Vl"): ("LC", "LC", "Arctic fox"),
    ("orangutan", "Py+Pa+Pta"): ("CR", "CR", "Orangutan"),
    ("cheetah", "Aj"): ("VU", "VU", "Cheetah"),
}

CASES = [
    pytest.param(label, country, taxa, id=f"{label}-{country}")
    for label, *cells in (line.split() for line in TAXA.strip().splitlines())
    for country, taxa in zip(PLACES, cells, strict=True)
]


def test_eleven_labels_stand_at_nine_places():
    """None is left out, and what each means is said once."""
    assert len(CASES) == 11 * 9
    assert {(label, taxa) for label, _, taxa in (case.values for case in CASES) if taxa != "-"} == MEANS.keys()


@pytest.mark.parametrize(("label", "country", "taxa"), CASES)
def test_a_label_at_a_place_has_its_taxa_category_and_title(label, country, taxa):
    """Out of range has no taxa and no category, and the title of the label, for the list to review."""
    found = RED_LIST.resolve(label, country)
    if taxa == "-":
        assert (found.out_of_range, found.taxa, found.category, found.worst) == (True, (), None, None)
        assert found.title == RED_LIST.resolve(label, None).title
        return
    category, worst, title = MEANS[label, taxa]
    assert {taxon.scientific_name for taxon in found.taxa} == {NAMES[each] for each in taxa.split("+")}
    assert (found.out_of_range, found.category, found.worst, found.title) == (False, category, worst, title)
