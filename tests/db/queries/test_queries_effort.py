from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_world import filling

from db.engine import Ledger, open_ledger
from db.queries.effort import DAY, Effort, efforts
from db.types import State

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
SILENCE = 7 * DAY
names = iter(range(10_000))


@pytest.fixture(scope="module")
def lasting_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")
    yield opened
    opened.close()


def day(number: float) -> datetime:
    return BEGIN + number * DAY


def deploy(ledger: Ledger, pictures: list[float], start: float | None = None, end: float | None = None) -> int:
    """Add a deployment whose camera took pictures on these days after BEGIN, or one of no known time; give its id."""
    recorded = {"start": None if start is None else day(start), "end": None if end is None else day(end)}
    with filling(ledger) as world:
        deployment, model = world.station(f"S{next(names)}", **recorded), world.model(f"m{next(names)}")
        for picture in pictures:
            world.picture(deployment, model, at=day(picture).replace(tzinfo=None))
        if not pictures:
            world.picture(deployment, model, at=None, time_status="missing", received=day(100))
    return deployment


def effort(
    ledger: Ledger, deployment: int, begin: float = 0, end: float = 30, now: float | None = None
) -> Effort | None:
    with ledger.read() as session:
        found = efforts(session, day(begin), day(end), SILENCE, now=day(end if now is None else now))
    return next((each for each in found if each.deployment_id == deployment), None)


@pytest.mark.parametrize(
    ("recorded", "pictures", "days", "gaps"),
    [
        # nothing is recorded: from the first to the last picture
        ((None, None), [2, 5, 9], 7, []),
        ((None, None), [2], 0, []),
        ((None, None), [2, 9], 7, []),  # a silence is longer than seven days
        ((None, None), [2, 9.5], 0, [(2, 9.5)]),
        ((None, None), [2, 3, 13, 15], 3, [(3, 13)]),
        # what lies on the other side of a border tells what a camera did up to it
        ((None, None), [-3, 2], 2, []),
        ((None, None), [-3, 6], 0, [(0, 6)]),
        ((None, None), [28, 33], 2, []),
        ((None, None), [28, 38], 0, [(28, 30)]),
        ((None, None), [-3, 33], 0, [(0, 30)]),
        # a recorded start or end outweighs the pictures, and the silence next to it counts as any other
        ((5, None), [8, 10], 5, []),
        ((0, None), [8, 10], 2, [(0, 8)]),
        ((None, 18), [5, 12], 13, []),
        ((None, 20), [5, 12], 7, [(12, 20)]),
        ((-20, 5), [-1], 5, []),
        ((3, 8), [], 5, []),
        ((3, 20), [], 0, [(3, 20)]),
        ((3, None), [], 0, []),
        # a recorded end that is still to come: the camera runs
        ((20, 100), [25], 10, []),
        ((0, 100), [5], 5, [(5, 30)]),
        # a picture outside of the recorded span is no sign of that deployment
        ((10, None), [4, 12, 14], 4, []),
    ],
)
def test_effort_is_the_span_without_its_silences(
    lasting_ledger: Ledger,
    recorded: tuple[float | None, float | None],
    pictures: list[float],
    days: float,
    gaps: list[tuple[float, float]],
) -> None:
    """Camera-days and gaps of a period of thirty days, computed by hand."""
    found = effort(lasting_ledger, deploy(lasting_ledger, pictures, *recorded))
    assert found is not None
    assert found.days == pytest.approx(days)
    assert found.gaps == tuple((day(one), day(other)) for one, other in gaps)


@pytest.mark.parametrize(
    ("recorded", "pictures"),
    [((None, None), []), ((None, None), [-4]), ((None, None), [34]), ((-20, -10), [-15]), ((40, 50), [45])],
)
def test_a_deployment_of_another_time_has_no_effort(
    lasting_ledger: Ledger, recorded: tuple[float | None, float | None], pictures: list[float]
) -> None:
    """Collected before the period, or set up after it."""
    assert effort(lasting_ledger, deploy(lasting_ledger, pictures, *recorded)) is None


def test_a_clock_that_was_never_set_is_no_sign_of_life(lasting_ledger: Ledger) -> None:
    """The time of a file says when it was copied; whatever was decided of a picture, its own time counts."""
    with filling(lasting_ledger) as world:
        deployment, model = world.station(f"S{next(names)}"), world.model(f"m{next(names)}")
        world.picture(deployment, model, at=day(3).replace(tzinfo=None))
        world.picture(deployment, model, "panda", at=day(6).replace(tzinfo=None))  # out of range
        world.picture(deployment, model, at=None, time_status="missing", received=day(9))
    found = effort(lasting_ledger, deployment)
    assert (found.first, found.last, found.days) == (day(3), day(6), pytest.approx(3))


days = st.integers(-20, 80)


@given(
    pictures=st.lists(days, max_size=6),
    start=st.none() | st.integers(-20, 30),
    end=st.none() | st.integers(-10, 30),
    border=st.integers(30, 45),
)
@settings(max_examples=40, deadline=None)
def test_effort_is_additive_and_never_more_than_the_period(
    lasting_ledger: Ledger, pictures: list[int], start: int | None, end: int | None, border: int
) -> None:
    """Two adjoining periods have together the effort of both in one, once a recorded end has passed."""
    if start is not None and end is not None:
        start, end = min(start, end), max(start, end)
    deployment = deploy(lasting_ledger, pictures, start, end)

    def of(*period: float) -> Any:
        found = effort(lasting_ledger, deployment, *period)
        return found.days if found else 0

    assert of(0, border) + of(border, 60) == pytest.approx(of(0, 60))
    assert 0 <= of(0, border) <= border
    assert 0 <= of(border, 60) <= 60 - border


def test_the_effort_of_many_deployments_stands_by_station(tmp_path: Path) -> None:
    """Each deployment has a row of its own, that of its station's name."""
    ledger = open_ledger(tmp_path / "ledger.db")
    with filling(ledger) as world:
        for station, camera in [("Ridge", "B"), ("Ford", "A"), ("Ridge", "A")]:
            deployment = world.station(station, camera=camera, start=BEGIN, end=BEGIN + timedelta(days=2))
            world.picture(deployment, None)
    with ledger.read() as session:
        found = [(each.station, each.days) for each in efforts(session, BEGIN, day(30), SILENCE, now=day(30))]
    ledger.close()
    assert found == [("Ford", 2.0), ("Ridge", 2.0), ("Ridge", 2.0)]


def test_a_deployment_from_which_no_picture_came_has_no_effort(ledger: Ledger) -> None:
    """It stands in the table alone: a plan, a start that was corrected, a row for another inbox, a dead camera."""
    with filling(ledger) as world:
        listed = world.station("Ridge", start=day(0), end=day(5))
        in_use = world.station("River", start=day(0), end=day(5))
        world.file(listed, state=State.REJECTED)
        world.picture(in_use, None, at=day(1).replace(tzinfo=None))
    with ledger.read() as session:
        found = efforts(session, BEGIN, day(30), SILENCE, now=day(30))
    assert [(each.deployment_id, each.days) for each in found] == [(in_use, 5.0)]


def test_a_camera_that_is_known_to_be_dead_by_now_did_not_watch_before_either(ledger: Ledger) -> None:
    """Its recorded end is still to come, and its silence began in the time that is asked about."""
    deployment = deploy(ledger, [1, 2], start=0, end=60)
    alive, dead = (effort(ledger, deployment, 0, 5, now=now) for now in (5, 30))
    assert alive is not None
    assert dead is not None
    assert (alive.days, dead.days) == (5, 2)
    assert dead.gaps == ((day(2), day(5)),)
