"""trapline summary: species by station, in a table that fits and in a CSV."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from blank_ledger import new_ledger
from report_world import filling
from typer import Context, Typer
from typer.testing import CliRunner

from db.types import Decision
from watcher.summary import summary

BEGIN = datetime(2026, 4, 1, tzinfo=UTC)


def at(day):
    return (BEGIN + timedelta(days=day)).replace(tzinfo=None)


@pytest.fixture
def ledger(tmp_path):
    opened = new_ledger(tmp_path / "trapline.db")
    yield opened
    opened.close()


@pytest.fixture
def run(tmp_path):
    """Run the command on the ledger in a terminal of so many columns, and give what it prints."""
    app = Typer()

    @app.callback()
    def configure(context: Context) -> None:
        context.obj = None

    app.command("summary")(summary)

    def summarised(*options, columns=80, code=0):
        variables = {"TRAPLINE_DATA_DIR": str(tmp_path), "COLUMNS": str(columns)}
        done = CliRunner().invoke(app, ["summary", *options], env=variables, catch_exceptions=False)
        assert done.exit_code == code
        return done.stdout or done.stderr

    return summarised


def cells(printed):
    """Give the words of each line that has any."""
    return [line.split() for line in printed.splitlines() if line.strip(" ─")]


def two_stations(world):
    """Ridge runs for ten days and sees lions three times and rhinos once; Ford runs for four and sees nothing."""
    model = world.model()
    ridge = world.station("Ridge", start=BEGIN, end=BEGIN + timedelta(days=10))
    ford = world.station("Ford [red]", start=BEGIN + timedelta(days=2), end=BEGIN + timedelta(days=6))
    for day in (1, 1.01, 4, 9):
        world.picture(ridge, model, at=at(day))
    world.picture(ridge, model, "rhino", at=at(5))
    world.picture(ford, model, at=at(4), decision=Decision.OTHER, background="blank")


def test_species_have_their_totals_and_stations_a_column_for_each(ledger, run):
    """Events, RAI and how many stations saw it; below, the stations with their effort, species by number."""
    with filling(ledger) as world:
        two_stations(world)
    assert cells(run("--until", "2026-04-20"))[1:] == [
        ["species", "category", "events", "RAI", "stations"],
        ["1", "Rhino", "NT–CR", "1", "7.14", "1"],
        ["2", "Lion", "VU", "3", "21.43", "1"],
        ["all", "4", "28.57", "2"],
        ["station", "camera-days", "events", "1", "2"],
        ["Ford", "[red]", "4.0", "0", "·", "·"],
        ["Ridge", "10.0", "4", "1", "3"],
        ["all", "14.0", "4", "1", "3"],
    ]


def test_a_period_may_be_asked_for(ledger, run):
    """By the time at which pictures were taken, on the clock of the report's time zone."""
    with filling(ledger) as world:
        two_stations(world)
    printed = run("--since", "2026-04-05T12:00:00", "--until", "2026-04-08")
    assert printed.startswith("Taken from 2026-04-05 12:00 to 2026-04-08 00:00: 4.0 camera-days")
    assert ["1", "Rhino", "NT–CR", "1", "25.00", "1"] in cells(printed)
    assert "Lion" not in printed


def test_a_csv_has_a_row_for_each_station_and_species(ledger, run):
    """Zeros as well; what a spreadsheet would run is a text."""
    with filling(ledger) as world:
        two_stations(world)
        sums = world.station("=SUM(A1)", start=BEGIN)
        world.picture(sums, world.model("m2"), at=None, time_status="missing", received=BEGIN + timedelta(days=1))
    rows = list(csv.reader(io.StringIO(run("--csv", "--until", "2026-04-20"))))
    assert rows == [
        ["station", "camera_days", "species", "category", "events", "rai"],
        ["'=SUM(A1)", "0.00", "Rhino", "NT–CR", "0", ""],
        ["'=SUM(A1)", "0.00", "Lion", "VU", "0", ""],
        ["Ford [red]", "4.00", "Rhino", "NT–CR", "0", "0.00"],
        ["Ford [red]", "4.00", "Lion", "VU", "0", "0.00"],
        ["Ridge", "10.00", "Rhino", "NT–CR", "1", "10.00"],
        ["Ridge", "10.00", "Lion", "VU", "3", "30.00"],
    ]


@pytest.mark.usefixtures("ledger")
def test_a_period_that_ends_before_it_begins_is_refused(run):
    """The message names both times."""
    said = run("--since", "2026-04-08", "--until", "2026-04-05", columns=200, code=2)
    assert "begin at 2026-04-08 00:00:00+00:00 and end before that, at 2026-04-05 00:00:00+00:00" in said


@pytest.mark.parametrize("columns", [60, 80, 132])
def test_many_stations_and_species_stay_readable(ledger, run, columns):
    """No line is longer than the terminal, no name and no number is broken, and each species has its column once."""
    labels = ("lion", "rhino", "cheetah", "chimpanzee", "african_elephant", "amur_leopard", "panther")
    with filling(ledger) as world:
        model = world.model()
        for number in range(30):
            station = world.station(f"Ridge-{number:02}", country=None, start=BEGIN, end=BEGIN + timedelta(days=9))
            for label in labels:
                world.picture(station, model, label, at=at(number % 7 + 1))
    lines = run("--until", "2026-04-20", columns=columns).splitlines()
    assert max(map(len, lines)) <= columns
    rows = [line.split() for line in lines if line.strip().startswith("Ridge")]
    assert {row[0] for row in rows} == {f"Ridge-{number:02}" for number in range(30)}
    headings = [line.split()[3:] for line in lines if line.split()[:1] == ["station"]]
    assert [number for heading in headings for number in heading] == [str(n + 1) for n in range(len(labels))]
    assert {len(row) for row in rows} == {3 + len(heading) for heading in headings}


@pytest.mark.usefixtures("ledger")
def test_a_ledger_without_any_answer_is_no_error(run):
    """It says that there is nothing."""
    assert "Nothing was seen" in run()
    assert cells(run("--csv")) == [["station,camera_days,species,category,events,rai"]]
