"""How a table of deployments fits the folders of the inbox, and who tells it."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console
from sqlalchemy import select

from db.models import Deployment
from ml.artifacts import promote
from watcher.config import Settings
from watcher.health import doctor, lines, status
from watcher.inbox.scan import Folder, walk
from watcher.process import process
from watcher.service import open_service
from watcher.stations import Fit, astray, fit, loose_ends, read_stations


@pytest.fixture
def fitted(inbox):
    """Compare some rows with some folders: ``fitted(folders, rows)``."""

    def compare(folders, rows, excluded=()):
        for name in folders:
            (inbox / name).mkdir(parents=True, exist_ok=True)
        (inbox / "stations.csv").write_text("\n".join(["folder", *rows]) + "\n")
        return fit(Folder(inbox, excluded=excluded), read_stations(inbox))

    return compare


def test_a_row_whose_folder_is_there_is_all_right(fitted):
    """Folders inside of folders too, and the inbox itself."""
    assert fitted(["A", "B/north"], ["A", "B/north"]) == Fit(fitted([], ["A"]).table, 2, {}, [])
    assert fitted([], ["."]).missing == {}


@pytest.mark.parametrize(
    ("folder", "row", "meant"),
    [
        ("camera-B", "camera-b", "camera-B"),
        ("Mara-07", "Mara 7", "Mara-07"),
        ("Ridge/north", "Ridge/nort", "Ridge/north"),
        ("Ridge/north", "Rigde/north", "Ridge/north"),
        ("Mara-07", "Mara-08", ""),
        ("River", "Kibale", ""),
        ("River", "../River", ""),
    ],
)
def test_a_misspelt_folder_is_told_with_what_was_meant(fitted, inbox, folder, row, meant):
    """Another number is another camera, whose folder is still to come."""
    found = fitted([folder], [row])
    assert found.missing == {row: meant}
    told = f"{inbox}/stations.csv: no folder {row!r} in the inbox: did you mean {meant!r}?"
    assert list(astray([found])) == ([told] if meant else [])
    assert (f"no folder in the inbox for {row!r}" in "\n".join(loose_ends([found]))) is not bool(meant)


def test_many_rows_without_a_folder_are_told_in_few_words(fitted):
    """Whose folders have names nearly theirs: of a hundred that is said, and of long names their begin."""
    folders, rows = ([f"{word}-{number}" for number in range(150)] for word in ("camera", "Camera"))
    found = fitted(folders, [*rows, "x" * 50_000])
    assert len(found.missing) == 151
    assert found.missing["Camera-7"] == "camera-7"
    assert len(list(astray([found]))) == 100
    assert sum(map(len, loose_ends([found]))) < 2000


def test_a_folder_that_another_row_names_is_not_what_was_meant(fitted):
    """Cameras have names alike."""
    assert fitted(["camera-A"], ["camera-A", "camera-B"]).missing == {"camera-B": ""}


def test_folders_without_a_row_are_named_where_there_is_a_table(fitted, inbox):
    """Not what cameras and Trapline make, and not where one row is for all."""
    folders = ["A", "B", "100RECNX", "corrections", "reports", ".hidden"]
    assert fitted(folders, ["A"], excluded=[inbox / "reports"]).unlisted == ["B"]
    assert fitted(folders, []).unlisted == []
    assert fitted(folders, ["."]).unlisted == []


def test_of_an_inbox_that_cannot_be_read_nothing_is_said(tmp_path):
    """A share that is away has not lost its folders."""
    (tmp_path / "stations.csv").write_text("folder\nA\n")
    stations = read_stations(tmp_path)
    assert fit(Folder(tmp_path / "away"), stations) == Fit(f"{tmp_path}/stations.csv", 1, {}, [])


def test_a_row_of_a_shared_table_is_missing_when_it_is_in_no_inbox():
    """Two inboxes may have one table, which is configured."""
    fits = [Fit("t.csv", 3, {"B": "", "C": "", "D": "d"}, []), Fit("t.csv", 3, {"A": "", "C": "", "D": ""}, ["X"])]
    assert list(astray(fits)) == ["t.csv: no folder 'D' in the inbox: did you mean 'd'?"]
    assert list(loose_ends(fits)) == ["t.csv: no folder in the inbox for 'C'", "t.csv: no row for 'X'"]


def test_a_configured_table_in_the_inbox_is_no_rejected_file(tmp_path, inbox):
    """It is known by its place."""
    (inbox / "deployments.csv").write_text("folder\nA\n")
    settings = Settings(data_dir=tmp_path / "data", inbox=(inbox,), stations=inbox / "deployments.csv")
    with open_service(settings) as service:
        (listing,) = walk(service.folder(inbox))
        assert listing.files == []
        assert [row.folder for row in service.stations(inbox).listed] == ["A"]


def test_status_says_what_the_daemon_found(tmp_path, inbox):
    """A slip is a problem; what is still to come is none."""
    said = Fit("/inbox/stations.csv", 12, {"camera-b": "camera-B", "Mara-09": ""}, ["River"])
    with open_service(Settings(data_dir=tmp_path / "data", inbox=(inbox,))) as service, service.data.exclusively():
        service.data.heartbeat.write_text(json.dumps(heartbeat(said)))
        state = status(service)
    assert state["problems"] == ["/inbox/stations.csv: no folder 'camera-b' in the inbox: did you mean 'camera-B'?"]
    told = [line.split(maxsplit=1)[1] for line in lines(state) if line.startswith("stations ")]
    assert told == [
        "/inbox/stations.csv: deployments listed: 12",
        "/inbox/stations.csv: no folder in the inbox for 'Mara-09'",
        "/inbox/stations.csv: no row for 'River'",
    ]


def heartbeat(said):
    """What the daemon says of itself and of one inbox."""
    inbox = {
        "root": "/inbox", "away": "", "earlier": 0, "unreadable": {}, "unsettled": 0, "growing": [], "folders": 3,
        "folders_heard": None, "events_asked_for_anew": 0, "scan_seconds": 300.0, "looking_since": None,
        "looked_at": None, "stations": asdict(said),
    }  # fmt: skip
    return {"process": 7, "at": datetime.now(UTC).isoformat(), "failures": {}, "inboxes": [inbox], "next": {}}


def test_a_run_over_folders_says_what_is_wrong_with_their_tables(tmp_path, inbox, small_model):
    """And uses the rows that are right."""
    (inbox / "River").mkdir()
    (inbox / "stations.csv").write_text("folder,country\nRiver,KE\nRidge,Kenya\nriverr,KE\nMara,KE\n")
    models = tmp_path / "data/models"
    models.mkdir(parents=True)
    promote(models, small_model(models))
    said = StringIO()
    with open_service(Settings(data_dir=tmp_path / "data")) as service:
        process(service, [inbox], again=False, console=Console(file=said, width=200))
        with service.ledger.read() as session:
            rows = dict(session.execute(select(Deployment.folder, Deployment.country)).all())
    assert rows == {"River": "KE", "riverr": "KE", "Mara": "KE"}
    assert f"{inbox}/stations.csv, line 3: country: expected the two capital letters" in said.getvalue()
    assert f"{inbox}/stations.csv: no folder in the inbox for 'riverr', 'Mara'" in said.getvalue()


def test_the_doctor_says_how_the_table_fits(tmp_path, inbox, small_model):
    """All that is wrong, or how much is listed."""
    models = tmp_path / "data/models"
    models.mkdir(parents=True)
    promote(models, small_model(models))
    config = tmp_path / "config.toml"
    config.write_text(f'data_dir = "{tmp_path}/data"\ninbox = ["{inbox}"]\n')
    (inbox / "River").mkdir()
    (inbox / "stations.csv").write_text("folder,latitude,longitude\nriver,1,1\nRidge,north,1\n")
    check = next(check for check in doctor(config, thorough=False, seconds=0.1) if check.name == "stations")
    assert not check.well
    assert "line 3: latitude: expected decimal degrees" in check.says
    assert check.says.endswith("no folder 'river' in the inbox: did you mean 'River'?")
    (inbox / "stations.csv").write_text("folder\nRiver\n")
    check = next(check for check in doctor(config, thorough=False, seconds=0.1) if check.name == "stations")
    assert check.well
    assert check.says == f"{inbox}/stations.csv: deployments listed: 1"
