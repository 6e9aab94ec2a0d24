"""``trapline export``: whole or not at all, nothing without its section, and the real files from folder to package."""

import csv
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from blank_ledger import new_ledger
from package_judges import faults, read_back
from report_world import filling
from typer.testing import CliRunner

from db.engine import open_ledger
from watcher.config import ConfigError, load_settings
from watcher.data_folder import DataFolder
from watcher.export import ExportError, export
from watcher.targets import TargetError

PROJECT = """
[project]
title = "Carnivores of the Mara"
contributors = [{title = "Asha", role = "contact"}]
sampling_design = "systematicRandom"
capture_methods = ["activityDetection"]
"""
FILES = {"datapackage.json", "deployments.csv", "left_out.csv", "media.csv", "observations.csv"}


@pytest.fixture
def house(tmp_path):
    """A data folder with one picture in its ledger, and a configuration with a study."""
    (tmp_path / "config.toml").write_text('data_dir = "data"\ninbox = "inbox"\n' + PROJECT)
    (tmp_path / "inbox").mkdir()
    DataFolder(tmp_path / "data").prepare()
    ledger = new_ledger(tmp_path / "data/trapline.db")
    with filling(ledger) as world:
        place = {"latitude": -1.4321, "longitude": 35.1234, "timezone": "Africa/Nairobi"}
        world.picture(world.station("A", **place), world.model())
    ledger.close()
    return tmp_path


def run(house, *arguments):
    """What the command says; what it raises is raised here."""
    done = CliRunner().invoke(export, list(map(str, arguments)), obj=house / "config.toml", catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_package_is_a_folder_or_an_archive_of_the_same_files(house):
    """Whatever comes handier, and nothing half-written beside it."""
    said = run(house, "camtrap-dp", house / "out/package")
    assert "1 deployments, 1 pictures, 1 observations of pictures and 1 of independent events" in said
    run(house, "camtrap-dp", house / "out/package.zip")
    files = {path.name: path.read_bytes() for path in (house / "out/package").iterdir()}
    assert files.keys() == FILES
    with zipfile.ZipFile(house / "out/package.zip") as archive:
        assert set(archive.namelist()) == FILES
        tables = FILES - {"datapackage.json"}  # it says when it was made
        assert {name: archive.read(name) for name in tables} == {name: files[name] for name in tables}
    assert {path.name for path in (house / "out").iterdir()} == {"package", "package.zip"}


def test_a_period_is_by_capture_time(house):
    """In the time zone of the reports, as everywhere."""
    assert "1 observations" in run(house, "csv", house / "1.csv", "--since", "2026-11-23T19:14:00")
    assert "0 observations" in run(house, "csv", house / "2.csv", "--since", "2026-11-23T19:15:00")
    assert "1 observations" in run(house, "csv", house / "3.csv", "--until", "2026-11-23T19:15:00")
    assert "0 files" in run(house, "megadetector", house / "out.json", "--until", "2026-11-23T19:14:00")


@pytest.mark.parametrize("target", ["inbox/package", "inbox/package.zip", "/inbox/package"])
def test_nothing_is_written_among_the_pictures(house, target):
    """Neither in an inbox nor in a folder that was processed once."""
    with pytest.raises(TargetError, match="would lie among the pictures"):
        run(house, "camtrap-dp", house / target)
    assert list((house / "inbox").iterdir()) == []


def test_a_folder_with_something_in_it_stays_as_it_is(house):
    """A package is never mixed with an older one."""
    (house / "package").mkdir()
    run(house, "camtrap-dp", house / "package")
    before = (house / "package/datapackage.json").read_bytes()
    with pytest.raises(TargetError, match="is there already: delete it first"):
        run(house, "camtrap-dp", house / "package")
    assert (house / "package/datapackage.json").read_bytes() == before


@pytest.mark.parametrize("command", ["camtrap-dp", "csv", "megadetector"])
def test_no_file_is_written_over(house, command):
    """It may be anything; and what lies in the data folder is Trapline's own."""
    (house / "mine.zip").write_text("mine")
    with pytest.raises(TargetError, match="is there already: delete it first"):
        run(house, command, house / "mine.zip")
    with pytest.raises(TargetError, match="would lie in the data folder"):
        run(house, command, house / "data/out.zip")
    assert (house / "mine.zip").read_text() == "mine"
    assert not (house / "data/out.zip").exists()


def test_what_the_study_lacks_is_named(house):
    """All keys at once."""
    (house / "config.toml").write_text('data_dir = "data"\n[project]\ntitle = "Mara"\n')
    with pytest.raises(ExportError, match=r"\[project\].* lacks contributors, sampling_design, capture_methods:"):
        run(house, "camtrap-dp", house / "package")


def test_an_export_that_ends_early_leaves_nothing(house):
    """Not a table that looks whole and is not."""
    (house / "config.toml").write_text('data_dir = "data"\n' + PROJECT)
    ledger = open_ledger(house / "data/trapline.db")
    with filling(ledger) as world:
        station = world.station("B", latitude=1.0, longitude=1.0)
        world.media.append(world.picture(station, world.model("other")))
    with ledger.engine.begin() as connection:  # as no program of ours leaves it
        connection.exec_driver_sql("UPDATE observation SET taxa = '[' WHERE deployment_id = 2")
    ledger.close()
    for command, target in (("camtrap-dp", "package"), ("camtrap-dp", "package.zip"), ("csv", "out.csv")):
        (house / "out").mkdir()
        with pytest.raises(ValueError, match="Expecting value"):
            run(house, command, house / "out" / target)
        assert list((house / "out").iterdir()) == []
        (house / "out").rmdir()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("contributors = [{name = 'Asha'}]", r"project\.contributors\.0\.name: unknown key; known here: email, org"),
        ("contributors = [{title = 'A', role = 'boss'}]", r"project\.contributors\.0\.role: expected 'contact'"),
        ("sampling_design = 'random'", r"project\.sampling_design: expected 'simpleRandom'"),
        ("data_license = 'CC0-1.0'", "project: expected data_license and media_license, or neither"),
        ("website = 'example'", r"project\.website: "),
    ],
)
def test_a_wrong_key_of_the_study_is_named(tmp_path, text, says):
    """With what was expected, also within the list of contributors."""
    (tmp_path / "config.toml").write_text(f"[project]\n{text}\n")
    with pytest.raises(ConfigError, match=says):
        load_settings(tmp_path / "config.toml")


STATIONS = (
    ("conservationtechlab_animl-r", "Peru S90", -12.1, -69.1, "PE", "America/Lima"),
    ("conservationtechlab_animl-py", "Southwest", 32.9, -117.1, "US", "America/Los_Angeles"),
    ("jniedballa_camtrapR", "Sabah", 5.5, 117.1, "MY", "Asia/Kuching"),
    ("google_cameratrapai", "Somewhere", "", "", "", ""),
)


def test_real_files_become_a_valid_package(shared, starter_cache, tmp_path):
    """158 originals of eight makes, through the real command and back with pandas: nothing lost, nothing made up."""
    inbox = shutil.copytree(shared / "cameratrap", tmp_path / "inbox")
    shutil.copytree(starter_cache, tmp_path / "data/runtime")
    with (tmp_path / "inbox/stations.csv").open("w", newline="") as file:
        columns = ("folder", "locationName", "latitude", "longitude", "country", "timezone")
        csv.writer(file).writerows([columns, *STATIONS])
    (tmp_path / "config.toml").write_text('data_dir = "data"\n' + PROJECT)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRAPLINE_")}
    done = subprocess.run(
        [sys.executable, "-m", "watcher", "process", str(inbox), "--out", "answers.csv"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr  # index.csv is no picture
    run(tmp_path, "camtrap-dp", tmp_path / "package")
    assert faults(tmp_path / "package", shared) == []
    read = read_back(tmp_path / "package")
    with (tmp_path / "answers.csv").open(newline="") as file:
        answers = [row for row in csv.DictReader(file) if row["state"] == "answered"]
    placed = {name for _, name, latitude, *_ in STATIONS if latitude}
    known = {row["sha256"] for row in answers if row["station"] in placed}
    left_out = read["left_out"].query("kind == 'media'")
    exported = set(read["media"]["mediaID"])
    assert exported <= {row["sha256"] for row in answers}
    assert set(read["deployments"]["locationName"]) == placed
    assert exported | set(left_out["id"]) >= known
    assert not exported & set(left_out["id"])
    by_picture = read["observations"].query("observationLevel == 'media'")
    assert sorted(by_picture["mediaID"]) == sorted(exported)
    decisions = {row["sha256"]: row["decision"] for row in answers}
    tags = dict(zip(by_picture["mediaID"], by_picture["observationTags"], strict=True))
    assert all(f"decision:{decisions[media]}" in said.split("|") for media, said in tags.items())
    peru = read["media"][read["media"]["filePath"].str.startswith("conservationtechlab_animl-r")]
    assert set(peru["timestamp"].str[19:]) == {"-05:00"}
