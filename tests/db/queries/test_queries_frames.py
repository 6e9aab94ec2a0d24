"""The frames for ecologists against tables computed by hand, in both databases."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_world import World, filling

from db.engine import Ledger, open_ledger
from db.queries import frames
from db.types import Decision, LinkKind, LinkStatus

BEGIN = datetime(2026, 4, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=21)
PERIOD = (BEGIN, END)
MISSING = None
EVERY = (
    *(frames.bursts, frames.events, frames.effort, frames.occasion_effort, frames.rai, frames.activity),
    frames.accumulation,
)


def day(number: float) -> datetime:
    return BEGIN + timedelta(days=number)


def camera_time(number: float, clock: str = "00:00:00") -> datetime:
    hours, minutes, seconds = map(int, clock.split(":"))
    return (day(number) + timedelta(hours=hours, minutes=minutes, seconds=seconds)).replace(tzinfo=None)


def survey(world: World) -> None:
    """Four cameras and five stations in three weeks.

    One camera is moved from A to B on day 10; the one at C says nothing from day 4 to day 16.5; of that at D nobody
    wrote down when it stood there; the clock of that at E was never set.
    """
    model, here = world.model(), {"latitude": -1.5, "longitude": 37.5}
    a = world.station("A", start=day(0), end=day(10), **here)
    b = world.station("B", start=day(10), end=day(21), **here)
    c = world.station("C", camera="CAM-2", start=day(2), end=day(20))
    d, e = world.station("D", camera="CAM-3"), world.station("E", camera="CAM-4")
    for clock in ("06:00:00", "06:20:00", "06:50:00", "07:21:00"):
        world.picture(a, model, "lion", at=camera_time(1, clock))
    world.picture(a, model, "rhino", at=camera_time(1, "06:10:00"))
    world.picture(a, model, "lion", at=camera_time(8, "12:00:00"))
    world.picture(b, model, "lion", at=camera_time(14))
    world.picture(c, model, "rhino", at=camera_time(3))
    world.picture(c, model, "rhino", at=camera_time(16, "12:00:00"))
    world.picture(c, model, "lion", at=camera_time(19))
    world.picture(e, model, "rhino", at=None, time_status="missing", received=day(8))
    for deployment, number in [(a, 5), (b, 12), (b, 20), (c, 4), (d, 1), (d, 6)]:
        world.picture(deployment, model, at=camera_time(number), decision=Decision.OTHER, background="blank")


@pytest.fixture
def surveyed(either_ledger: Ledger) -> Ledger:
    with filling(either_ledger) as world:
        survey(world)
    return either_ledger


def test_effort_is_a_row_a_deployment(surveyed: Ledger) -> None:
    """Camera-days from what was recorded, else from the pictures; a silence is cut out of C's eighteen days."""
    with surveyed.read() as session:
        found = frames.effort(session, *PERIOD)
    assert found[["station", "camera", "gaps", "gap_days", "days"]].to_numpy().tolist() == [
        ["A", "CAM-1", 0, 0.0, 10.0],
        ["B", "CAM-1", 0, 0.0, 11.0],
        ["C", "CAM-2", 1, 12.5, 5.5],
        ["D", "CAM-3", 0, 0.0, 5.0],
    ]
    assert found.set_index("station").loc["D", ["first", "last"]].tolist() == [day(1), day(6)]


def test_effort_of_occasions_adds_up_to_the_effort(surveyed: Ledger) -> None:
    """Each week has what of a station's camera-days lies in it."""
    with surveyed.read() as session:
        found = frames.occasion_effort(session, *PERIOD)
        short = frames.occasion_effort(session, *PERIOD, occasion_days=10)
    assert found.columns.tolist() == [day(0), day(7), day(14)]
    assert table(found) == {"A": [7, 3, 0], "B": [0, 4, 7], "C": [2, 0, 3.5], "D": [5, 0, 0]}
    assert table(short) == {"A": [10, 0, 0], "B": [0, 10, 1], "C": [2, 3.5, 0], "D": [5, 0, 0]}


def test_events_have_their_pictures_from_the_first_to_the_last(surveyed: Ledger) -> None:
    """Half an hour after the picture before still belongs to an event; another species has one of its own."""
    with surveyed.read() as session:
        found = frames.events(session, *PERIOD)
    rows = found[["station", "title", "start", "end", "media"]].to_numpy().tolist()
    assert rows == [
        ["A", "Lion", clock(1, 6), clock(1, 6, 50), 3],
        ["A", "Rhino", clock(1, 6, 10), clock(1, 6, 10), 1],
        ["A", "Lion", clock(1, 7, 21), clock(1, 7, 21), 1],
        ["C", "Rhino", day(3), day(3), 1],
        ["E", "Rhino", day(8), day(8), 1],
        ["A", "Lion", day(8.5), day(8.5), 1],
        ["B", "Lion", day(14), day(14), 1],
        ["C", "Rhino", day(16.5), day(16.5), 1],
        ["C", "Lion", day(19), day(19), 1],
    ]
    # 37.5° are two and a half hours; a sundial is four minutes late on the first of April
    assert found["solar_hour"][0] == pytest.approx(8.5 - 4 / 60, abs=0.02)
    assert found["solar_hour"].isna().tolist() == [station in "CE" for station, *_ in rows]


def test_rai_is_events_for_a_hundred_camera_days(surveyed: Ledger) -> None:
    """Nothing seen is zero; without any effort nobody knows."""
    with surveyed.read() as session:
        found = frames.rai(session, *PERIOD)
    assert found.columns.tolist() == ["Lion", "Rhino"]
    expected = {"A": [30, 10], "B": [9.0909, 0], "C": [18.1818, 36.3636], "D": [0, 0], "E": [MISSING, MISSING]}
    assert table(found) == expected


@pytest.mark.parametrize(
    ("title", "minimum_days", "expected"),
    [
        ("Lion", 0, {"A": [1, 1, MISSING], "B": [MISSING, 1, 0], "C": [0, MISSING, 1], "D": [0, MISSING, MISSING]}),
        (
            "Lion",
            4,
            {
                "A": [1, MISSING, MISSING],
                "B": [MISSING, 1, 0],
                "C": [MISSING, MISSING, MISSING],
                "D": [0, MISSING, MISSING],
            },
        ),
        (
            "Rhino",
            0,
            {
                "A": [1, 0, MISSING],
                "B": [MISSING, 0, 0],
                "C": [1, MISSING, 1],
                "D": [0, MISSING, MISSING],
                "E": [MISSING, 1, MISSING],
            },
        ),
        ("Cheetah", 0, {"A": [0, 0, MISSING], "B": [MISSING, 0, 0], "C": [0, MISSING, 0], "D": [0, MISSING, MISSING]}),
    ],
)
def test_a_detection_history_tells_not_seen_from_not_looked(
    surveyed: Ledger, title: str, minimum_days: float, expected: dict[str, list[float | None]]
) -> None:
    """1 seen, 0 not seen, missing where no camera ran for long enough; an occasion ends with its last moment."""
    with surveyed.read() as session:
        found = frames.detection_history(session, title, *PERIOD, minimum_days=minimum_days)
    assert table(found) == expected


def test_activity_is_by_the_sun(surveyed: Ledger) -> None:
    """Events by the solar hour in which they start; C and E have no place, and go by their clocks."""
    with surveyed.read() as session:
        found = frames.activity(session, *PERIOD)
    hours = {title: {hour: count for hour, count in row.items() if count} for title, row in found.iterrows()}
    assert list(hours) == ["Lion", "Rhino"]
    assert hours == {"Lion": {0: 1, 2: 1, 8: 1, 9: 1, 14: 1}, "Rhino": {0: 2, 8: 1, 12: 1}}
    assert found.columns.tolist() == list(range(24))


def test_accumulation_is_as_found_and_as_to_be_expected(surveyed: Ledger) -> None:
    """Two species, each found on 4 of 33 camera-days: ten at A, eleven at B, six at C, five at D and E's one."""
    with surveyed.read() as session:
        found = frames.accumulation(session, *PERIOD)
    assert found.index.tolist() == list(range(1, 34))
    assert found["observed"].tolist() == [0] + 32 * [2]
    expected = [2 * (1 - math.comb(29, drawn) / math.comb(33, drawn)) for drawn in range(1, 34)]
    assert found["expected"].tolist() == pytest.approx(expected)


def test_bursts_are_media_of_one_camera_in_a_row(either_ledger: Ledger) -> None:
    """Whatever is in them, a minute apart at most; copies are not counted, nor what goes on since before."""
    with filling(either_ledger) as world:
        model, one, other = world.model(), world.station("One"), world.station("Other")
        world.picture(one, model, at=camera_time(0, "00:00:00"))
        world.picture(one, model, at=camera_time(0, "00:00:59"))
        for time in ("06:00:00", "06:00:30", "06:01:30", "06:02:31"):
            world.picture(one, model, "rhino" if time == "06:00:30" else "lion", at=camera_time(0, time))
        world.picture(one, model, at=camera_time(0, "06:02:00"), decision=Decision.OTHER, background="blank")
        copied = world.picture(one, model, at=camera_time(0, "06:03:00"))
        original = world.picture(other, model, at=camera_time(0, "06:02:00"))
        world.link(copied, original, LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
    with either_ledger.read() as session:
        found = frames.bursts(session, *PERIOD)
        shorter = frames.bursts(session, *PERIOD, gap=timedelta(seconds=29))
    columns = ["station", "start", "end", "media"]
    assert found[columns].to_numpy().tolist() == [
        ["One", clock(0, 6), clock(0, 6, 2, 31), 5],
        ["Other", clock(0, 6, 2), clock(0, 6, 2), 1],
    ]
    assert len(shorter) == 7  # six at One, since its first minute is two now


def test_a_picture_of_two_animals_is_one_of_a_burst(either_ledger: Ledger) -> None:
    """And one of each animal's event."""
    with filling(either_ledger) as world:
        model, station = world.model(), world.station("One")
        world.animals(world.picture(station, model, at=camera_time(0, "06:00:00")), model, "lion", "rhino")
        world.picture(station, model, "lion", at=camera_time(0, "06:00:10"))
    with either_ledger.read() as session:
        assert frames.bursts(session, *PERIOD)["media"].tolist() == [2]
        found = frames.events(session, *PERIOD)
    assert found[["label", "media"]].to_numpy().tolist() == [["lion", 2], ["rhino", 1]]


def test_local_times_are_those_of_the_station_s_clock(either_ledger: Ledger) -> None:
    """In Oslo it is two hours later than in UTC when summer time holds."""
    with filling(either_ledger) as world:
        deployment = world.station("Fjell", "NO", timezone="Europe/Oslo")
        world.picture(deployment, world.model(), "arctic_fox", at=camera_time(2, "13:30:00"))
    with either_ledger.read() as session:
        (event,) = frames.events(session, *PERIOD).to_dict("records")
    assert (event["start"], event["start_local"]) == (clock(2, 11, 30), pd.Timestamp("2026-04-03 13:30"))
    assert (event["label"], event["title"], event["category"]) == ("arctic_fox", "Arctic fox", "LC")


def test_an_empty_period_has_the_same_columns(surveyed: Ledger) -> None:
    """What is done with a frame works without rows as well."""
    with surveyed.read() as session:
        for of in (frames.bursts, frames.events, frames.effort):
            full, empty = of(session, *PERIOD), of(session, day(-9), day(-2))
            assert len(empty) == 0
            assert empty.dtypes.to_dict() == full.dtypes.to_dict()
        assert frames.rai(session, day(-9), day(-2)).empty
        assert frames.activity(session, day(-9), day(-2)).empty
        assert frames.accumulation(session, day(-9), day(-2)).empty
        assert frames.detection_history(session, "Lion", day(-9), day(-2)).shape == (0, 1)


@pytest.mark.parametrize("begin", [END, BEGIN])
def test_every_frame_of_an_empty_ledger_is_an_empty_frame(either_ledger: Ledger, begin: datetime) -> None:
    """Its whole period is no time at all."""
    with either_ledger.read() as session:
        assert frames.whole_period(session, END) == (END, END)
        found = {of.__name__: of(session, begin, END) for of in EVERY}
        found["detection_history"] = frames.detection_history(session, "Lion", begin, END)
    assert {len(frame) for frame in found.values()} == {0}
    occasions = [day(number) for number in (0, 7, 14) if begin == BEGIN]
    for name in ("occasion_effort", "detection_history"):
        assert found[name].columns.tolist() == occasions
        assert found[name].columns.dtype == "datetime64[us, UTC]"
    assert found["accumulation"].columns.tolist() == ["observed", "expected"]
    assert found["activity"].columns.tolist() == list(range(24))


def test_the_whole_period_begins_with_the_first_deployment_in_use(either_ledger: Ledger) -> None:
    """One that stands in the table alone would begin it with a slip, or with another inbox's history."""
    with filling(either_ledger) as world:
        world.station("Ridge", start=day(-900))
        world.picture(world.station("River", start=day(1)), None, at=camera_time(2))
    with either_ledger.read() as session:
        assert frames.whole_period(session, END) == (day(1) - timedelta.resolution, END)


@pytest.fixture(scope="module")
def lasting_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")
    yield opened
    opened.close()


years = iter(range(1000))
rows = st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(["lion", "rhino"]), st.integers(0, 300)), max_size=12)


@given(rows=rows, minutes=st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_bursts_and_events_part_the_pictures(
    lasting_ledger: Ledger, rows: list[tuple[str, str, int]], minutes: int
) -> None:
    """Whatever the gap, each picture is in one of them, and they are those that pandas makes."""
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=10 * next(years))
    with filling(lasting_ledger) as world:
        model = world.model(f"{begin:%Y-%m-%d}")
        cameras = {camera: world.station(f"{camera} {begin:%Y-%m-%d}") for camera in "AB"}
        for camera, label, minute in rows:
            world.picture(cameras[camera], model, label, at=(begin + timedelta(minutes=minute)).replace(tzinfo=None))
    pictures = pd.DataFrame(rows, columns=["camera", "label", "minute"]).sort_values("minute")
    pictures["deployment_id"] = pictures["camera"].map(cameras)
    period, gap = (begin - timedelta(hours=1), begin + timedelta(days=1)), timedelta(minutes=minutes)
    with lasting_ledger.read() as session:
        bursts, events = frames.bursts(session, *period, gap=gap), frames.events(session, *period, gap=gap)
    for found, apart in ((bursts, ["deployment_id"]), (events, ["deployment_id", "label"])):
        spans = ((found[column] - begin) // timedelta(minutes=1) for column in ("start", "end"))
        ours = zip(*(found[column] for column in apart), *spans, found["media"], strict=True)
        assert sorted(ours) == sorted(parted(pictures, apart, minutes))


def parted(pictures: pd.DataFrame, apart: list[str], minutes: int) -> list[tuple[object, ...]]:
    """Part the pictures of each kind where a pause is longer: kind, first and last minute, how many."""
    parts = []
    for kind, of in pictures.groupby(apart):
        number = (of["minute"].diff() > minutes).cumsum()
        parts += [(*kind, *part) for part in of["minute"].groupby(number).agg(["min", "max", "size"]).to_numpy()]
    return parts


def clock(number: float, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return day(number) + timedelta(hours=hour, minutes=minute, seconds=second)


def table(frame: pd.DataFrame) -> dict[str, list[float | None]]:
    """Give the rows by name, rounded."""
    return {
        str(name): [MISSING if pd.isna(value) else round(value, 4) for value in row] for name, row in frame.iterrows()
    }
