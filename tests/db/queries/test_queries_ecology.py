from datetime import UTC, datetime, timedelta

import pytest
from report_world import World, filling

from db.engine import Ledger
from db.queries.ecology import Ecology, ecology
from db.settings import LedgerSettings
from db.types import Decision

BEGIN = datetime(2026, 4, 10, tzinfo=UTC)  # when the equation of time is next to nothing
END = BEGIN + timedelta(days=10)


def hour(number: float) -> datetime:
    return (BEGIN + timedelta(hours=number)).replace(tzinfo=None)


def of(ledger: Ledger, begin: datetime = BEGIN, end: datetime = END) -> Ecology:
    with ledger.read() as session:
        return ecology(session, begin=begin, end=end, settings=LedgerSettings())


def two_stations(world: World) -> None:
    """Ridge, with coordinates, runs for the whole period and as long before; Ford, without any, for four days."""
    model = world.model()
    ridge = world.station(
        "Ridge", latitude=-2.0, longitude=30.0, start=BEGIN - timedelta(days=10), end=BEGIN + timedelta(days=20)
    )
    span = {"start": BEGIN + timedelta(days=2), "end": BEGIN + timedelta(days=6)}
    ford = world.station("Ford", "NO", timezone="Europe/Oslo", **span)
    for number in (-99, -20, 10.5, 10.6, 82.5, 150.5, 239.5):
        world.picture(ridge, model, "lion", at=hour(number))
    world.picture(ridge, model, "rhino", at=hour(100))
    world.picture(ridge, model, "cheetah", at=hour(101), decision=Decision.UNKNOWN)
    world.picture(ford, model, "arctic_fox", at=hour(58))  # on a camera's clock in Oslo, which is in summer time


def test_rates_are_of_the_period_and_compared_with_the_one_before(ledger: Ledger) -> None:
    """Captured in the period: four visits of lions, one of which made two pictures; an unknown animal is none."""
    with filling(ledger) as world:
        two_stations(world)
    found = of(ledger)
    assert (found.days, found.days_before) == (pytest.approx(14), pytest.approx(10))
    assert [(rate.title, rate.events) for rate in found.rates] == [("Rhino", 1), ("Lion", 4), ("Arctic fox", 1)]
    assert found.rates[1].rai == pytest.approx(100 * 4 / 14)
    assert found.rates[1].change is None  # six events in all


def test_stations_have_their_effort_and_their_events(ledger: Ledger) -> None:
    """A row a station, by name: what its cameras watched together and what they saw."""
    with filling(ledger) as world:
        two_stations(world)
        second = world.station("Ridge", camera="CAM-2", start=BEGIN + timedelta(days=7), end=END)
        world.picture(second, None, at=hour(200))
    ford, ridge = of(ledger).stations
    assert (ford.station, ford.days, ford.events, ford.gaps) == ("Ford", pytest.approx(4), {"Arctic fox": 1}, ())
    assert (ridge.station, ridge.days, ridge.events) == ("Ridge", pytest.approx(13), {"Lion": 4, "Rhino": 1})


def test_what_no_effort_covers_is_in_no_rate_and_said_to_be_left_out(ledger: Ledger) -> None:
    """A clock that was never set, and a picture after its camera was taken down by the table of stations."""
    with filling(ledger) as world:
        two_stations(world)
    whole = of(ledger)
    with filling(ledger) as world:
        model = world.model("another")
        world.picture(world.station("Hill"), model, at=None, time_status="missing", received=BEGIN + timedelta(days=1))
        gone = world.station("Dale", start=BEGIN - timedelta(days=5), end=BEGIN)
        world.picture(gone, model, at=hour(30))
    found = of(ledger)
    assert (whole.unsure, found.unsure) == (0, 2)
    assert (found.rates, found.days, found.accumulation) == (whole.rates, whole.days, whole.accumulation)


def test_activity_is_by_the_sun_where_the_place_is_known(ledger: Ledger) -> None:
    """At 30° east it is noon at ten in UTC; a station without coordinates goes by its own clock."""
    with filling(ledger) as world:
        two_stations(world)
    found = of(ledger)
    assert [row.title for row in found.activity] == ["Lion", "Arctic fox", "Rhino"]
    hours = {row.title: {hour: count for hour, count in enumerate(row.hours) if count} for row in found.activity}
    assert hours["Lion"] == {12: 2, 8: 1, 1: 1}
    assert hours["Arctic fox"] == {10: 1}
    assert found.by_clock == 1
    assert (found.sunrise, found.sunset) == (pytest.approx(5.95, abs=0.1), pytest.approx(18.05, abs=0.1))


def test_without_coordinates_nobody_knows_the_sun(ledger: Ledger) -> None:
    """Neither sunrise nor sunset; all events go by the clock."""
    with filling(ledger) as world:
        world.picture(world.station("Ford"), world.model(), at=hour(5.5))
    found = of(ledger)
    assert (found.sunrise, found.sunset, found.by_clock) == (None, None, 1)
    assert found.activity[0].hours[5] == 1


def test_species_accumulate_with_effort(ledger: Ledger) -> None:
    """At the end of each day with a new species: camera-days so far and species so far, from nothing to all."""
    with filling(ledger) as world:
        two_stations(world)
    # lions on day 1; foxes on day 3, when Ford runs as well; rhinos on day 5; all ends on day 10
    assert of(ledger).accumulation == (
        (0, 0),
        (pytest.approx(1), 1),
        (pytest.approx(4), 2),
        (pytest.approx(8), 3),
        (pytest.approx(14), 3),
    )


def test_an_empty_period_is_no_error(ledger: Ledger) -> None:
    """Nothing captured, nothing deployed: zeros."""
    found = of(ledger)
    assert (found.days, found.rates, found.stations, found.activity) == (0, (), (), ())
    assert found.accumulation == ((0, 0), (0, 0))
