from datetime import UTC, datetime, timedelta

import pytest
from report_world import filling

from db.engine import Ledger
from db.queries.rhythm import silent
from db.types import State

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("ago", "usual"),
    [
        ([10, 9, 8, 7, 6, 5, 4, 3], 1),  # daily, and three days ago: more than two
        ([10, 9, 8, 7, 6, 5, 4, 2], None),
        ([64, 50, 36], 14),  # a card each fortnight: after four weeks
        ([54, 40, 26], None),
        ([36, 35, 34, 20, 19, 18], None),  # one in five pauses is of fourteen days
        ([18, *range(16, 2, -1)], 1),  # one in fourteen is of two, which is not usual
        ([30, 20], None),  # nobody knows what is usual
        ([900, 800, 700], None),  # too long ago
        ([], None),
    ],
)
def test_a_camera_is_silent_when_it_breaks_its_own_rhythm(
    ledger: Ledger, ago: list[float], usual: float | None
) -> None:
    """More than twice the 90th percentile of its pauses, and more than a day over it."""
    with filling(ledger) as world:
        deployment = world.station("Ridge", camera="CAM-7")
        for days in ago:
            for minute in range(2):
                world.file(deployment, state=State.TAKEN, seen=NOW - days * DAY - timedelta(minutes=minute))
    with ledger.read() as session:
        found = silent(session, NOW)
    expected = [] if usual is None else [("Ridge", "CAM-7", NOW - ago[-1] * DAY, usual, pytest.approx(ago[-1]))]
    assert [(s.station, s.camera, s.last, s.usual_days, s.silent_days) for s in found] == expected


def test_a_deployment_that_has_ended_may_be_silent(ledger: Ledger) -> None:
    """Its camera was collected, as recorded; one that is to be collected next week is missed."""
    with filling(ledger) as world:
        for station, ends in [("Past", -1), ("Open", None), ("Later", 7)]:
            end = None if ends is None else NOW + ends * DAY
            deployment = world.station(station, end=end)
            for days in (40, 39, 38):
                world.file(deployment, state=State.TAKEN, seen=NOW - days * DAY)
    with ledger.read() as session:
        assert [each.station for each in silent(session, NOW)] == ["Later", "Open"]


def test_what_comes_later_does_not_change_what_was_said(ledger: Ledger) -> None:
    """A report on a time in the past sees the files that had come by then."""
    with filling(ledger) as world:
        deployment = world.station("Ridge")
        for days in (40, 39, 38, 1):
            world.file(deployment, state=State.TAKEN, seen=NOW - days * DAY)
    with ledger.read() as session:
        assert [each.silent_days for each in silent(session, NOW - 10 * DAY)] == [pytest.approx(28)]
        assert silent(session, NOW) == ()
