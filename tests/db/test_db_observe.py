from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from blank_ledger import new_ledger
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_builders import (
    NOW,
    REDLIST,
    answer,
    content,
    deployment,
    observed,
    prediction,
    review,
    take,
)
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from db import store
from db.check import faults
from db.derive import Facts, capture_times, derive
from db.engine import Ledger
from db.models import Deployment, Link, Media, Observation, Review, Sighting
from db.observe import disagreeing, refresh
from db.queries.pending import stale
from db.types import Decision, LinkKind, LinkStatus, Method, ObservationType

HOUR = timedelta(hours=1)


def derived(
    label: str = "lion",
    decision: Decision = Decision.ANSWERED,
    *,
    background: str | None = None,
    human: str | None = None,
    **place: Any,
) -> Observation:
    """Derive from one answer, or one review, at one deployment."""
    said = Review(media_id=1, label=human, reviewer="Asha", at=NOW) if human else None
    facts = Facts(
        media=content("one", id=1),
        prediction=prediction(1, 1, label, decision=decision, background=background),
        model_version="m1",
        reviews={0: said} if said else {},
        deployment=deployment("A", id=7, **place),
        file_time=NOW,
        counted=True,
    )
    (observation,) = derive(facts, REDLIST)
    return observation


@pytest.mark.parametrize(
    ("decision", "background", "kind"),
    [
        (Decision.ANSWERED, None, ObservationType.ANIMAL),
        (Decision.UNKNOWN, None, ObservationType.UNKNOWN),
        (Decision.UNFAMILIAR, None, ObservationType.UNKNOWN),
        (Decision.OTHER, None, ObservationType.UNCLASSIFIED),
        (Decision.OTHER, "other", ObservationType.UNCLASSIFIED),
        (Decision.OTHER, "blank", ObservationType.BLANK),
        (Decision.OTHER, "person", ObservationType.HUMAN),
        (Decision.OTHER, "vehicle", ObservationType.VEHICLE),
    ],
)
def test_a_machine_names_a_species_only_where_it_answered(
    decision: Decision, background: str | None, kind: ObservationType
) -> None:
    """Every decision has its observation type; label, taxa and category stand beside ``answered`` alone."""
    found = derived("lion", decision, background=background)
    assert (found.decision, found.observation_type) == (decision, kind)
    assert (found.classification_method, found.classified_by, found.probability) == (Method.MACHINE, "m1", 0.9)
    named = (found.label, found.title, found.taxa, found.category, found.worst_category)
    if decision is Decision.ANSWERED:
        assert named == ("lion", "Lion", ["Panthera leo"], "VU", "VU")
    else:
        assert named == (None, None, [], None, None)


@pytest.mark.parametrize(
    ("label", "kind", "decision", "named"),
    [
        ("lion", ObservationType.ANIMAL, Decision.ANSWERED, ("lion", ["Panthera leo"], "VU")),
        ("goat", ObservationType.ANIMAL, Decision.ANSWERED, ("goat", [], None)),
        ("blank", ObservationType.BLANK, Decision.OTHER, ("blank", [], None)),
        ("person", ObservationType.HUMAN, Decision.OTHER, ("person", [], None)),
        ("vehicle", ObservationType.VEHICLE, Decision.OTHER, ("vehicle", [], None)),
        ("other", ObservationType.UNCLASSIFIED, Decision.OTHER, ("other", [], None)),
        ("unknown", ObservationType.UNKNOWN, Decision.UNKNOWN, ("unknown", [], None)),
    ],
)
def test_a_human_outranks_the_machine(
    label: str, kind: ObservationType, decision: Decision, named: tuple[str, list[str], str | None]
) -> None:
    """What a person said stands, whatever the model answered; only a species has taxa."""
    found = derived("rhino", human=label)
    assert (found.observation_type, found.decision) == (kind, decision)
    assert (found.label, found.taxa, found.category) == named
    assert (found.classification_method, found.classified_by, found.probability) == (Method.HUMAN, "Asha", None)


@pytest.mark.parametrize(
    ("label", "place", "decision", "category"),
    [
        ("lion", {"country": "KE"}, Decision.ANSWERED, "VU"),
        ("lion", {"country": None}, Decision.ANSWERED, "VU"),
        ("lion", {"country": "NO"}, Decision.OUT_OF_RANGE, None),
        ("lion", {"country": "NO", "captive": True}, Decision.ANSWERED, "VU"),
        ("rhino", {"country": None}, Decision.ANSWERED, "NT–CR"),
        ("rhino", {"country": "NP"}, Decision.ANSWERED, "VU"),
    ],
)
def test_an_answer_must_be_possible_at_the_station(
    label: str, place: dict[str, Any], decision: Decision, category: str | None
) -> None:
    """The country narrows the candidates; an animal that cannot live there is out of range, but for captive ones."""
    found = derived(label, **place)
    assert (found.decision, found.category, found.observation_type) == (decision, category, ObservationType.ANIMAL)
    assert (found.label is None) == (decision is Decision.OUT_OF_RANGE)


def test_a_human_may_see_what_does_not_live_there() -> None:
    """The test of the range is not for people."""
    found = derived("arctic_fox", human="lion", country="NO")
    assert (found.decision, found.category) == (Decision.ANSWERED, "VU")


def test_nobody_has_answered_yet() -> None:
    """Without a prediction and a review there is no observation."""
    facts = Facts(content("one"), None, None, None, NOW, counted=True)
    assert derive(facts, REDLIST) == []


NAIROBI = {"timezone": "Africa/Nairobi"}  # three hours ahead
AT = datetime(2026, 11, 23, 22, 15, tzinfo=UTC)  # the camera's figures, read as UTC
SINCE_1970 = int(AT.timestamp())
RESET, AHEAD, FIRST, LAST = (
    {"time_status": "implausible", "camera_time": time}  # on the camera's clock, which has no zone
    for time in (datetime(1970, 1, 1), datetime(2127, 1, 1), datetime.min, datetime.max)  # noqa: DTZ001, DTZ901
)


@pytest.mark.parametrize(
    ("media", "place", "local", "utc", "source"),
    [
        ({}, None, AT, AT, "exif"),
        ({}, {}, AT, AT, "exif"),
        ({}, NAIROBI, AT, AT - 3 * HOUR, "exif"),
        ({}, {"clock_offset": -3600}, AT - HOUR, AT - HOUR, "exif"),
        ({}, NAIROBI | {"clock_offset": 60}, AT + HOUR / 60, AT + HOUR / 60 - 3 * HOUR, "exif"),
        ({"camera_offset": 120}, {}, AT, AT - 2 * HOUR, "exif"),
        ({"camera_offset": 0}, NAIROBI, AT + 3 * HOUR, AT, "exif"),
        ({"camera_offset": -330}, NAIROBI, AT + 8.5 * HOUR, AT + 5.5 * HOUR, "exif"),
        ({"time_status": "implausible"}, None, NOW, NOW, "file"),
        (AHEAD, NAIROBI | {"clock_offset": 60}, NOW + 3 * HOUR, NOW, "file"),
        (RESET, {"clock_offset": SINCE_1970}, AT, AT, "exif"),
        (RESET, {"clock_offset": 3600}, NOW, NOW, "file"),
        (LAST, NAIROBI | {"clock_offset": 3600}, NOW + 3 * HOUR, NOW, "file"),
        (FIRST, NAIROBI | {"clock_offset": -3600}, NOW + 3 * HOUR, NOW, "file"),
        ({"time_status": "missing", "camera_time": None}, {}, NOW, NOW, "file"),
    ],
)
def test_a_capture_time_is_local_and_utc(
    media: dict[str, Any], place: dict[str, Any] | None, local: datetime, utc: datetime, source: str
) -> None:
    """The camera's zone, else the station's, else UTC; its error is corrected; a wrong clock is not believed."""
    where = None if place is None else deployment("A", **place)
    found = capture_times(content("one", **media), where, NOW)
    assert found == (local.replace(tzinfo=None), utc, source)
    assert found[1].tzinfo is UTC


def test_a_time_that_summer_time_skips_is_kept() -> None:
    """A camera that ignores summer time shows an hour that no clock on the wall did."""
    skipped = datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001  # on the camera's clock
    media = content("one", camera_time=skipped)
    local, at, _ = capture_times(media, deployment("A", timezone="Europe/Madrid"), NOW)
    assert (local, at) == (skipped, datetime(2026, 3, 29, 1, 30, tzinfo=UTC))


@pytest.fixture
def pair(ledger: Ledger) -> tuple[int, int]:
    """Two media of one picture, the second linked to the first, both answered: lion."""
    with ledger.write() as session:
        one, copy = (take(session, f"A/{name}.JPG", content(name, picture="p")) for name in ("one", "copy"))
        store.relink(session, LinkKind.SAME_PICTURE, [one, copy], {copy: one})
        for media_id in (one, copy):
            answer(session, media_id)
    return one, copy


@pytest.mark.parametrize("reviewed", [0, 1])
def test_a_review_holds_for_the_whole_group(ledger: Ledger, pair: tuple[int, int], reviewed: int) -> None:
    """Whichever of the files of one picture a person looked at, and also after another model has answered."""
    with ledger.write() as session:
        review(session, pair[reviewed], "rhino")
        assert [observed(session, media_id).label for media_id in pair] == ["rhino", "rhino"]
        answer(session, pair[1 - reviewed], "cheetah", version="m2")
        assert [observed(session, media_id).label for media_id in pair] == ["rhino", "rhino"]
        assert {observed(session, media_id).classified_by for media_id in pair} == {"Asha"}


def test_the_latest_review_wins(ledger: Ledger, pair: tuple[int, int]) -> None:
    """By the time at which it was said, in whatever order the files with the corrections come; then by arrival."""
    with ledger.write() as session:
        review(session, pair[0], "rhino", at=NOW + HOUR)
        review(session, pair[1], "cheetah", at=NOW)
        assert observed(session, pair[1]).label == "rhino"
        review(session, pair[1], "panda", at=NOW + HOUR)
        assert observed(session, pair[0]).label == "panda"


def test_a_human_who_says_blank_leaves_nothing_of_the_animal(ledger: Ledger, pair: tuple[int, int]) -> None:
    """Title, taxa and category of the machine's answer go with it."""
    with ledger.write() as session:
        assert observed(session, pair[0]).category == "VU"
        review(session, pair[0], "blank")
        found = observed(session, pair[0])
        assert (found.label, found.title, found.taxa) == ("blank", None, [])
        assert (found.category, found.worst_category) == (None, None)


def test_a_copy_is_answered_and_not_counted(ledger: Ledger, pair: tuple[int, int]) -> None:
    """The canonical one is counted, and the copy again once a person undid the link."""
    with ledger.write() as session:
        assert [observed(session, media_id).counted for media_id in pair] == [True, False]
        session.execute(update(Link).values(status=LinkStatus.UNDONE))
        refresh(session, pair, REDLIST)
        assert [observed(session, media_id).counted for media_id in pair] == [True, True]


@pytest.mark.parametrize(
    ("status", "labels", "counted"),
    [
        (LinkStatus.SUSPECTED, ["rhino", "lion"], [True, False]),
        (LinkStatus.CONFIRMED, ["rhino", "rhino"], [True, False]),
        (LinkStatus.UNDONE, ["rhino", "lion"], [True, True]),
    ],
)
def test_a_review_follows_a_reexport_only_when_confirmed(
    ledger: Ledger, status: LinkStatus, labels: list[str], counted: list[bool]
) -> None:
    """A suspicion is enough not to count twice, and not enough to repeat what a person said."""
    with ledger.write() as session:
        pair = [take(session, f"A/{name}.JPG", name) for name in ("one", "small")]
        session.add(Link(media_id=pair[1], canonical_id=pair[0], kind=LinkKind.REEXPORT, status=status))
        for media_id in pair:
            answer(session, media_id)
        review(session, pair[0], "rhino")
        assert [observed(session, media_id).label for media_id in pair] == labels
        assert [observed(session, media_id).counted for media_id in pair] == counted


def test_the_deployment_is_that_of_the_first_file_that_is_there(ledger: Ledger) -> None:
    """By path, current ones before missing and superseded ones."""
    with ledger.write() as session:
        for path in ("B/1.JPG", "A/1.JPG", "C/1.JPG"):
            media_id = take(session, path, "one", deployed=deployment(path[0]))
        answer(session, media_id)
        stations = []
        for gone in (b"A/1.JPG", b"B/1.JPG", b"C/1.JPG", None):
            refresh(session, stale(session, limit=10), REDLIST)
            stations.append(session.get_one(Deployment, observed(session, media_id).deployment_id).station)
            if gone is not None:
                ids = session.scalars(select(Sighting.id).where(Sighting.path == gone)).all()
                store.mark_missing(session, ids, now=NOW)
        assert stations == ["A", "B", "C", "A"]


def test_a_sound_ledger_disagrees_with_nothing(ledger: Ledger, pair: tuple[int, int]) -> None:
    """What was derived at each step is what follows from the facts as they are now."""
    with ledger.read() as session:
        assert disagreeing(session, pair, REDLIST) == []
        assert faults(session, REDLIST) == []


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE observation SET label = 'rhino' WHERE media_id = 2",
        "UPDATE observation SET counted = 0 WHERE media_id = 2",
        "UPDATE observation SET captured_at = '2026-01-01 00:00:00.000000' WHERE media_id = 2",
        "UPDATE observation SET taxa = '[]' WHERE media_id = 2",
        "DELETE FROM observation WHERE media_id = 2",
        "UPDATE media SET answered_by = NULL WHERE id = 2",
        "UPDATE deployment SET clock_offset = 5",
    ],
)
def test_a_row_that_was_tampered_with_is_found(ledger: Ledger, tampering: str) -> None:
    """An observation, or a fact under it, that was changed behind Trapline's back is named, and only that."""
    with ledger.write() as session:
        for number, name in enumerate(("one", "two"), start=1):
            deployed = deployment("A") if number == 2 else None
            assert take(session, f"A/{name}.JPG", name, deployed=deployed) == number
            answer(session, number)
        session.execute(text(tampering))
    with ledger.read() as session:
        assert disagreeing(session, [1, 2], REDLIST) == [2]
        assert disagreeing(session, [1], REDLIST) == []
        assert faults(session, REDLIST) == ["the observation of media 2 does not follow"]


def test_a_stale_observation_is_behind_and_not_wrong(ledger: Ledger, pair: tuple[int, int]) -> None:
    """Until it is derived anew nothing is made of the difference; then it is right, and no longer stale."""
    with ledger.write() as session:
        session.execute(update(Observation).values(stale=True, label="rhino"))
        assert disagreeing(session, pair, REDLIST) == []
        refresh(session, stale(session, limit=10), REDLIST)
        assert [observed(session, media_id).label for media_id in pair] == ["lion", "lion"]
        assert stale(session, limit=10) == []


def taken(session: Session, path: str, name: str, picture: str) -> None:
    """Take a file as the intake does: with the links of its picture, and what follows."""
    media_id = take(session, path, content(name, picture=picture), deployed=deployment(path[0], country="KE"))
    group = session.scalars(select(Media).where(Media.picture_hash == picture).order_by(Media.sha256)).all()
    ids = [media.id for media in group]
    store.relink(session, LinkKind.SAME_PICTURE, ids, dict.fromkeys(ids[1:], ids[0]))
    refresh(session, {media_id, *ids}, REDLIST)


def media_called(session: Session, name: str) -> int:
    return session.scalars(select(Media.id).where(Media.sha256 == content(name).sha256)).one()


def gone(session: Session, path: str) -> None:
    ids = session.scalars(select(Sighting.id).where(Sighting.path == path.encode())).all()
    store.mark_missing(session, ids, now=NOW)


# What happens, and what must have happened before.
STEPS: dict[str, tuple[set[str], Callable[[Session], object]]] = {
    "a at B": (set(), lambda s: taken(s, "B/1.JPG", "a", "p")),
    "a at A": (set(), lambda s: taken(s, "A/1.JPG", "a", "p")),
    "b at C": (set(), lambda s: taken(s, "C/1.JPG", "b", "p")),
    "c at C": (set(), lambda s: taken(s, "C/2.JPG", "c", "q")),
    "d over c": ({"c at C"}, lambda s: taken(s, "C/2.JPG", "d", "p")),
    "c at D": (set(), lambda s: taken(s, "D/1.JPG", "c", "q")),
    "A gone": ({"a at A"}, lambda s: gone(s, "A/1.JPG")),
    "answer a": ({"a at B"}, lambda s: answer(s, media_called(s, "a"), "lion")),
    "answer b": ({"b at C"}, lambda s: answer(s, media_called(s, "b"), "lion")),
    "answer c": ({"c at C"}, lambda s: answer(s, media_called(s, "c"), "panda")),
    "answer d": ({"d over c"}, lambda s: answer(s, media_called(s, "d"), "lion")),
    "early word": ({"a at B"}, lambda s: review(s, media_called(s, "a"), "blank", at=NOW)),
    "last word": ({"b at C"}, lambda s: review(s, media_called(s, "b"), "rhino", at=NOW + HOUR)),
}  # fmt: skip


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Ledger]:
    """Give ledgers with nothing in them."""
    folder, numbers = tmp_path_factory.mktemp("fresh"), count()
    return lambda: new_ledger(folder / f"{next(numbers)}.db")


@pytest.fixture(scope="module")
def expected(fresh: Callable[[], Ledger]) -> dict[str, dict[str, Any]]:
    """What the steps lead to in the order in which they stand."""
    with closing(fresh()) as ledger:
        found = outcome(ledger, list(STEPS))
    assert len(found) == 4
    return found


def outcome(ledger: Ledger, order: list[str]) -> dict[str, dict[str, Any]]:
    """Take the steps in this order as far as it is possible, a transaction each; give the observations by content."""
    done: set[str] = set()
    while waiting := [step for step in order if step not in done]:
        step = next(step for step in waiting if STEPS[step][0] <= done)
        with ledger.write() as session:
            STEPS[step][1](session)
        done.add(step)
    with ledger.write() as session:
        refresh(session, stale(session, limit=10), REDLIST)
        assert faults(session, REDLIST) == []
        rows = session.execute(
            select(Media.sha256, Deployment.key, Observation)
            .join(Observation, Observation.media_id == Media.id)
            .join(Deployment, Observation.deployment_id == Deployment.id)
        ).all()
        numbers = {"id", "media_id", "prediction_id", "deployment_id"}
        columns = [column.key for column in Observation.__table__.columns if column.key not in numbers]
        return {sha256: {name: getattr(row, name) for name in columns} | {"at": key} for sha256, key, row in rows}


@given(st.permutations(list(STEPS)))
@settings(max_examples=25, deadline=None)
def test_no_order_of_arrival_makes_a_difference(
    fresh: Callable[[], Ledger], expected: dict[str, dict[str, Any]], order: list[str]
) -> None:
    """Files, copies, changes, losses, answers and reviews in any possible order end in the same observations."""
    with closing(fresh()) as ledger:
        assert outcome(ledger, order) == expected
