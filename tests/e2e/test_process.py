"""``trapline process``: folders in, one row a file out, and nothing is done twice."""

import hashlib
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from PIL import Image
from real_command import TRAPLINE, answers

from watcher.demo.world import Kind


def tree(folder):
    """What is in a folder, byte for byte."""
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_file_gets_its_row_and_a_second_run_infers_nothing(trapline, inbox, drawn_inbox, tmp_path):
    """Exit 3: some were rejected, and each is named with its reason."""
    before = tree(inbox)
    first = trapline("process", inbox, "--out", "answers.csv", code=3)
    rows = {Path(row["path"]).relative_to(inbox): row for row in answers(tmp_path / "answers.csv")}
    drawn = {each.path: each.kind for each in drawn_inbox[1]}
    assert set(rows) == set(drawn)
    for path, row in rows.items():
        if drawn[path] in {Kind.TRUNCATED, Kind.TEXT}:
            assert row["state"] == "rejected"
            assert row["reason"] in first.stdout
            assert str(path) in first.stdout.replace("\n", "")
        else:
            assert row["state"] == "answered"
            assert row["decision"] in {"answered", "other", "unknown", "unfamiliar", "out_of_range"}
            assert Path(row["gradcam"]).is_file()
    products = tree(tmp_path / "data/gradcam")
    again = trapline("process", inbox, "--out", "again.csv", code=3)
    assert "0 answers now" in again.stdout
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "answers.csv").read_bytes()
    assert tree(tmp_path / "data/gradcam") == products
    assert tree(inbox) == before


@pytest.mark.usefixtures("ready")
def test_real_camera_trap_files_are_all_answered(shared, trapline, tmp_path):
    """158 originals of eight makes of camera, and one table that is no picture."""
    trapline("process", shared / "cameratrap", "--out", "answers.csv", code=3)
    rows = answers(tmp_path / "answers.csv")
    files = [path for path in (shared / "cameratrap").rglob("*") if path.is_file()]
    assert sorted(row["path"] for row in rows) == sorted(map(str, files))
    rejected = [Path(row["path"]).name for row in rows if row["state"] != "answered"]
    assert rejected == ["index.csv"]


@pytest.mark.usefixtures("ready")
def test_real_broken_files_are_rejected_by_name_and_the_rest_goes_on(shared, trapline, tmp_path):
    """Cut, holed, emptied and swollen copies of real originals lie among whole ones."""
    originals = sorted((shared / "cameratrap").rglob("*.[jJ][pP][gG]"), key=lambda path: path.stat().st_size)[-6:]
    station = tmp_path / "inbox/A"
    station.mkdir(parents=True)
    for number, original in enumerate(originals):
        shutil.copyfile(original, station / f"whole{number}.jpg")
        (station / f"whole{number}.jpg").chmod(0o644)
    data = originals[0].read_bytes()
    (station / "cut.jpg").write_bytes(data[: len(data) // 2])
    (station / "empty.jpg").write_bytes(b"")
    (station / "tail.jpg").write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    (station / "page.jpg").write_bytes(b"<html>not found</html>")
    with Image.open(originals[0]) as image:
        width, height = image.size
    sof = data.index(b"\xff\xc0\x00\x11\x08" + height.to_bytes(2) + width.to_bytes(2)) + 5
    (station / "bomb.jpg").write_bytes(data[:sof] + b"\x4e\x20\x3a\x98" + data[sof + 4 :])  # 15,000 × 20,000
    trapline("process", "inbox", "--out", "answers.csv", code=3)
    found = {Path(row["path"]).name: row for row in answers(tmp_path / "answers.csv")}
    assert {name for name, row in found.items() if row["state"] == "rejected"} == {
        "cut.jpg", "empty.jpg", "tail.jpg", "page.jpg", "bomb.jpg",
    }  # fmt: skip
    assert "300 megapixels" in found["bomb.jpg"]["reason"]
    assert sum(row["state"] == "answered" for row in found.values()) == len(originals)


@pytest.mark.usefixtures("ready")
def test_nineteen_in_twenty_of_the_reference_s_validation_pictures_are_right(shared, trapline, tmp_path):
    """Every third of the pictures that the starter was not trained on, argued among the eleven labels."""
    folders = {
        "African_Elephant": "african_elephant", "Amur_Leopard": "amur_leopard", "Arctic_Fox": "arctic_fox",
        "Chimpanzee": "chimpanzee", "Jaguars": "jaguar", "Lion": "lion", "Orangutan": "orangutan", "Panda": "panda",
        "Panthers": "panther", "Rhino": "rhino", "cheetahs": "cheetah",
    }  # fmt: skip
    for path in sorted((shared / "danger_of_extinction/Valid").glob("*/*"))[::3]:
        (tmp_path / "valid" / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, tmp_path / "valid" / path.parent.name / path.name)
    trapline("process", "valid", "--out", "answers.csv", code=0)
    rows = answers(tmp_path / "answers.csv")
    right = sum(folders[Path(row["path"]).parent.name] == row["label"] for row in rows)
    assert len(rows) == 440
    assert right / len(rows) >= 0.95


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "says"),
    [
        (["process", "nowhere"], {}, 2, "nowhere is not a folder: name the folder that holds the pictures"),
        (["process", "data"], {}, 2, "lies in Trapline's own data folder"),
        (["process", ".", "--out", "answers.csv"], {}, 2, "answers.csv would lie among the pictures"),
        (["watch"], {}, 2, "there is no inbox to watch: set inbox"),
        (["status"], {"TRAPLINE_CONFIG": "missing.toml"}, 2, "missing.toml cannot be read"),
        (["status"], {"TRAPLINE_INTAKE__SETTLE_SECONDS": "soon"}, 2, "TRAPLINE_INTAKE__SETTLE_SECONDS"),
        (["process", "data"], {"TRAPLINE_DATA_DIR": "/proc/trapline"}, 2, "cannot be written"),
        (["process", "data"], {"TRAPLINE_CONFIG": "typo.toml"}, 2, "typo.toml: inbax: unknown key"),
        (["status"], {}, 2, "there is no ledger in"),
        (["process", "data"], {"TRAPLINE_LEDGER__REDLIST": "mine.csv"}, 2, "mine.csv"),
        (["models", "promote", "best"], {}, 2, "there is no model 'best'"),
        (["models", "rollback"], {}, 2, "nothing was promoted"),
    ],
)
def test_what_a_user_can_mend_is_told_in_one_sentence(trapline, tmp_path, arguments, variables, code, says):
    """What happened, where, and what to do; never a traceback."""
    (tmp_path / "data").mkdir()
    (tmp_path / "typo.toml").write_text('inbax = "/srv"\n')
    told = trapline(*arguments, code=code, **variables).stderr
    assert says in told
    assert told.startswith("trapline: ")
    assert len(told.splitlines()) == 1


@pytest.fixture
def few(inbox):
    """The inbox with three pictures and a torn one left in it, where their number does not matter."""
    whole = sorted(inbox.rglob("*.JPG"))[:3]
    for path in inbox.rglob("*"):
        if path.is_file() and path not in whole:
            path.unlink()
    (whole[0].parent / "torn.jpg").write_bytes(whole[0].read_bytes()[:1000])
    return inbox


@pytest.mark.usefixtures("ready")
def test_a_model_that_is_missing_or_changed_stops_before_anything_is_lost(trapline, few, tmp_path):
    """The pictures are answered once a whole model is current again."""
    models = tmp_path / "data/models"
    models.mkdir(parents=True)
    (models / "current").write_text("gone-2026-01-01-00000000\n")
    assert "there is no model 'gone-2026-01-01-00000000'" in trapline("process", few, code=2).stderr
    (models / "current").unlink()
    trapline("process", few, code=3)


def test_a_data_folder_has_one_owner_at_a_time(trapline, inbox, environment, tmp_path):
    """The second process says who holds it, and exits with 75."""
    (tmp_path / "data").mkdir()
    watching = subprocess.Popen(
        [*TRAPLINE, "watch"], cwd=tmp_path, env=environment | {"TRAPLINE_INBOX": str(inbox)}, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "data/lock").exists() or not (tmp_path / "data/lock").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        told = trapline("process", inbox, code=75).stderr
        assert f"in use by process {watching.pid}" in told
    finally:
        watching.kill()
        watching.wait()


@pytest.mark.usefixtures("few", "ready")
def test_the_data_folder_in_the_working_folder_is_no_station(trapline, tmp_path):
    """`trapline process .` must not eat its own pictures."""
    table = tmp_path.parent / f"{tmp_path.name}.csv"
    trapline("process", tmp_path, "--out", table, code=3)
    assert all(row["path"].startswith(f"{tmp_path}/inbox/") for row in answers(table))
