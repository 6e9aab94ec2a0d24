import pytest
from report_world import REDLIST, UNTIL, filling

from db.engine import Ledger
from db.queries.places import places
from db.types import Decision


@pytest.mark.parametrize(
    ("rounding", "place"), [(0.1, (-3.8, 38.7)), (0.25, (-3.75, 38.75)), (1, (-4.0, 39.0)), (0.05, (-3.8, 38.65))]
)
def test_a_place_is_rounded_to_a_multiple_of_what_is_configured(
    ledger: Ledger, rounding: float, place: tuple[float, float]
) -> None:
    """How much a place may say is the station's choice; a place without a threatened species is exact."""
    with filling(ledger) as world:
        model = world.model()
        for station, label, latitude in [("Ridge", "rhino", -3.82172), ("Tundra", "arctic_fox", 63.82172)]:
            there = world.station(station, None, latitude=latitude, longitude=38.66501)
            world.picture(there, model, label, decision=Decision.UNKNOWN)
    with ledger.read() as session:
        ridge, tundra = places(session, REDLIST, rounding=rounding)
    assert (ridge.latitude, ridge.longitude, ridge.rounded) == (*place, True)
    assert (tundra.latitude, tundra.longitude, tundra.rounded) == (63.8217, 38.665, False)


def test_a_human_word_rounds_a_place_as_well(ledger: Ledger) -> None:
    """The model took a rhino for a fox, and a person knew better; without any answer there is nothing to hide."""
    with filling(ledger) as world:
        model = world.model()
        there = {"latitude": 1.234}
        a, b, c = (
            world.station(name, None, **there, longitude=east) for name, east in zip("ABC", (1, 2, 3), strict=True)
        )
        world.review(world.picture(a, model, "arctic_fox"), "rhino")
        world.review(world.picture(b, None), "rhino")
        world.picture(c, None)
    with ledger.read() as session:
        assert [place.rounded for place in places(session, REDLIST, rounding=0.1)] == [True, True, False]


def test_what_was_ever_said_rounds_a_place_for_good(ledger: Ledger) -> None:
    """Another model, or another person, may speak later: the places of old reports must not become exact."""
    with filling(ledger) as world:
        one, other, far = world.model("m1"), world.model("m2"), {"latitude": 1.234, "longitude": 5.678}
        world.answer_again(world.picture(world.station("A", None, **far), one, "lion"), other, "arctic_fox", at=UNTIL)
        fox = world.picture(world.station("B", None, **far), one, "arctic_fox")
        world.review(fox, "rhino")
        world.review(fox, "other")
    with ledger.read() as session:
        assert [place.rounded for place in places(session, REDLIST, rounding=0.1)] == [True, True]


def test_the_category_is_that_of_the_country(ledger: Ledger) -> None:
    """A panther is a jaguar, near threatened, in Brazil; the same answer in Kenya is a threatened leopard."""
    with filling(ledger) as world:
        model = world.model()
        for country in ("BR", "KE"):
            world.picture(world.station(country, country), model, "panther")
    with ledger.read() as session:
        assert [place.rounded for place in places(session, REDLIST, rounding=0.1)] == [False, True]


def test_what_stands_near_a_place_that_is_rounded_is_rounded_too(ledger: Ledger) -> None:
    """The exact place of a neighbour, or of a camera at the same location, tells it; the date line is no border."""
    beside = {
        "Threatened": {"latitude": 1.234, "longitude": 179.98},
        "Beside": {"latitude": 1.3, "longitude": -179.96},
        "Farther": {"latitude": 1.234, "longitude": 179.87},
        "Same location": {"latitude": 1.234, "longitude": 150.0, "location": "L1"},
        "Unplaced": {},
    }
    beside["Threatened"]["location"] = "L1"
    with filling(ledger) as world:
        model = world.model()
        for name, place in beside.items():
            world.picture(world.station(name, None, **place), model, "lion" if name == "Threatened" else "arctic_fox")
    with ledger.read() as session:
        rounded = {place.station for place in places(session, REDLIST, rounding=0.1) if place.rounded}
    assert rounded == {"Threatened", "Beside", "Same location"}
