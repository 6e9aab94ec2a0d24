"""From label and country to taxa, category and title, over the shipped table."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.redlist import Category, RedList, load

RED_LIST = load()
LABELS = [
    "panda",
    "lion",
    "rhino",
    "amur_leopard",
    "jaguar",
    "panther",
    "chimpanzee",
    "african_elephant",
    "arctic_fox",
    "orangutan",
    "cheetah",
]
COUNTRIES = sorted(set().union(*(taxon.countries for taxon in RED_LIST.taxa)) | {"AQ", "FR"})


@pytest.mark.parametrize(
    ("label", "country", "category", "title"),
    [
        ("panda", None, "VU", "Giant panda"),
        ("panda", "CN", "VU", "Giant panda"),
        ("lion", "IN", "VU", "Lion"),
        ("rhino", None, "NT–CR", "Rhino"),
        ("rhino", "KE", "NT–CR", "Rhino"),
        ("rhino", "ZA", "NT–CR", "Rhino"),
        ("rhino", "CI", "NT", "White rhino"),
        ("rhino", "IN", "VU", "Greater one-horned rhino"),
        ("rhino", "ID", "CR", "Rhino"),
        ("amur_leopard", None, "VU–CR", "Leopard (incl. Amur)"),
        ("amur_leopard", "RU", "VU–CR", "Leopard (incl. Amur)"),
        ("amur_leopard", "CN", "VU–CR", "Leopard (incl. Amur)"),
        ("amur_leopard", "KP", "VU–CR", "Leopard (incl. Amur)"),
        ("amur_leopard", "KE", "VU", "Leopard"),
        ("jaguar", "BR", "NT", "Jaguar"),
        ("panther", None, "NT–VU", "Panther"),
        ("panther", "BR", "NT", "Black jaguar"),
        ("panther", "KE", "VU", "Black leopard"),
        ("chimpanzee", "TZ", "EN", "Chimpanzee"),
        ("african_elephant", None, "EN–CR", "African elephant"),
        ("african_elephant", "KE", "EN", "African savanna elephant"),
        ("african_elephant", "GA", "CR", "African forest elephant"),
        ("african_elephant", "CD", "EN–CR", "African elephant"),
        ("arctic_fox", "NO", "LC", "Arctic fox"),
        ("orangutan", None, "CR", "Orangutan"),
        ("orangutan", "MY", "CR", "Bornean orangutan"),
        ("cheetah", "IN", "VU", "Cheetah"),
    ],
)
def test_the_country_narrows_label_to_category_and_title(label, country, category, title):
    """The rules for every label, with what a report prints."""
    found = RED_LIST.resolve(label, country)
    assert (found.category, found.title, found.out_of_range) == (category, title, False)


@pytest.mark.parametrize(
    ("label", "country"), [("lion", "BR"), ("panda", "KE"), ("rhino", "US"), ("amur_leopard", "BR")]
)
def test_an_animal_that_cannot_be_there_is_out_of_range(label, country):
    """Out of range has neither taxa nor a category, and still a title for the list to review."""
    found = RED_LIST.resolve(label, country)
    assert found.out_of_range
    assert (found.taxa, found.category, found.worst, found.determined) == ((), None, None, False)
    assert found.title == RED_LIST.resolve(label, None).title


def test_a_captive_animal_or_a_humans_word_is_never_out_of_range():
    """With the range test skipped all candidates stay where none would; where some fit the country still narrows."""
    assert RED_LIST.resolve("lion", "BR", anywhere=True) == RED_LIST.resolve("lion", None)
    assert RED_LIST.resolve("rhino", "DE", anywhere=True).category == "NT–CR"
    assert RED_LIST.resolve("rhino", "IN", anywhere=True).category == "VU"


def test_one_category_of_several_taxa_is_determined():
    """All three orangutans are CR, so the category is certain although the species is not."""
    orangutan, rhino = RED_LIST.resolve("orangutan", "ID"), RED_LIST.resolve("rhino", "KE")
    assert (len(orangutan.taxa), orangutan.category, orangutan.determined) == (3, "CR", True)
    assert (len(rhino.taxa), rhino.worst, rhino.determined) == (2, Category.CR, False)


@pytest.mark.parametrize("label", ["other", "blank", "snow_leopard"])
def test_a_label_outside_the_table_has_no_taxa_and_is_in_range(label):
    """Background labels and a user's own species have no category and nothing to review."""
    found = RED_LIST.resolve(label, "KE")
    assert (found.taxa, found.category, found.out_of_range) == ((), None, False)
    assert found.title == label.replace("_", " ").capitalize()


def test_every_label_of_the_model_is_in_the_table():
    """The eleven labels, and no others, are what the shipped table speaks of."""
    assert {label for taxon in RED_LIST.taxa for label in taxon.labels} == set(LABELS)


def test_threatened_means_vulnerable_to_critically_endangered():
    """The Red List's own word: data deficient, near threatened and extinct are not in it."""
    assert [category for category in Category if category.threatened] == [Category.VU, Category.EN, Category.CR]


@given(label=st.sampled_from(LABELS), country=st.sampled_from(COUNTRIES), anywhere=st.booleans())
def test_narrowing_only_removes_taxa(label, country, anywhere):
    """A country never adds a candidate, and is out of range exactly where it leaves none."""
    everywhere, here = RED_LIST.resolve(label, None), RED_LIST.resolve(label, country, anywhere=anywhere)
    assert set(here.taxa) <= set(everywhere.taxa)
    assert here.out_of_range == (not here.taxa)
    assert not (anywhere and here.out_of_range)


@given(categories=st.lists(st.sampled_from(Category), min_size=1, max_size=5))
def test_the_span_runs_from_the_least_to_the_most_severe(categories):
    """Worst is no milder than any candidate, and a span names both ends in the order of severity."""
    order = list(Category)
    found = _red_list_of(categories).resolve("rhino", None)
    assert found.worst is not None
    assert all(order.index(found.worst) >= order.index(category) for category in categories)
    ends = [min(categories, key=order.index), max(categories, key=order.index)]
    assert found.category == (ends[0] if ends[0] == ends[1] else "–".join(ends))


def _red_list_of(categories: list[Category]) -> RedList:
    rhino = RED_LIST.resolve("rhino", "CI").taxa[0]
    taxa = tuple(replace(rhino, category=category) for category in categories)
    return RedList(taxa=taxa, titles={}, version="test")
