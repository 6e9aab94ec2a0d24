import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.queries.events import Event, Kind
from db.queries.rates import change, rates
from db.redlist import Category

AT = datetime(2026, 11, 1, tzinfo=UTC)
LION = Kind("lion", "Lion", ("Panthera leo",), (Category.VU,))
RHINO = Kind("rhino", "Rhino", ("Ceratotherium simum", "Diceros bicornis"), (Category.NT, Category.CR))
CHEETAH = Kind("cheetah", "Cheetah", ("Acinonyx jubatus",), (Category.VU,))


def seen(**events: int) -> list[Event]:
    kinds = {"lion": LION, "rhino": RHINO, "cheetah": CHEETAH}
    return [
        Event(1, kinds[label], AT, AT.replace(tzinfo=None)) for label, count in events.items() for _ in range(count)
    ]


def test_rai_is_events_per_hundred_camera_days() -> None:
    """Six events in 240 camera-days are 2.5; the most severe species stands first, then the most frequent."""
    found = rates(seen(cheetah=2, rhino=1, lion=6), [], days=240.0, days_before=0.0)
    assert [(rate.label, rate.events) for rate in found] == [("rhino", 1), ("lion", 6), ("cheetah", 2)]
    assert found[1].rai == pytest.approx(2.5)


def test_a_species_that_is_seen_no_more_still_has_a_rate() -> None:
    """None of it in the period and a dozen before: that is the change that matters."""
    (lion,) = rates([], seen(lion=12), days=100.0, days_before=100.0)
    assert (lion.events, lion.rai, lion.change.ratio) == (0, 0.0, 0.0)
    assert lion.change.high == pytest.approx(0.3598, abs=1e-4)


def test_without_effort_there_is_no_rate() -> None:
    """All clocks wrong: events are counted, and nothing is divided by nothing."""
    (lion,) = rates(seen(lion=12), seen(lion=12), days=0.0, days_before=100.0)
    assert (lion.events, lion.rai, lion.change) == (12, None, None)


@pytest.mark.parametrize(
    ("counts", "efforts", "expected"),
    [
        # 12 of 18: scipy.stats.binomtest(12, 18).proportion_ci(0.95) is 0.40993 to 0.86657
        ((12, 6), (100, 100), (2.0, 0.69470, 6.49471)),
        ((12, 6), (200, 100), (1.0, 0.34735, 3.24736)),
        # none of 10: 0 to 0.30850; ten of 10: 0.69150 to 1
        ((0, 10), (60, 60), (0.0, 0.0, 0.44613)),
        ((10, 0), (60, 60), (math.inf, 2.24149, math.inf)),
    ],
)
def test_a_change_has_the_exact_conditional_interval(
    counts: tuple[int, int], efforts: tuple[float, float], expected: tuple[float, float, float]
) -> None:
    """The ratio of two rates and its 95 % interval, from the binomial of one count given both."""
    found = change(*counts, days=efforts[0], days_before=efforts[1])
    assert (found.ratio, found.low, found.high) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("counts", "efforts"), [((5, 4), (100, 100)), ((50, 50), (0, 100)), ((50, 50), (100, 0)), ((0, 0), (1, 1))]
)
def test_too_little_says_nothing_of_a_change(counts: tuple[int, int], efforts: tuple[float, float]) -> None:
    """Fewer than ten events in both periods together, or one without effort."""
    assert change(*counts, days=efforts[0], days_before=efforts[1]) is None


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.5, 5000), st.floats(0.5, 5000))
def test_the_interval_holds_the_ratio_and_turns_with_the_periods(
    events: int, before: int, days: float, days_before: float
) -> None:
    """Exchange the two periods, and one over each bound is the other."""
    one = change(events, before, days=days, days_before=days_before)
    other = change(before, events, days=days_before, days_before=days)
    if one is None or other is None:
        assert events + before < 10
        return
    assert one.low <= one.ratio <= one.high
    assert other.low == pytest.approx(1 / one.high if one.high else math.inf)
    assert other.high == pytest.approx(1 / one.low if one.low else math.inf)
