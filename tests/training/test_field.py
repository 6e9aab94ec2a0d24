"""Reviewed pictures as examples: which are learned from, which only test, and what keeps together."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reviewed_world import NOW, put, reviews

from db.engine import open_ledger
from db.queries.reviewed import reviewed
from training.retraining.field import as_class, bursts, is_reserved, portion, read
from training.splits import near

CLASSES = ("panda", "lion", "jaguar", "other")
STATIONS = ["North", "South", "East", "West"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with sixteen reviewed pictures of four stations."""
    folder = tmp_path_factory.mktemp("data")
    put(folder, reviews(STATIONS))
    return folder


@pytest.fixture(scope="module")
def said(data):
    """What the ledger says was reviewed."""
    ledger = open_ledger(data / "trapline.db")
    with ledger.read() as session:
        rows = reviewed(session)
    ledger.close()
    return rows


def test_reviewed_pictures_become_examples(data, said):
    """With the label that a person gave, the deployment, and the original's own hash."""
    field = read(said, data, classes=CLASSES, reserved=0.0, size=32)
    assert Counter(each.example.label for each in field.pictures) == dict.fromkeys(CLASSES, 4)
    assert {each.example.deployment for each in field.pictures} == set(STATIONS)
    for each in field.pictures:
        assert each.example.path == data / each.review.kept
        assert each.example.picture.phash == each.review.phash
        assert not each.example.held_out
    assert field.left_out == ()


def test_what_cannot_be_learned_is_left_out_with_the_reason(data, said):
    """A label that the model has no class for, and a kept picture that is gone."""
    strange = [replace(said[0], label="goat"), replace(said[1], kept="kept/gone.jpg"), *said[2:]]
    field = read(strange, data, classes=CLASSES, reserved=0.0, size=32)
    assert len(field.pictures) == len(said) - 2
    reasons = dict(field.left_out)
    assert reasons[data / said[0].kept] == "no such class: the model has no goat"
    assert "gone.jpg" in reasons[data / "kept/gone.jpg"]


@pytest.mark.parametrize(
    ("label", "classes", "meant"),
    [
        ("lion", CLASSES, "lion"),
        ("blank", CLASSES, "other"),
        ("blank", (*CLASSES, "blank"), "blank"),
        ("blank", CLASSES[:3], None),
        ("rhino", CLASSES, None),
        ("goat", CLASSES, None),
    ],
)
def test_a_background_that_the_model_does_not_tell_apart_is_other(label, classes, meant):
    """A species that it does not know is nothing it could learn now."""
    assert as_class(label, classes) == meant


def test_pictures_of_a_reserved_deployment_are_held_out(data, said):
    """All of one deployment, or none."""
    field = read(said, data, classes=CLASSES, reserved=0.2, size=32)
    assert {each.example.deployment for each in field.pictures if each.example.held_out} == {"South"}
    assert sum(each.example.held_out for each in field.pictures) == 4


def test_one_deployment_in_five_is_reserved():
    """As a share of all names; which ones is the same everywhere and for ever."""
    names = [f"station {number}" for number in range(5000)]
    assert 0.18 < sum(is_reserved(name, 0.2) for name in names) / len(names) < 0.22
    assert [number for number in range(20) if is_reserved(names[number], 0.2)] == [0, 3, 4, 10, 14, 17, 18]


@given(st.text(max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_reserves_what_a_smaller_one_does(name, one, other):
    """Raising it takes nothing out of the field test."""
    assert 0 <= portion(name) < 1
    assert not is_reserved(name, min(one, other)) or is_reserved(name, max(one, other))


def test_a_burst_keeps_together_and_so_does_what_looks_alike(data, said):
    """A minute apart at one deployment is one burst, at two deployments two; a near-duplicate joins at any time."""
    pictures = list(read(said, data, classes=CLASSES, reserved=0.0, size=32).pictures)
    assert len(set(bursts(pictures))) == len(pictures)
    one, two, three, four, five = pictures[:5]

    def taken(picture, minutes, deployment="North"):
        review = replace(picture.review, captured_at=NOW + timedelta(minutes=minutes), deployment=deployment)
        return replace(picture, review=review)

    alike = replace(taken(five, 700), example=replace(five.example, picture=one.example.picture))
    names = bursts([taken(one, 0), taken(two, 1), taken(three, 2), taken(four, 1, "South"), alike])
    assert len(set(names)) == 2
    assert names[0] == names[1] == names[2] == names[4] != names[3]


def test_pictures_without_a_time_are_no_burst(data, said):
    """A burst needs a clock."""
    timeless = [replace(each, captured_at=None, deployment="North") for each in said]
    pictures = read(timeless, data, classes=CLASSES, reserved=0.0, size=32).pictures
    assert len(set(bursts(pictures))) == len(pictures)
    assert bursts([]) == []


def test_near_is_within_a_few_bits():
    """Forty of 256."""
    zero, forty, more = "0" * 64, "f" * 10 + "0" * 54, "f" * 11 + "0" * 53
    assert near([zero], [zero, forty, more]).tolist() == [[True, True, False]]
    assert near([], [zero]).shape == (0, 1)
