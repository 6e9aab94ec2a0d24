import hashlib
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from camera_world import BEGIN, DAY, DAYS, HOUR, PICKED_UP, fill, slow, taken

from db.queries.cameras.found import Fault
from db.queries.cameras.health import camera_findings, timestamp_issues
from db.queries.cameras.offsets import proposals
from db.queries.cameras.series import ALWAYS
from db.queries.solar import solar_hours, sun_heights, sun_times

SILENCE = timedelta(days=7)


@pytest.fixture
def session(ledger):
    """A ledger with a camera that has no fault, whose card came with all the others."""
    with ledger.write() as opened:
        fill(opened, "Well", taken(seed=1, a_day=4))
        yield opened


def findings(session, since=ALWAYS[0]):
    return camera_findings(session, since, ALWAYS[1], SILENCE)


def faults(session):
    return [(each.station, each.fault) for each in findings(session)]


def the_finding(session):
    """Give the only one there is."""
    (only,) = findings(session)
    return only


def names(finding):
    return [each.path.rpartition("/")[2] for each in finding.pictures]


def test_nothing_is_said_of_a_well_camera(session):
    """A month of pictures by day and night, from one scene, with a clock that is right."""
    assert findings(session) == ()
    assert timestamp_issues(session) == set()


def test_doubts_about_times_take_the_memory_of_one_camera(session):
    """A season of many cameras never lies in memory whole."""
    peaks = []
    for cameras in (1, 6):
        for number in range(cameras):
            fill(session, f"{cameras} {number}", taken(seed=number, a_day=16))
        session.expire_all()
        timestamp_issues(session)  # what is loaded and compiled once
        tracemalloc.start()
        timestamp_issues(session)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


def test_a_clock_that_goes_back_is_found_where_it_jumped(session):
    """File names count on while times go back; the pictures before and after the jump show it."""
    shots = taken()
    fill(session, "Back", [*shots[:100], *slow(shots[100:], 3 * HOUR)])
    finding = the_finding(session)
    assert (finding.fault, names(finding)) == (Fault.CLOCK_JUMPED, ["IMG_0100.JPG", "IMG_0101.JPG"])
    assert finding.numbers["seconds"] < -60
    assert timestamp_issues(session) == {finding.deployment_id}


def test_names_that_do_not_count_say_nothing_of_a_clock(session):
    """Pictures named by chance lie in no order of time."""
    fill(session, "Named", taken(), name=lambda number: f"{hashlib.sha256(bytes([number])).hexdigest()}.jpg")
    assert findings(session) == ()


def test_a_clock_that_starts_anew_is_found(session):
    """A camera whose battery was changed begins at the first of January 2000."""
    shots = taken()
    anew = slow(shots[150:], shots[150].clock - datetime(2000, 1, 1))  # noqa: DTZ001  # a camera's clock has no zone
    fill(session, "Reset", shots[:150])
    fill(session, "Reset", anew[:5], first=151, status="implausible")
    finding = the_finding(session)
    assert (finding.fault, finding.numbers) == (Fault.CLOCK_RESET, {"pictures": 5})


def test_a_jump_of_a_year_is_proposed_to_be_undone(session):
    """From a year back the same day and hour is meant, since it goes on there."""
    shots = taken()
    fill(session, "Year", [*shots[:150], *slow(shots[150:], timedelta(days=365))])
    finding = the_finding(session)
    assert (finding.fault, finding.numbers["offset"]) == (Fault.CLOCK_JUMPED, 365 * 86400)
    (proposal,) = proposals(session, [finding])
    assert (proposal.folder, proposal.actual_time) == ("Year/100RECNX", shots[150].clock)
    assert proposal.actual_time - proposal.camera_time == timedelta(days=365)
    assert abs(proposal.start - shots[150].at) < timedelta(seconds=2)
    assert abs(proposal.end - shots[-1].at) < timedelta(seconds=2)


def test_pictures_from_after_their_arrival_are_found(session):
    """Where whole years bring the last one to a little before it came, they are proposed."""
    fill(session, "Ahead", slow(taken(), -timedelta(days=365)), status="implausible")
    finding = the_finding(session)
    assert (finding.fault, finding.numbers["offset"]) == (Fault.CLOCK_AHEAD, -365 * 86400)
    (proposal,) = proposals(session, [finding])
    assert (proposal.start, proposal.end) == (None, None)


@pytest.mark.parametrize("hours", [12, 7, -5])
def test_a_clock_against_the_sun_is_found_and_set_right(session, hours):
    """Infrared at noon and colour at midnight: one offset alone explains them all."""
    fill(session, "Sun", slow(taken(), hours * HOUR), came=PICKED_UP + 2 * DAY)
    finding = the_finding(session)
    assert (finding.fault, finding.numbers["offset"]) == (Fault.CLOCK_SUN, hours * 3600)
    assert len(finding.pictures) == 3
    (proposal,) = proposals(session, [finding])
    assert proposal.actual_time - proposal.camera_time == hours * HOUR
    assert timestamp_issues(session) == {finding.deployment_id}


def test_an_offset_that_stations_csv_knows_is_no_finding(session):
    """What is set right already is right."""
    fill(session, "Known", slow(taken(), 12 * HOUR), clock_offset=12 * 3600)
    assert findings(session) == ()


@pytest.mark.parametrize("only_by_night", [True, False])
def test_a_white_flash_is_no_wrong_clock(session, only_by_night):
    """Its pictures at night are bright and have colours."""
    shots = [replace(shot, night=False) for shot in taken(a_day=16) if shot.night or not only_by_night]
    fill(session, "White", shots)
    assert findings(session) == ()


def test_without_coordinates_nothing_is_said_of_the_sun(session):
    """Nobody knows where it stood."""
    fill(session, "Nowhere", slow(taken(), 12 * HOUR), came=PICKED_UP + DAY, latitude=None, longitude=None)
    assert findings(session) == ()


def test_silence_up_to_the_pickup_is_found(session):
    """The other cards of the round were written on; its last picture is from twelve days before."""
    fill(session, "Dead", [shot for shot in taken() if shot.at < BEGIN + (DAYS - 12) * DAY])
    finding = the_finding(session)
    assert finding.fault is Fault.SILENT
    assert finding.numbers["days"] == pytest.approx(12, abs=0.5)


def test_cards_that_were_copied_late_are_no_silence(session):
    """When all cards lie in a drawer for a month, no camera was silent."""
    for station in ("One", "Other"):
        fill(session, station, taken(seed=2), came=PICKED_UP + 30 * DAY)
    assert findings(session) == ()


def test_a_long_gap_is_found(session):
    """Ten days without a picture, between two that show when."""
    shots = [shot for shot in taken() if not 10 <= (shot.at - BEGIN) / DAY < 20]
    fill(session, "Gap", shots)
    finding = the_finding(session)
    assert (finding.fault, len(finding.pictures)) == (Fault.GAP, 2)
    assert finding.numbers["days"] == pytest.approx(10, abs=0.5)


def test_a_knocked_camera_is_found_where_its_scene_changed(session):
    """From one picture on it looks elsewhere, and it stays so."""
    shots = taken()
    fill(session, "Knocked", [*shots[:160], *(replace(shot, scene=1) for shot in shots[160:])])
    finding = the_finding(session)
    assert finding.fault is Fault.MOVED
    days = [number for number, shot in enumerate(shots, 1) if not shot.night]
    first = min(number for number in days if number > 160)
    assert names(finding)[:2] == [f"IMG_{max(n for n in days if n < first):04}.JPG", f"IMG_{first:04}.JPG"]


def test_another_scene_for_an_hour_is_no_knock(session):
    """Somebody stood before the camera."""
    shots = taken()
    fill(session, "Visit", [*shots[:100], *(replace(shot, scene=1) for shot in shots[100:112]), *shots[112:]])
    assert findings(session) == ()


def test_waving_grass_is_found(session):
    """Hundreds of empty pictures, all day long."""
    fill(session, "Grass", taken(days=2, a_day=400), came=BEGIN + 2 * DAY)
    finding = the_finding(session)
    assert finding.fault is Fault.VEGETATION
    assert finding.numbers["pictures"] >= 300


def test_a_herd_is_no_grass(session):
    """Hundreds of pictures with animals are what cameras are for."""
    herd = [replace(shot, empty=False) for shot in taken(days=2, a_day=400)]
    fill(session, "Herd", herd, came=BEGIN + 2 * DAY)
    assert findings(session) == ()


@pytest.mark.parametrize("black", [True, False])
def test_a_broken_flash_is_found(session, black):
    """No picture of many is lit at night: they are black, or there are none."""
    shots = [replace(shot, night=False, brightness=0.01) if shot.night else shot for shot in taken()]
    fill(session, "Flash", shots if black else [shot for shot in shots if shot.brightness > 0.1])
    finding = the_finding(session)
    assert finding.fault is Fault.FLASH
    assert finding.numbers["pictures"] >= 50


def test_pictures_from_before_light_was_measured_say_nothing_of_it(session):
    """A ledger from an older version has no brightness."""
    fill(session, "Old", [replace(shot, brightness=None, night=None) for shot in taken()])
    assert findings(session) == ()


def test_only_what_came_in_the_period_is_judged(session):
    """A fault that was known before is not told again."""
    fill(session, "Gap", [shot for shot in taken() if not 10 <= (shot.at - BEGIN) / DAY < 20])
    assert findings(session, since=PICKED_UP) == ()


def test_either_database_gives_the_same_findings(either_ledger):
    """The columns are read alike, and so are names and folders."""
    shots = taken()
    with either_ledger.write() as session:
        fill(session, "Dark", [replace(shot, night=False, brightness=0.01) if shot.night else shot for shot in shots])
        fill(session, "Year", [*shots[:150], *slow(shots[150:], timedelta(days=365))])
        known = [(each.station, each.fault, names(each)) for each in findings(session)]
        (proposal,) = proposals(session, findings(session))
    assert known == [
        ("Dark", Fault.FLASH, ["IMG_0001.JPG", "IMG_0121.JPG", "IMG_0240.JPG"]),
        ("Year", Fault.CLOCK_JUMPED, ["IMG_0150.JPG", "IMG_0151.JPG"]),
    ]
    assert proposal.folder == "Year/100RECNX"


@pytest.mark.parametrize("latitude", [-60, -1.5, 0, 35, 52])
def test_the_sun_is_highest_at_noon_and_on_the_horizon_at_sunrise(latitude):
    """Heights agree with the hours that are told elsewhere."""
    day = datetime(2026, 3, 1, tzinfo=UTC)
    seconds = day.timestamp() + np.arange(0, 86400, 60.0)
    heights = sun_heights(seconds, latitude, 37)
    noon = day + timedelta(minutes=int(heights.argmax()))
    assert solar_hours(noon, 37) == pytest.approx(12, abs=0.05)
    up = heights > -0.833
    sunrise, sunset = sun_times(noon, latitude)
    assert up.mean() * 24 == pytest.approx(sunset - sunrise, abs=0.05)
