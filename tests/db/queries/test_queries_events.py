from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.queries.events import number_events

START = datetime(2026, 11, 23, tzinfo=UTC)
GAP = timedelta(minutes=30)

pictures = st.lists(
    st.tuples(st.sampled_from([1, 2, None]), st.sampled_from(["lion", "rhino"]), st.integers(0, 600)), max_size=30
)


def frame(rows: list[tuple[int | None, str, int]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "deployment_id": pd.array([row[0] for row in rows], dtype="Int64"),
            "label": pd.array([row[1] for row in rows], dtype="string"),
            "captured_at": pd.to_datetime([START + timedelta(minutes=row[2]) for row in rows], utc=True),
        }
    )


def parts(numbers: "pd.Series[int]") -> set[frozenset[int]]:
    return {frozenset(numbers.index[numbers == number]) for number in set(numbers)}


@pytest.mark.parametrize(("minutes", "events"), [([0, 30, 60], 1), ([0, 31], 2), ([0, 10, 100, 110], 2), ([], 0)])
def test_a_pause_longer_than_the_gap_ends_an_event(minutes: list[int], events: int) -> None:
    """The gap counts from the picture before, not from the first of the event; the gap itself still belongs to it."""
    assert number_events(frame([(1, "lion", minute) for minute in minutes]), GAP).nunique() == events


def test_an_event_has_one_label_and_one_deployment() -> None:
    """Two species at one camera, or one at two cameras, are events of their own at the same minute."""
    rows = [(1, "lion", 0), (1, "rhino", 0), (2, "lion", 0)]
    assert number_events(frame(rows), GAP).nunique() == 3


@given(pictures, st.randoms())
def test_events_partition_the_pictures_in_any_order_of_arrival(
    rows: list[tuple[int | None, str, int]], random: object
) -> None:
    """Each picture is in one event, and shuffling the pictures changes none."""
    observations = frame(rows)
    shuffled = list(observations.index)
    random.shuffle(shuffled)
    numbers = number_events(observations, GAP)
    assert list(numbers.index) == list(observations.index)
    assert parts(number_events(observations.loc[shuffled], GAP)) == parts(numbers)
