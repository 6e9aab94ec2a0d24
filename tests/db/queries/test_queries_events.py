from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_world import World, filling

from db.engine import Ledger, open_ledger
from db.queries.events import Event, events_in
from db.types import Decision, LinkKind, LinkStatus

GAP = timedelta(minutes=30)
YEARS = iter(range(1000))
Row = tuple[str, str, float]  # camera, label, minute


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")
    yield opened
    opened.close()


def new_time() -> datetime:
    """Give a time to which no other test comes near."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=10 * next(YEARS))


def fill(world: World, begin: datetime, rows: list[Row]) -> list[int]:
    """Add a picture for each row, in this order, so many minutes after ``begin``."""
    model = world.model(f"{begin:%Y-%m-%d}")
    stations = {camera: world.station(f"{camera} {begin:%Y-%m-%d}") for camera in sorted({row[0] for row in rows})}
    return [
        world.picture(stations[camera], model, label, at=(begin + timedelta(minutes=minute)).replace(tzinfo=None))
        for camera, label, minute in rows
    ]


def events(ledger: Ledger, begin: datetime, *, since: float = -1, until: float = 2000) -> list[Event]:
    with ledger.read() as session:
        return events_in(session, begin + timedelta(minutes=since), begin + timedelta(minutes=until), GAP)


@pytest.mark.parametrize(
    ("minutes", "starts"),
    [
        ([0, 30, 60], [0]),
        ([0, 31], [0, 31]),
        ([0, 10, 100, 110], [0, 100]),
        ([0.0041, 30.0041], [0.0041]),  # to a fraction of a second
        ([0.004, 30.0041], [0.004, 30.0041]),
        ([], []),
    ],
)
def test_a_pause_longer_than_the_gap_ends_an_event(ledger: Ledger, minutes: list[float], starts: list[float]) -> None:
    """The gap counts from the picture before, not from the first of the event; the gap itself still belongs to it."""
    begin = new_time()
    with filling(ledger) as world:
        fill(world, begin, [("A", "lion", minute) for minute in minutes])
    assert [event.captured_at for event in events(ledger, begin)] == [begin + timedelta(minutes=at) for at in starts]


def test_an_event_has_one_label_and_one_deployment(ledger: Ledger) -> None:
    """Two species at one camera, or one at two cameras, are events of their own at the same minute."""
    begin = new_time()
    with filling(ledger) as world:
        fill(world, begin, [("A", "lion", 0), ("A", "rhino", 0), ("B", "lion", 0), ("B", "lion", 5)])
    assert sorted(event.kind.label for event in events(ledger, begin)) == ["lion", "lion", "rhino"]


def test_an_event_belongs_to_the_period_in_which_it_starts(ledger: Ledger) -> None:
    """A lion that lies before the camera from one period to the next is one event, of the first."""
    begin = new_time()
    with filling(ledger) as world:
        fill(world, begin, [("A", "lion", minute) for minute in (80, 100, 120, 200)])
    assert [len(events(ledger, begin, since=0, until=100)), len(events(ledger, begin, since=100))] == [1, 1]
    assert [len(events(ledger, begin, since=0, until=79)), len(events(ledger, begin, since=79))] == [0, 2]


def test_only_counted_answers_make_events(ledger: Ledger) -> None:
    """A copy, an animal that was not determined and one out of range are none, and bridge no pause."""
    begin = new_time()
    with filling(ledger) as world:
        _, copy, last = fill(world, begin, [("A", "lion", 0), ("A", "lion", 20), ("A", "lion", 40)])
        world.link(copy, last, LinkKind.REEXPORT, LinkStatus.SUSPECTED)
        at = {"at": (begin + timedelta(minutes=21)).replace(tzinfo=None)}
        deployment, model = world.station(f"A {begin:%d}", camera="2"), world.model(f"other {begin}")
        world.picture(deployment, model, decision=Decision.UNKNOWN, **at)
        world.picture(deployment, model, "panda", **at)
    assert len(events(ledger, begin)) == 2


rows = st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(["lion", "rhino"]), st.integers(0, 300)), max_size=12)


@given(rows=rows, border=st.integers(0, 300), random=st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_events_partition_the_pictures_in_any_order_of_arrival(
    ledger: Ledger, rows: list[Row], border: int, random: object
) -> None:
    """They start where the pause before is longer than the gap, whoever came first, and periods share none."""
    random.shuffle(rows)
    begin, expected = new_time(), []
    for of in {row[:2] for row in rows}:
        minutes = sorted(minute for *kind, minute in rows if tuple(kind) == of)
        expected += [(of[1], b) for a, b in pairwise([-1000, *minutes]) if b - a > 30]
    with filling(ledger) as world:
        fill(world, begin, rows)

    def found(**period: float) -> list[tuple[str, float]]:
        return [
            (event.kind.label, (event.captured_at - begin) / timedelta(minutes=1))
            for event in events(ledger, begin, **period)
        ]

    assert sorted(found()) == sorted(expected)
    assert found(until=border) + found(since=border) == found()
