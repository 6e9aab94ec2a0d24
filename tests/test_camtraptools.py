"""One season of twelve cameras with all their faults, seen by Trapline and by CamTrapTools: where the two agree.

CamTrapTools (https://github.com/ivanposavecwildlife/CamTrapTools) is by other people. It knows days and no time zones,
so that here it is given all times in UTC, but for what it finds faulty: that goes by the clock on the camera.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

import pandas as pd
import pytest
from camtraptools import check, ecology, richness
from camtraptools.events import assign_events
from season import DAY, Season, season
from season_places import FAULTS, PLACES, Fate
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.engine import open_ledger
from db.models import Deployment, Media, Observation, Sighting
from db.queries import frames
from db.queries.cameras.found import Fault
from db.queries.cameras.health import camera_findings
from db.queries.rhythm import silent
from db.types import Decision, State

WEEK = 7
SILENCE = WEEK * DAY
SPAN = {"start": ("timestamp", "min"), "end": ("timestamp", "max")}
# What a finding of CamTrapTools is about, by words in it.
FINDINGS = {
    "dated before": "reset",
    "clock went back": "backwards",
    "no images": "silent",
    "more than": "busy",
    "at night": "no night",
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Season, Session]]:
    folder = tmp_path_factory.mktemp("season")
    ledger = open_ledger(folder / "ledger.db")
    of = season(ledger, folder, media=8000, all_faults=True)
    with ledger.read() as session:
        yield of, session
    ledger.close()


@pytest.fixture(scope="module")
def session(played: tuple[Season, Session]) -> Session:
    return played[1]


@pytest.fixture(scope="module")
def period(played: tuple[Season, Session]) -> tuple[pd.Timestamp, pd.Timestamp]:
    """From a midnight before anything was recorded to the season's end, whole weeks before the first camera ran."""
    begin = pd.Timestamp(played[0].begin).floor("D") - 3 * DAY
    return begin, pd.Timestamp(played[0].end)


@pytest.fixture(scope="module")
def media(session: Session) -> pd.DataFrame:
    """The pictures that Trapline counts, as CamTrapTools wants them."""
    columns = {
        "mediaID": Media.id,
        "deploymentID": Observation.deployment_id,
        "timestamp": Observation.captured_at,
        "cameraTime": Media.camera_time,
        "timeSource": Observation.time_source,
        "filePath": Sighting.path_text,
        "title": Observation.title,
        "decision": Observation.decision,
    }
    rows = session.execute(
        select(*columns.values())
        .join_from(Observation, Media)
        .join(Sighting, (Sighting.media_id == Media.id) & (Sighting.state == State.TAKEN))
        .where(Observation.counted)
        .order_by(Sighting.id)
    ).all()
    read = pd.DataFrame([tuple(row) for row in rows], columns=list(columns)).drop_duplicates("mediaID")
    read["timestamp"] = read["timestamp"].dt.tz_localize(None)
    return read.assign(deploymentID=read["deploymentID"].astype(str), fileName=read["filePath"])


@pytest.fixture(scope="module")
def answered(media: pd.DataFrame) -> pd.DataFrame:
    return media[media["decision"] == Decision.ANSWERED]


@pytest.fixture(scope="module")
def events(session: Session, period: tuple[pd.Timestamp, pd.Timestamp]) -> pd.DataFrame:
    """Trapline's events, with the names that CamTrapTools gives to their columns."""
    found = frames.events(session, *period)
    day = found["start"].dt.date
    return found.assign(site=found["station"], day=day, scientificName=found["title"], eventID=found.index)


@pytest.fixture(scope="module")
def spans(session: Session, period: tuple[pd.Timestamp, pd.Timestamp]) -> pd.DataFrame:
    """The time that a deployment has, without the pauses of more than a week that CamTrapTools finds in it."""
    rows = []
    for row in frames.effort(session, *period).itertuples():
        recorded = session.get_one(Deployment, row.deployment_id).start
        at = select(Observation.captured_at).where(
            Observation.deployment_id == row.deployment_id, Observation.time_source == "exif"
        )
        signs = pd.DataFrame({"timestamp": pd.to_datetime(list(session.scalars(at)), utc=True)})
        gaps = check.find_gaps(signs, pd.Timestamp(recorded or row.first), row.last, WEEK)
        borders = [row.first, *(max(time, row.first) for a, b, _ in gaps for time in (a, b)), row.last]
        rows += [
            {"station": row.station, "camera": str(row.deployment_id), "deploymentStart": a, "deploymentEnd": b}
            for a, b in zip(borders[::2], borders[1::2], strict=True)
            if a < b
        ]
    found = pd.DataFrame(rows)
    return found.assign(deploymentID=[f"span {number}" for number in range(len(found))])


def test_events_of_a_species_are_the_same(answered: pd.DataFrame, events: pd.DataFrame) -> None:
    """Given one species at a time, it finds each event with its first and last picture and how many there are."""
    found = []
    for title, pictures in answered.groupby("title"):
        grouped = pictures.groupby(assign_events(pictures))
        each = grouped.agg(deployment=("deploymentID", "first"), **SPAN, media=("mediaID", "size"))
        found += [(title, *row) for row in each.itertuples(index=False)]
    ours = events.assign(
        deployment=events["deployment_id"].astype(str),
        start=events["start"].dt.tz_localize(None),
        end=events["end"].dt.tz_localize(None),
    )[["title", "deployment", "start", "end", "media"]]
    assert len(found) > 300
    assert sorted(found) == sorted(ours.itertuples(index=False, name=None))


def test_events_of_all_species_together_are_fewer(answered: pd.DataFrame, events: pd.DataFrame) -> None:
    """By itself it parts visits and not species.

    So a lion that comes while a rhino is there makes no event of its own, and its event is the rhino's. Each event of
    Trapline's lies whole within one of those.
    """
    grouped = answered.groupby(assign_events(answered))
    theirs = grouped.agg(deployment=("deploymentID", "first"), **SPAN)
    assert len(theirs) < len(events)
    for event in events.itertuples():
        start, end = (time.tz_localize(None) for time in (event.start, event.end))
        here = theirs[theirs["deployment"] == str(event.deployment_id)]
        assert ((here["start"] <= start) & (end <= here["end"])).sum() == 1


def test_effort_is_the_span_without_the_gaps_that_it_finds(
    session: Session, period: tuple[pd.Timestamp, pd.Timestamp], spans: pd.DataFrame
) -> None:
    """Its pauses of more than a week are Trapline's silences, for which no effort is counted."""
    ours = frames.effort(session, *period).set_index("deployment_id")
    days = (spans["deploymentEnd"] - spans["deploymentStart"]) / DAY
    theirs = days.groupby(spans["camera"].astype(int)).sum()
    assert ours["gaps"].sum() >= 2
    assert theirs.to_dict() == pytest.approx(ours["days"].to_dict())


def test_its_own_effort_counts_days_on_the_calendar(spans: pd.DataFrame) -> None:
    """By itself it counts the first and the last day of a span whole, however little of it a camera ran.

    And it counts silences, which it reports beside. Given the spans without those, it finds more than Trapline by what
    these days lack.
    """
    theirs = ecology.effort_matrix(spans, WEEK).sum(axis=1)
    start, end = spans["deploymentStart"], spans["deploymentEnd"]
    lacking = (start - start.dt.floor("D")) + (end.dt.floor("D") + DAY - end)
    ours = ((end - start + lacking) / DAY).set_axis(spans["deploymentID"])
    assert theirs.to_dict() == pytest.approx(ours.to_dict())


@pytest.mark.parametrize("title", ["Lion", "African elephant", "Leopard", "Rhino", "Cheetah"])
def test_detection_histories_and_naive_occupancy_are_the_same(
    session: Session, period: tuple[pd.Timestamp, pd.Timestamp], spans: pd.DataFrame, events: pd.DataFrame, title: str
) -> None:
    """Station by station and week by week: seen, not seen, no camera ran."""
    ours = frames.detection_history(session, title, *period)
    effort = ecology.effort_matrix(spans.assign(locationID=spans["station"]), WEEK)
    of_title = events[events["title"] == title]
    theirs = ecology.detection_history(of_title, effort, WEEK)
    assert len(of_title) > 0
    assert [f"{start:%Y-%m-%d}" for start in ours.columns] == theirs.columns.tolist()
    assert ours.index.tolist() == theirs.index.tolist()
    assert ours.to_numpy() == pytest.approx(theirs.astype("float64").to_numpy(), nan_ok=True)
    occupied, surveyed = (ours == 1).any(axis=1).sum(), ours.notna().any(axis=1).sum()
    summary = ecology.summarize({title: theirs}, events).loc[title]
    assert (summary["sitesDetected"], summary["sitesSurveyed"]) == (occupied, surveyed)
    assert summary["naiveOccupancy"] == round(occupied / surveyed, 2)


def test_rai_is_the_same_for_the_same_effort(
    session: Session, period: tuple[pd.Timestamp, pd.Timestamp], events: pd.DataFrame
) -> None:
    """Given Trapline's camera-days in place of days on the calendar."""
    ours = frames.rai(session, *period)
    effort = frames.occasion_effort(session, *period)
    theirs = ecology.relative_abundance(events, effort, list(ours.columns)).drop("all sites")
    assert ours.columns.tolist() == theirs.columns.tolist()
    assert ours.index.tolist() == theirs.index.tolist()
    assert ours.to_numpy() == pytest.approx(theirs.to_numpy(), abs=0.005001, nan_ok=True)  # it rounds


def test_accumulation_is_the_same(
    session: Session, period: tuple[pd.Timestamp, pd.Timestamp], spans: pd.DataFrame, events: pd.DataFrame
) -> None:
    """The same rarefaction of the same camera-days.

    Trapline has those besides on which only a camera without a clock saw something: nobody knows when it ran.
    """
    ours = frames.accumulation(session, *period)
    seen = events.assign(site=events["deployment_id"].astype(str))
    counts = richness.incidence(seen)
    theirs = [richness.expected_species(counts, len(ours), drawn) for drawn in ours.index]
    assert ours["expected"].tolist() == pytest.approx(theirs)
    active = ecology.active_days(spans.assign(locationID=spans["camera"]))
    days = {(camera, day) for camera, of in active.items() for day in of}
    without_clock = set(zip(seen["site"], seen["day"], strict=True)) - days
    assert len(ours) == len(days) + len(without_clock)


def test_the_same_cameras_are_faulty(played: tuple[Season, Session], session: Session, media: pd.DataFrame) -> None:
    """Both find those whose fate shows in times and numbers of pictures, and find nothing wrong with the sound ones.

    CamTrapTools knows no sun, so that a clock twelve hours behind seems right to it; a clock that was reset shows to it
    also as a leap backwards, as a busy day and as a silence up to the pickup, which Trapline says of none whose clock
    is not to be trusted. To Trapline a camera that sends each night is silent as soon as it is so for longer than its
    own rhythm explains, by the arrival of files. A broken flash is to CamTrapTools that nothing was taken from 18:00 to
    6:00 on the clock, and to Trapline that no picture is lit when the sun is down.

    CamTrapTools is given counted pictures only: a copy that was made later would look to it like a clock that ran
    backwards.
    """
    begin, end = played[0].begin, played[0].end
    ours = _by_station((found.station, found.fault) for found in camera_findings(session, begin, end, SILENCE))
    quiet = {each.station for each in silent(session, end)}
    theirs = _by_station(_issues(session, media, begin, end))
    fates = {FAULTS.get(place.station, place.fate): place.station for place in PLACES}
    assert ours == {
        fates[Fate.PAUSES]: {Fault.GAP},
        fates[Fate.WRONG_CLOCK]: {Fault.CLOCK_RESET},
        fates[Fate.GRASS]: {Fault.VEGETATION},
        fates[Fate.NO_FLASH]: {Fault.FLASH},
        fates[Fate.HALF_A_DAY]: {Fault.CLOCK_SUN},
    }
    assert quiet == {fates[Fate.DIES]}
    assert theirs == {
        fates[Fate.PAUSES]: {"silent"},
        fates[Fate.WRONG_CLOCK]: {"reset", "backwards", "busy", "silent"},
        fates[Fate.GRASS]: {"busy"},
        fates[Fate.NO_FLASH]: {"no night"},
        fates[Fate.DIES]: {"silent"},
    }
    assert ours.keys() | quiet == theirs.keys() | {fates[Fate.HALF_A_DAY]}


def _issues(session: Session, media: pd.DataFrame, begin: datetime, end: datetime) -> Iterator[tuple[str, str]]:
    """Let CamTrapTools check each deployment by its camera's clock; give (station, kind of issue)."""
    for deployment in session.scalars(select(Deployment)):
        of = media[media["deploymentID"] == str(deployment.id)].assign(timestamp=lambda rows: rows["cameraTime"])
        first, last = max(deployment.start or begin, begin), min(deployment.end or end, end)
        said = check.check_deployment(of, *(pd.Timestamp(time).tz_localize(None) for time in (first, last)), WEEK)
        yield from ((deployment.station, kind) for issue in said for words, kind in FINDINGS.items() if words in issue)


def _by_station(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for station, kind in pairs:
        found[station].add(kind)
    return dict(found)
