"""The generated season that reports are tried on is one that the product could have written."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from season import END, REDLIST, season
from season_shots import CLASSES, CONFIDENCE, FAR
from sqlalchemy import func, select, text

from db import doubt
from db.engine import open_ledger
from db.models import Deployment, Link, Media, Observation, Prediction, Report, Review, Sighting
from db.observe import disagreeing
from db.queries.rhythm import silent
from db.types import Decision, State
from ml.decision import Thresholds, decide

MEDIA, NIGHTS = 4000, 60
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("season")


@pytest.fixture(scope="module")
def ledger(folder):
    opened = open_ledger(folder / "ledger.db")
    season(opened, folder, media=MEDIA, nights=NIGHTS)
    yield opened
    opened.close()


@pytest.fixture
def session(ledger):
    with ledger.read() as opened:
        yield opened


def arrivals(session, station):
    """Give the days on which pictures of a station came in."""
    rows = select(Sighting.seen_at).where(Sighting.station == station, Sighting.state == State.TAKEN)
    return sorted({at.date() for at in session.scalars(rows)})


def test_it_has_so_many_media_and_all_references_hold(session):
    """Whatever the nights and stations, as many pictures are there as were asked for, each with its answer."""
    assert session.scalar(select(func.count()).select_from(Media)) == MEDIA
    assert session.scalar(select(func.count()).where(Media.answered_by.is_(None))) == 0
    assert session.execute(text("PRAGMA foreign_key_check")).all() == []


def test_observations_are_those_that_follow_from_the_facts(session):
    """What was written in bulk is what the product derives."""
    assert disagreeing(session, session.scalars(select(Media.id).limit(2000).offset(1000)), REDLIST) == []


def test_predictions_say_what_the_model_would_decide(session):
    """Probabilities sum to 1, and decision, label, margin and disagreement follow from them."""
    thresholds = Thresholds(confidence=CONFIDENCE, distance=FAR)
    for said in session.scalars(select(Prediction).limit(500)):
        row = {"stacked": said.stacked, "probabilities": said.probabilities}
        for voice in (said.stacked, *said.probabilities.values()):
            assert sum(voice) == pytest.approx(1)
        verdict = decide(np.array(said.stacked), CLASSES, distance=said.distance, thresholds=thresholds)
        assert (said.decision, said.label, said.background) == (verdict.decision, verdict.label, verdict.background)
        assert said.probability == pytest.approx(verdict.probability)
        assert (said.margin, said.disagreement) == pytest.approx((doubt.margin(row), doubt.disagreement(row)))


def test_nothing_comes_in_before_it_was_taken_or_is_answered_before_it_came(session):
    """A picture is taken, received and answered in this order, and reviewed after its report."""
    times = select(Observation.captured_at, Media.received_at, Prediction.predicted_at).join_from(Observation, Media)
    for taken, received, answered in session.execute(times.join(Prediction, Media.answered_by == Prediction.id)):
        assert END - NIGHTS * DAY - DAY < taken < received < answered <= END
    reviewed = select(Review.at, Prediction.predicted_at).join(Prediction, Review.media_id == Prediction.media_id)
    assert all(answered < said <= END for said, answered in session.execute(reviewed))


def test_cameras_have_their_fates(session):
    """One dies, one pauses, two send cards, one loses its clock and one is swapped."""
    begin = END - NIGHTS * DAY
    assert arrivals(session, "Kunene-04")[-1] <= (begin + 40 * DAY).date()
    assert max(later - earlier for earlier, later in pairwise(arrivals(session, "Serengeti-14"))) > 12 * DAY
    assert len(arrivals(session, "Kaziranga-02")) == len(arrivals(session, "Kibale-05")) == NIGHTS // 14
    clocks = select(Media.time_status).where(Media.serial == "Mondulkiri-06").order_by(Media.id)
    assert {*session.scalars(clocks)} == {"ok", "implausible"}
    assert session.scalar(select(func.count()).where(Deployment.station == "Mara-07")) == 2
    assert [each.station for each in silent(session, END)] == ["Kunene-04"]


def test_it_has_all_that_a_report_tells_apart(session):
    """Every decision, copies of both kinds, rejected files, people, reviews, and a report a night but the last."""
    assert {*session.scalars(select(Observation.decision))} == set(Decision)
    assert len({*session.scalars(select(Link.kind))}) == 2
    assert session.scalar(select(func.count()).where(Sighting.state == State.REJECTED)) > 0
    assert session.scalar(select(func.count()).where(Prediction.background == "person")) > 0
    assert session.scalar(select(func.count()).select_from(Review)) > 0
    ends = session.scalars(select(Report.until).order_by(Report.until)).all()
    assert ends == [END - night * DAY for night in range(NIGHTS - 1, 0, -1)]


def test_what_it_names_is_there_to_be_shown(session, folder):
    """Kept pictures and Grad-CAMs are files below the data folder."""
    kept, heats = (session.scalars(select(column).distinct()) for column in (Media.kept, Prediction.gradcam))
    assert [name for name in [*kept, *heats] if not (folder / name).is_file()] == []


def test_the_same_seed_gives_the_same_season(tmp_path):
    """What was found on one machine can be looked at on another."""
    contents = []
    for name in ("one", "other"):
        ledger = open_ledger(tmp_path / f"{name}.db")
        season(ledger, tmp_path, stations=14, nights=3, media=200)
        with ledger.read() as session:
            contents.append(
                [
                    session.scalars(select(Media.sha256)).all(),
                    session.scalars(select(Observation.captured_at).order_by(Observation.id)).all(),
                ]
            )
        ledger.close()
    assert contents[0] == contents[1]
