"""trapline cameras: the faults in a table, rows for stations.csv, and what the report says of them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from blank_ledger import new_ledger
from bursts import burst, shot
from camera_world import BEGIN, DAY, HOUR, PICKED_UP, fill, slow, taken
from report_world import report_of
from rich.console import Console
from sqlalchemy import func, select
from typer import Context, Typer
from typer.testing import CliRunner

from db.models import Media, Observation, Sighting
from watcher.cameras import cameras
from watcher.stations import read_stations
from watcher.targets import TargetError


@pytest.fixture
def ledger(tmp_path):
    (tmp_path / "data").mkdir()
    opened = new_ledger(tmp_path / "data/trapline.db")
    yield opened
    opened.close()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command on the ledger in a terminal of 80 columns, and give what it prints."""
    app = Typer()

    @app.callback()
    def configure(context: Context) -> None:
        context.obj = None

    app.command("cameras")(cameras)
    monkeypatch.setattr("watcher.cameras.out", Console(width=80))

    def told(*options):
        done = CliRunner().invoke(
            app,
            ["cameras", *options],
            env={"TRAPLINE_DATA_DIR": str(tmp_path / "data"), "TRAPLINE_INBOX": str(tmp_path / "inbox")},
            catch_exceptions=False,
        )
        assert done.exit_code == 0
        return " ".join(done.stdout.split())

    return told


def flashless():
    return [replace(shot, night=False, brightness=0.01) if shot.night else shot for shot in taken()]


def test_well_cameras_are_a_line(ledger, run):
    """Where nothing is wrong, that is all there is to say."""
    with ledger.write() as session:
        fill(session, "Well", taken())
    assert run() == "Nothing is wrong with any camera, as far as its pictures say."


def test_each_finding_is_told_with_the_pictures_that_show_it(ledger, run):
    """A table a deployment: what is wrong, from when to when, and up to three files."""
    with ledger.write() as session:
        fill(session, "Dark", flashless(), camera="CAM-7")
    told = run()
    assert told.startswith("Dark, CAM-7")
    for words in ("None of 240", "2026-10-01", "2026-10-31", "IMG_0001.JPG", "IMG_0240.JPG", "Findings: 1"):
        assert words in told


def test_nothing_is_said_of_what_came_before(ledger, run):
    """With --since, only newer pictures are judged."""
    with ledger.write() as session:
        fill(session, "Dark", flashless())
    assert run("--since", f"{PICKED_UP + DAY:%Y-%m-%d}").startswith("Nothing is wrong")


def test_a_proposal_is_a_row_that_stations_csv_takes(ledger, run, tmp_path):
    """A clock twelve hours slow: put there, the row sets it right, and nothing has changed until then."""
    with ledger.write() as session:
        fill(session, "Sun", slow(taken(), 12 * HOUR), came=PICKED_UP + DAY)
        before = session.scalar(select(func.min(Observation.captured_at)))
    run("--propose", str(tmp_path / "stations.csv"))
    stations = read_stations(tmp_path)
    (row,) = stations.listed
    assert stations.faults == ()
    assert (row.folder, row.station, row.clock_offset) == ("Sun/100RECNX", "Sun", 12 * 3600)
    assert (row.latitude, row.timezone, row.start, row.end) == (-1.5, "Africa/Nairobi", None, None)
    assert "Check it" in row.comments
    with ledger.read() as session:
        assert session.scalar(select(func.min(Observation.captured_at))) == before


def test_a_part_of_a_card_gets_a_row_with_its_span(ledger, run, tmp_path):
    """From the picture on which has the year before, to the last one, in times that are right."""
    shots = taken()
    with ledger.write() as session:
        fill(session, "Year", [*shots[:150], *slow(shots[150:], timedelta(days=365))])
    run("--propose", str(tmp_path / "stations.csv"))
    (row,) = read_stations(tmp_path).listed
    assert row.clock_offset == 365 * 86400
    assert abs(row.start - shots[150].at) <= timedelta(seconds=1)
    assert abs(row.end - shots[-1].at) <= timedelta(seconds=1)


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("place", ["rows.csv", "inbox/stations.csv", "data/rows.csv"])
def test_proposals_go_to_a_new_file_of_their_own(run, tmp_path, place):
    """Never over the table that they are for, and not beside the pictures."""
    (tmp_path / "inbox").mkdir()
    (tmp_path / "rows.csv").write_text("mine")
    with pytest.raises(TargetError, match=r"delete it first|place outside of"):
        run("--propose", str(tmp_path / place))
    assert {path.name for path in tmp_path.iterdir()} == {"data", "inbox", "rows.csv"}
    assert (tmp_path / "rows.csv").read_text() == "mine"
    assert list((tmp_path / "inbox").iterdir()) == []


def test_the_report_tells_what_new_pictures_show(ledger, tmp_path):
    """One notice a camera, in the part that needs attention; a later report without new pictures has none."""
    with ledger.write() as session:
        fill(session, "Dark", flashless(), camera="CAM-7")
        fill(session, "Gap", [shot for shot in taken() if not 10 <= (shot.at - BEGIN) / DAY < 20])
        fill(session, "Sun", slow(taken(), 12 * HOUR))
    html = report_of(ledger, tmp_path, since=PICKED_UP - DAY, until=PICKED_UP + DAY).read_text()
    for words in (
        "A camera to look at: <bdi>Dark</bdi>", "None of its 240 pictures is lit at night", "Camera <bdi>CAM-7</bdi>",
        "No picture for 10 days", "trapline cameras --propose", "Dark/100RECNX/IMG_0001.JPG",
    ):  # fmt: skip
        assert words in html
    later = report_of(ledger, tmp_path, since=PICKED_UP + DAY, until=PICKED_UP + 2 * DAY).read_text()
    assert "A camera to look at" not in later


def test_media_know_their_light(ledger, take_all, inbox):
    """It is measured when a file is taken; an infrared flash leaves no colour."""
    for name, night in (("day", False), ("night", True)):
        (inbox / name).mkdir()
        (inbox / name / "1.jpg").write_bytes(shot(burst(3, 1, night=night)[0], at=BEGIN))
    take_all()
    with ledger.read() as session:
        light = select(Sighting.station, Media.infrared, Media.brightness).join(Media, Sighting.media_id == Media.id)
        found = {station: (infrared, brightness) for station, infrared, brightness in session.execute(light)}
    assert found["night"] == (True, pytest.approx(0.25, abs=0.15))
    assert found["day"] == (False, pytest.approx(0.45, abs=0.15))
