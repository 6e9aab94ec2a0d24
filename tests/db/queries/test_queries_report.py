from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_world import NIGHT, REDLIST, SINCE, UNTIL, filling
from sqlalchemy import text

from db.engine import Ledger, open_ledger
from db.queries.report import ReportData, gather
from db.settings import LedgerSettings
from db.types import Decision, LinkKind, LinkStatus, State


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def lasting_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")
    yield opened
    opened.close()


def report(ledger: Ledger, since: datetime = SINCE, until: datetime = UNTIL) -> ReportData:
    with ledger.read() as session:
        return gather(session, since=since, until=until, redlist=REDLIST, settings=LedgerSettings())


pictures = st.lists(
    st.tuples(
        st.sampled_from(["Ridge", "Ford"]),
        st.sampled_from(["lion", "rhino", "panda"]),
        st.sampled_from([None, *set(Decision) - {Decision.OUT_OF_RANGE}]),
        st.integers(0, 300),
        st.booleans(),
    ),
    max_size=12,
)
days = iter(range(10_000))


@given(pictures)
@settings(max_examples=25, deadline=None)
def test_every_number_equals_a_plain_count(
    lasting_ledger: Ledger, rows: list[tuple[str, str, Decision | None, int, bool]]
) -> None:
    """Totals, species and stations say what counting the tables by hand says; decisions add up to the pictures."""
    since = UNTIL + timedelta(days=next(days))
    until = since + timedelta(days=1)
    with filling(lasting_ledger) as world:
        model, ids = world.model(f"m{since:%j%Y}"), []
        stations = {name: world.station(name, camera=f"{since:%j%Y}") for name in ("Ridge", "Ford")}
        for name, label, decision, minute, copy in rows:
            said = {"decision": decision} if decision else {}
            at, by = NIGHT + timedelta(minutes=minute), model if decision else None
            ids.append(world.picture(stations[name], by, label, at=at, received=until, **said))
            if copy and len(ids) > 1:
                world.link(ids[-1], ids[0], LinkKind.REEXPORT, LinkStatus.SUSPECTED)
    found = report(lasting_ledger, since, until)

    def count(query: str) -> int:
        with lasting_ledger.read() as session:
            return session.scalar(text(query), {"until": f"{until:%Y-%m-%d %H:%M:%S.000000}"})

    received = "FROM media m LEFT JOIN observation o ON o.media_id = m.id WHERE m.received_at = :until"
    seen = f"SELECT count(*) {received} AND o.counted"
    assert found.totals.files == len(rows)
    assert found.totals.pictures == len(rows) - found.totals.copies
    assert found.totals.pictures == sum(found.totals.decisions.values()) + found.totals.waiting
    assert found.totals.copies == count(
        f"SELECT count(DISTINCT l.media_id) {received.replace('WHERE', 'JOIN link l ON l.media_id = m.id WHERE')}"
    )
    for decision in Decision:
        assert found.totals.decisions[decision] == count(f"{seen} AND decision = '{decision}'")
    assert sum(species.pictures for species in found.species) == count(f"{seen} AND label IS NOT NULL")
    for species in found.species:
        assert species.pictures == count(f"{seen} AND o.title = '{species.title}'")
    by_station = {station.place.station: station.pictures for station in found.stations}
    for name, key in stations.items():
        assert by_station[name] == count(f"{seen} AND o.deployment_id = {key}")


def test_reports_in_a_row_share_nothing_and_miss_nothing(ledger: Ledger) -> None:
    """A picture received at the very end of one span is in that report and not in the next."""
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model(), received=UNTIL)
    assert report(ledger).totals.pictures == 1
    assert report(ledger, UNTIL, UNTIL + timedelta(days=1)).totals.pictures == 0


def test_copies_are_counted_by_kind_and_nowhere_else(ledger: Ledger) -> None:
    """The same file again, the same picture in other bytes and a suspected re-export are copies, not pictures."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        first, same, alike = (world.picture(ridge, model) for _ in range(3))
        world.file(ridge, state=State.TAKEN, media=first)
        world.link(same, first, LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
        world.link(alike, first, LinkKind.REEXPORT, LinkStatus.SUSPECTED)
    found = report(ledger)
    assert (found.totals.same_content, found.totals.same_picture, found.totals.reexports) == (1, 1, 1)
    assert (found.totals.pictures, found.species[0].pictures, len(found.gallery)) == (1, 1, 1)
    assert [(link.path, link.canonical) for link in found.suspected] == [("Ridge/IMG_0003.JPG", "Ridge/IMG_0001.JPG")]


def test_an_undone_link_is_no_copy(ledger: Ledger) -> None:
    """Where a person said that two pictures are two, both count."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        world.link(world.picture(ridge, model), world.picture(ridge, model), LinkKind.REEXPORT, LinkStatus.UNDONE)
    assert (report(ledger).totals.pictures, report(ledger).totals.copies) == (2, 0)


def test_species_stand_by_severity_and_apart_by_what_they_can_be(ledger: Ledger) -> None:
    """A rhino in Kenya and one in India are rows of their own; the most severe category stands first."""
    with filling(ledger) as world:
        model = world.model()
        for country, label in [("KE", "lion"), ("KE", "rhino"), ("IN", "rhino"), ("NO", "arctic_fox")]:
            world.picture(world.station(f"{country} {label}", country), model, label)
    found = report(ledger)
    assert [(row.title, "–".join(row.letters)) for row in found.species] == [
        ("Rhino", "NT–CR"),
        ("Greater one-horned rhino", "VU"),
        ("Lion", "VU"),
        ("Arctic fox", "LC"),
    ]
    assert [row.title for row in found.alerts] == ["Rhino", "Greater one-horned rhino", "Lion"]


def test_events_count_visits_not_pictures(ledger: Ledger) -> None:
    """Three pictures in a burst and one an hour later are four pictures and two events."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        for minute in (0, 0, 1, 61):
            world.picture(ridge, model, at=NIGHT + timedelta(minutes=minute))
    (lion,) = report(ledger).species
    assert (lion.pictures, lion.events) == (4, 2)
    assert (lion.stations[0].events, lion.stations[0].last) == (2, NIGHT + timedelta(minutes=61))


def test_what_needs_a_look_is_named_by_station(ledger: Ledger) -> None:
    """An answer that does not live there comes with what the model said, a clock never set with its station."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge", "KE"), world.model()
        world.picture(ridge, model, "panda")
        world.picture(ridge, model, time_status="implausible")
        world.file(ridge, state=State.REJECTED, path="Ridge/a.mp4", reason="unsupported: a video")
    found = report(ledger)
    assert [(each.station, each.title, each.pictures) for each in found.out_of_range] == [("Ridge", "Giant panda", 1)]
    assert [(each.station, each.status, each.pictures) for each in found.clocks] == [("Ridge", "implausible", 1)]
    assert [(each.path, each.reason) for each in found.rejected] == [("Ridge/a.mp4", "unsupported: a video")]
    assert found.totals.rejected == 1


@pytest.mark.parametrize(
    ("label", "decision", "place"),
    [
        ("rhino", Decision.ANSWERED, (-3.8, 38.7)),
        ("rhino", Decision.UNKNOWN, (-3.8, 38.7)),
        ("arctic_fox", Decision.ANSWERED, (-3.82172, 38.66501)),
    ],
)
def test_a_place_is_rounded_where_a_threatened_species_may_live(
    ledger: Ledger, label: str, decision: Decision, place: tuple[float, float]
) -> None:
    """The most probable label decides, whatever was made of it."""
    with filling(ledger) as world:
        ridge = world.station("Ridge", latitude=-3.82172, longitude=38.66501)
        world.picture(ridge, world.model(), label, decision=decision)
    (station,) = report(ledger).stations
    assert (station.place.latitude, station.place.longitude) == pytest.approx(place, abs=5e-5)
    assert station.place.rounded == (label == "rhino")


def test_a_station_without_new_pictures_is_still_listed(ledger: Ledger) -> None:
    """Its cameras and its last picture stand there with zeros: that is how a silent camera is noticed."""
    with filling(ledger) as world:
        world.station("Ridge", camera="CAM-2")
        world.picture(world.station("Ridge"), world.model(), received=SINCE)
    (station,) = report(ledger).stations
    assert (station.pictures, station.place.cameras, station.place.last_picture) == (0, 2, NIGHT)


def test_one_burst_does_not_fill_the_gallery(ledger: Ledger) -> None:
    """The best picture of each event comes before the second best of any; threatened species before others."""
    with filling(ledger) as world:
        ridge, tundra, model = world.station("Ridge"), world.station("Tundra", "NO"), world.model()
        burst = [world.picture(ridge, model, probability=0.9 + second / 100) for second in range(3)]
        fox = world.picture(tundra, model, "arctic_fox", at=NIGHT - timedelta(hours=2))
    assert [answer.media_id for answer in report(ledger).gallery] == [burst[2], fox, burst[1], burst[0]]


@pytest.mark.parametrize("seen_by", ["model", "human", "human, then another", "model, then a human"])
def test_a_person_is_never_shown(ledger: Ledger, seen_by: str) -> None:
    """A picture in which anybody ever saw a person stays out of the gallery, whatever was said of it later."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        said = {"decision": Decision.OTHER, "background": "person"} if seen_by.startswith("model") else {}
        hidden = world.picture(ridge, model, **said)
        shown = world.picture(ridge, model)
        if seen_by.startswith("human"):
            world.review(hidden, "person", at=SINCE)
        if "then" in seen_by:
            world.review(hidden, "lion")
    assert [answer.media_id for answer in report(ledger).gallery] == [shown]


def test_a_human_word_is_shown_with_the_name(ledger: Ledger) -> None:
    """A corrected picture appears as what the reviewer said, without the model's probability."""
    with filling(ledger) as world:
        corrected = world.picture(world.station("Ridge"), world.model(), decision=Decision.UNKNOWN)
        world.review(corrected, "cheetah", "Asha")
    (answer,) = report(ledger).gallery
    assert (answer.title, answer.reviewer, answer.probability) == ("Cheetah", "Asha", None)


def test_the_model_is_the_one_that_answered_in_the_span(ledger: Ledger) -> None:
    """A newer model that has answered nothing of it is not credited."""
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model("old", testing={"stack": {"accuracy": 0.9}}))
        world.model("new")
    used = report(ledger).model
    assert used is not None
    assert (used.version, used.metrics) == ("old", {"testing": {"stack": {"accuracy": 0.9}}})
    assert report(ledger, UNTIL, UNTIL + timedelta(days=1)).model.version == "new"


def test_an_empty_ledger_gives_an_empty_report(ledger: Ledger) -> None:
    """Nothing received is a report with zeros, not an error."""
    found = report(ledger)
    assert (found.model, found.species, found.stations, found.gallery) == (None, (), (), ())
    assert (found.totals.files, found.totals.pictures, found.totals.waiting) == (0, 0, 0)
