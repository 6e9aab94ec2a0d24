"""Several animals in one picture: two lions, and half a minute later a lion and a jaguar, in both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from report_world import NIGHT, REDLIST, SINCE, UNTIL, filling
from sqlalchemy import select

from db.engine import Ledger, open_ledger
from db.models import Deployment, Media, Observation
from db.observe import refresh
from db.queries import frames
from db.queries.ecology import Ecology, ecology
from db.queries.events import events_in
from db.queries.report import gather
from db.queries.species import best, species
from db.settings import LedgerSettings
from db.types import Decision

AT = NIGHT.replace(tzinfo=UTC)
LATER = timedelta(seconds=30)
STOOD = {"start": AT - timedelta(hours=12), "end": AT + timedelta(hours=12)}
GAP = timedelta(minutes=30)


@pytest.fixture
def lake(either_ledger: Ledger) -> Iterator[Ledger]:
    """A ledger with these two pictures, of one camera that was there for a day."""
    fill(either_ledger, "Lake", STOOD, [("lion", "lion"), ("lion", "jaguar")])
    return either_ledger


def fill(ledger: Ledger, station: str, span: dict[str, datetime], pictures: list[tuple[str, ...]]) -> None:
    with filling(ledger) as world:
        model, at = world.model(station), world.station(station, None, latitude=0.0, longitude=30.0, **span)
        for number, labels in enumerate(pictures):
            world.animals(world.picture(at, model, at=NIGHT + number * LATER), model, *labels)


def test_two_animals_of_a_kind_are_one_event(lake: Ledger) -> None:
    """An event is of pictures; two kinds in one picture are two events at the same moment."""
    with lake.read() as session:
        found = events_in(session, SINCE, UNTIL, GAP)
        rows = frames.events(session, SINCE, UNTIL)
        bursts = frames.bursts(session, SINCE, UNTIL)
    assert [(each.kind.label, each.captured_at) for each in found] == [("lion", AT), ("jaguar", AT + LATER)]
    assert rows[["label", "media"]].to_numpy().tolist() == [["lion", 2], ["jaguar", 1]]
    assert bursts["media"].tolist() == [2]


def test_a_table_of_species_counts_pictures(lake: Ledger) -> None:
    """One with two lions is one of lions, and one with a jaguar as well is one of either."""
    with lake.read() as session:
        found = species(session, SINCE, UNTIL, GAP)
    assert {row.label: (row.pictures, row.events) for row in found} == {"lion": (2, 1), "jaguar": (1, 1)}


def test_a_gallery_shows_a_kind_once_a_picture(lake: Ledger) -> None:
    """No herd fills it; each kind of a picture is there."""
    with lake.read() as session:
        shown = best(session, SINCE, UNTIL, GAP, most=10)
        found = [session.get_one(Observation, each) for each in shown]
    assert sorted((each.captured_at, each.label) for each in found) == [
        (AT, "lion"), (AT + LATER, "jaguar"), (AT + LATER, "lion"),
    ]  # fmt: skip


def test_effort_activity_and_accumulation_are_as_of_one_animal_a_picture(lake: Ledger, tmp_path: Path) -> None:
    """An animal is no sign of life more than its picture, and no event more of its kind."""
    alone = open_ledger(tmp_path / "alone.db")
    fill(alone, "Lake", STOOD, [("lion",), ("jaguar",)])
    found = read(lake)
    assert found == read(alone)
    assert (found.days, [sum(row.hours) for row in found.activity]) == (pytest.approx(19.75 / 24), [1, 1])
    assert found.accumulation[-1][1] == 2
    alone.close()


def read(ledger: Ledger) -> Ecology:
    with ledger.read() as session:
        return ecology(session, begin=SINCE, end=UNTIL, settings=LedgerSettings())


def test_pictures_that_are_not_sure_are_counted_and_not_their_animals(lake: Ledger) -> None:
    """Taken after the camera was taken down: two pictures, whatever is in them."""
    gone = {"start": AT - timedelta(days=9), "end": AT - timedelta(days=8)}
    fill(lake, "Ford", gone, [("lion", "lion"), ("lion", "jaguar")])
    assert read(lake).unsure == 2


def test_totals_count_a_picture_once(lake: Ledger) -> None:
    """However many animals are in it, also those that cannot live there."""
    fill(lake, "Pantanal", STOOD, [("panda", "panda", "rhino")])
    with filling(lake) as world:
        world.session.scalars(select(Deployment).where(Deployment.station == "Pantanal")).one().country = "BR"
    with lake.write() as session:
        refresh(session, session.scalars(select(Media.id)).all(), REDLIST)
    with lake.read() as session:
        found = gather(session, since=SINCE, until=UNTIL, redlist=REDLIST, settings=LedgerSettings())
    assert found.totals.decisions == dict.fromkeys(Decision, 0) | {
        Decision.ANSWERED: 2,
        Decision.OUT_OF_RANGE: 1,
    }
    assert {row.place.station: (row.pictures, row.answered) for row in found.stations} == {
        "Lake": (2, 2),
        "Pantanal": (1, 0),
    }
    assert {row.title: row.pictures for row in found.out_of_range} == {"Giant panda": 1, "Rhino": 1}


def test_what_is_seen_closely_for_the_first_time_is_told(either_ledger: Ledger) -> None:
    """Results came late: what was taken for nothing is a lion. What was one before is no news, nor is a later look."""
    yesterday, today = SINCE - timedelta(hours=1), UNTIL - timedelta(hours=1)
    with filling(either_ledger) as world:
        model, at = world.model(), world.station("Lake", None)
        grass = world.picture(at, model, decision=Decision.OTHER, background="blank", received=yesterday)
        lion = world.picture(at, model, at=NIGHT + timedelta(hours=2), received=yesterday)
        world.animals(grass, model, "lion", looked=today)
        world.animals(lion, model, "lion", looked=today)
    with either_ledger.read() as session:
        (row,) = species(session, SINCE, UNTIL, GAP)
    assert (row.label, row.pictures) == ("lion", 1)
    with filling(either_ledger) as world:
        world.animals(
            grass, world.model("m2"), "jaguar", "jaguar", looked=UNTIL + timedelta(hours=1), place="/inbox/z.json"
        )
    with either_ledger.read() as session:
        assert species(session, UNTIL, UNTIL + timedelta(days=1), GAP) == ()
