from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from blank_ledger import new_ledger
from hypothesis import given, settings
from hypothesis import strategies as st
from report_world import NIGHT, REDLIST, SINCE, UNTIL, filling
from sqlalchemy import text, update

from db.engine import Ledger
from db.models import Sighting
from db.queries.report import ReportData, gather
from db.settings import LedgerSettings
from db.types import Decision, LinkKind, LinkStatus, State


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def lasting_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")
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
        st.sampled_from(["copy", "came earlier", "answered later", "reviewed again", ""]),
    ),
    max_size=12,
)
days = iter(range(10_000))


@given(pictures)
@settings(max_examples=25, deadline=None)
def test_every_number_equals_a_plain_count(
    lasting_ledger: Ledger, rows: list[tuple[str, str, Decision | None, int, str]]
) -> None:
    """Totals, species and stations say what counting the tables by hand says, whenever pictures came."""
    since = UNTIL + timedelta(days=3 * next(days))
    until, after = since + timedelta(days=1), since + timedelta(days=2)
    with filling(lasting_ledger) as world:
        model, ids = world.model(f"m{since:%j%Y}"), []
        stations = {name: world.station(name, camera=f"{since:%j%Y}") for name in ("Ridge", "Ford")}
        for name, label, decision, minute, fate in rows:
            said = {"decision": decision} if decision else {}
            at, by = NIGHT + timedelta(minutes=minute), model if decision else None
            came = since if fate == "came earlier" else until
            said_at = after if fate == "answered later" else until
            ids.append(world.picture(stations[name], by, label, at=at, received=came, answered=said_at, **said))
            if fate == "copy" and len(ids) > 1:
                world.link(ids[-1], ids[0], LinkKind.REEXPORT, LinkStatus.SUSPECTED)
            if fate == "reviewed again":
                world.review(ids[-1], label, at=after)
    found, fates = report(lasting_ledger, since, until), [fate for *_, fate in rows]

    def count(query: str) -> int:
        with lasting_ledger.read() as session:
            named = {"since": since, "until": until}
            return session.scalar(text(query), {name: f"{at:%Y-%m-%d %H:%M:%S.000000}" for name, at in named.items()})

    pictures = "FROM media m LEFT JOIN prediction p ON p.media_id = m.id LEFT JOIN observation o ON o.media_id = m.id"
    seen = f"SELECT count(*) {pictures} WHERE p.predicted_at = :until AND o.counted"
    linked = "m.id IN (SELECT media_id FROM link)"
    assert found.totals.files == len(rows) - fates.count("came earlier")
    assert found.totals.copies == count(f"SELECT count(*) FROM media m WHERE m.received_at = :until AND {linked}")
    assert found.totals.pictures == found.totals.files - found.totals.copies
    assert found.totals.earlier == count(f"{seen} AND m.received_at = :since")
    predicted, reviewed = "SELECT media_id FROM prediction WHERE predicted_at", "SELECT media_id FROM review WHERE at"
    answered = f"{predicted} <= :until UNION {reviewed} <= :until"
    assert found.totals.waiting == count(
        f"SELECT count(*) FROM media m WHERE received_at <= :until AND NOT {linked} AND id NOT IN ({answered})"
    )
    for decision in Decision:
        assert found.totals.decisions[decision] == count(f"{seen} AND o.decision = '{decision}'")
    assert sum(species.pictures for species in found.species) == count(f"{seen} AND o.label IS NOT NULL")
    for species in found.species:
        assert species.pictures == count(f"{seen} AND o.title = '{species.title}'")
    by_station = {station.place.station: station.pictures for station in found.stations}
    for name, key in stations.items():
        assert by_station.get(name, 0) == count(f"{seen} AND o.deployment_id = {key}")


def test_reports_in_a_row_share_nothing_and_miss_nothing(ledger: Ledger) -> None:
    """A picture received and answered at the very end of one span is in that report and not in the next."""
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model(), received=UNTIL)
    one, two = report(ledger), report(ledger, UNTIL, UNTIL + timedelta(days=1))
    assert (one.totals.pictures, len(one.alerts), len(one.gallery)) == (1, 1, 1)
    assert (two.totals.pictures, len(two.alerts), len(two.gallery)) == (0, 0, 0)


def test_a_picture_answered_after_a_report_is_told_in_the_next_and_only_there(ledger: Ledger) -> None:
    """Received at 05:59 and answered at 06:01 it is received here and waits, and is seen there, once."""
    with filling(ledger) as world:
        minute = timedelta(minutes=1)
        world.picture(world.station("Ridge"), world.model(), received=UNTIL - minute, answered=UNTIL + minute)
    first, second, third = (report(ledger, SINCE + timedelta(days=n), UNTIL + timedelta(days=n)) for n in range(3))
    assert [r.totals.pictures for r in (first, second, third)] == [1, 0, 0]
    assert [r.totals.waiting for r in (first, second, third)] == [1, 0, 0]
    assert [r.totals.answers for r in (first, second, third)] == [0, 1, 0]
    assert [r.totals.earlier for r in (first, second, third)] == [0, 1, 0]
    assert [len(r.alerts) for r in (first, second, third)] == [0, 1, 0]
    assert [len(r.gallery) for r in (first, second, third)] == [0, 1, 0]


def test_an_old_picture_that_is_answered_or_reviewed_again_is_not_told_again(ledger: Ledger) -> None:
    """A promoted model and a person may speak later; the report of that day shows what came up that day."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model("old")
        again, reviewed = (world.picture(ridge, model) for _ in range(2))
        world.answer_again(again, world.model("new"), "cheetah", at=UNTIL + timedelta(hours=1))
        world.review(reviewed, "rhino", at=UNTIL + timedelta(hours=1))
    later = report(ledger, UNTIL, UNTIL + timedelta(days=1))
    assert (later.species, later.gallery, later.totals.answers) == ((), (), 0)
    assert {species.title for species in report(ledger).species} == {"Cheetah", "Rhino"}


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
    """What does not live there, a clock never set, no picture, a damaged one, a card in a wrong folder."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge", "KE"), world.model()
        world.picture(ridge, model, "panda")
        world.picture(ridge, model, time_status="implausible", integrity="suspect")
        world.file(ridge, state=State.REJECTED, path="Ridge/a.mp4", reason="unsupported: a video")
        world.file(world.station("Ford"), state=State.TAKEN, media=world.picture(ridge, model))
    found = report(ledger)
    assert [(each.station, each.title, each.pictures) for each in found.out_of_range] == [("Ridge", "Giant panda", 1)]
    assert [(each.station, each.status, each.pictures) for each in found.clocks] == [("Ridge", "implausible", 1)]
    assert [(each.path, each.reason) for each in found.rejected] == [("Ridge/a.mp4", "unsupported: a video")]
    assert found.damaged == ("Ridge/IMG_0002.JPG",)
    assert (found.totals.rejected, found.strays) == (1, 1)


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
        model = world.model()
        for camera in ("CAM-1", "CAM-2"):
            world.picture(world.station("Ridge", camera=camera), model, received=SINCE)
    (station,) = report(ledger).stations
    assert (station.pictures, station.place.cameras, station.place.last_picture) == (0, 2, NIGHT)


def test_a_station_that_nothing_lies_at_any_more_is_not_listed(ledger: Ledger) -> None:
    """A row of an older ``stations.csv`` is no camera; a station whose pictures have been collected still is one."""
    with filling(ledger) as world:
        world.station("A", camera="renamed")
        world.station("Ridge", camera="renamed")
        world.file(world.station("Ford"), state=State.MISSING, media=world.picture(world.station("Ridge"), None))
        collected = world.picture(world.station("Collected"), world.model())
        world.session.execute(update(Sighting).where(Sighting.media_id == collected).values(state=State.MISSING))
    found = report(ledger).stations
    assert [(station.place.station, station.place.cameras) for station in found] == [("Collected", 1), ("Ridge", 1)]


def test_one_burst_does_not_fill_the_gallery(ledger: Ledger) -> None:
    """The best picture of each event comes before the second best of any; threatened species before others."""
    with filling(ledger) as world:
        ridge, tundra, model = world.station("Ridge"), world.station("Tundra", "NO"), world.model()
        burst = [world.picture(ridge, model, probability=0.9 + second / 100) for second in range(3)]
        fox = world.picture(tundra, model, "arctic_fox", at=NIGHT - timedelta(hours=2))
    assert [answer.media_id for answer in report(ledger).gallery] == [burst[2], fox, burst[1], burst[0]]


def test_every_threatened_species_has_its_turn_in_the_gallery(ledger: Ledger) -> None:
    """The one rhino of the night comes before the second-best lion, however many lions came before it."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        at = [NIGHT + timedelta(hours=hour) for hour in range(4)]
        lions = [world.picture(ridge, model, at=at[n], probability=0.7 + n / 10) for n in range(3)]
        rhino = world.picture(ridge, model, "rhino", at=at[3], probability=0.5)
    assert [answer.media_id for answer in report(ledger).gallery] == [lions[2], rhino, lions[1], lions[0]]


@pytest.mark.parametrize("seen_by", ["model", "human", "human, then another", "model, then a human"])
def test_a_person_is_never_shown(ledger: Ledger, seen_by: str) -> None:
    """A picture in which anybody ever saw a person stays out of the gallery, whatever was said of it later."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        said = {"decision": Decision.OTHER, "background": "person"} if seen_by.startswith("model") else {}
        hidden = world.picture(ridge, model, **said)
        shown = world.picture(ridge, model)
        if seen_by.startswith("human"):
            world.review(hidden, "person", at=UNTIL - timedelta(minutes=1))
        if "then" in seen_by:
            world.review(hidden, "lion")
    assert [answer.media_id for answer in report(ledger).gallery] == [shown]


@pytest.mark.parametrize("status", [LinkStatus.CERTAIN, LinkStatus.CONFIRMED, LinkStatus.SUSPECTED])
def test_a_person_that_was_seen_in_a_copy_is_never_shown(ledger: Ledger, status: LinkStatus) -> None:
    """A copy shows the same people, whichever of the two is counted."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        shown, copy = world.picture(ridge, model), world.picture(ridge, model)
        kind = LinkKind.SAME_PICTURE if status is LinkStatus.CERTAIN else LinkKind.REEXPORT
        world.link(copy, shown, kind, status)
        world.review(copy, "person", at=UNTIL - timedelta(minutes=2))
        world.review(shown, "lion")
    assert report(ledger).gallery == ()


def test_a_copy_that_comes_late_makes_no_animal_new(ledger: Ledger) -> None:
    """The same picture with other tags may become the one that counts; what it shows was told before."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        before = world.picture(ridge, model, "rhino", received=SINCE - timedelta(hours=1))
        late = world.picture(ridge, model, "rhino")
        world.link(before, late, LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
    found = report(ledger)
    assert (found.species, found.gallery) == ((), ())


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
