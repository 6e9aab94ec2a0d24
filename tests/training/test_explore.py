"""A data set with everything wrong in it that real ones have: each thing comes out, exactly."""

import csv
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageFilter
from typer.testing import CliRunner

from training.cli import app
from training.dataset import ClassFolder, class_folders
from training.exploring import page as explore_page
from training.exploring.explore import Finder, explore, look_for_suspects, write_files
from training.exploring.look import Job, look

EXIF_IFD, GPS_IFD = 0x8769, 0x8825


def smooth(seed, side=128):
    """A soft pattern: its perceptual hash survives resizing, and differs from that of any other seed."""
    blocks = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    return Image.fromarray(blocks).resize((side, side), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))


def exif(captured=None, *, gps=False):
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = "Trapper", "Trapper One"
    if captured:
        tags.get_ifd(EXIF_IFD)[0x9003] = captured
    if gps:
        tags.get_ifd(GPS_IFD)[1] = "N"
    return tags


@pytest.fixture(scope="module")
def planted(tmp_path_factory, draw):
    """Train and test of four classes, nine and three of each, and these besides."""
    folder = tmp_path_factory.mktemp("explored")
    draw(folder / "Train", pictures=9, names={"jaguar": "Jaguars"})
    draw(folder / "test", pictures=3, seed=1)
    lion, other = folder / "Train" / "lion", folder / "Train" / "other"
    (folder / "test" / "lion" / "copy of train.png").write_bytes((lion / "00.png").read_bytes())
    (lion / "copy.png").write_bytes((lion / "01.png").read_bytes())
    (lion / "also a panda.png").write_bytes((folder / "Train" / "panda" / "00.png").read_bytes())
    smooth(1).save(lion / "tagged.jpg")
    smooth(1).save(lion / "retagged.jpg", comment=b"edited")
    smooth(2, 256).save(lion / "whole.jpg", exif=exif("2024:05:06 07:08:09", gps=True))
    smooth(2, 256).resize((128, 128)).save(lion / "half.jpg", exif=exif("2024:05:06 07:08:09"))
    smooth(3).save(lion / "scene.png")
    smooth(3).resize((100, 100)).save(other / "scene again.png")
    smooth(4).convert("P").save(other / "palette.png")
    smooth(5).convert("LA").save(other / "grey.png")
    smooth(6).convert("RGBA").save(other / "clear.png")
    smooth(7).convert("L").save(other / "named.jpg", "PNG")
    (other / "notes.jpg").write_text("not a picture")
    (other / "torn.jpg").write_bytes((lion / "whole.jpg").read_bytes()[:300])
    return folder


@pytest.fixture(scope="module")
def explored(planted, console):
    return explore(class_folders(planted), size=32, console=console)


def test_the_figures_are_exact(explored):
    """Counts, imbalance, copies of each kind, disputed pictures, twins and metadata, as planted."""
    found = explore_page.numbers(explored)
    assert (found.files, found.unreadable) == (48 + 15, 2)
    assert (found.same_bytes, found.same_picture, found.reexports, found.disputed) == (2, 1, 1, 1)
    assert (found.held_out, found.twins) == (13, 1)
    assert (found.exif, found.gps, found.captured) == (2, 1, 2)
    assert (found.largest, found.smallest, found.imbalance) == ("lion", "panda", 20 / 12)
    assert explore_page.by_class(explored) == {
        "panda": Counter(train=9, test=3),
        "lion": Counter(train=16, test=4),
        "jaguar": Counter(train=9, test=3),
        "other": Counter(train=14, test=3),
    }


def test_each_file_has_its_row(explored, planted, tmp_path):
    """files.csv tells format, mode, size, what it is a copy of, its near-duplicates and why it cannot be read."""
    write_files(explored, tmp_path / "files.csv")
    with (tmp_path / "files.csv").open(newline="") as file:
        rows = {row["path"].removeprefix(f"{planted}/"): row for row in csv.DictReader(file)}
    assert len(rows) == 63
    modes = {name: rows[f"Train/other/{name}"]["mode"] for name in ("palette.png", "grey.png", "clear.png")}
    assert modes == {"palette.png": "P", "grey.png": "LA", "clear.png": "RGBA"}
    named = rows["Train/other/named.jpg"]
    assert (named["format"], named["mode"], named["width"], named["integrity"]) == ("PNG", "L", "128", "sound")
    copies = {
        path: (row["duplicate_kind"], row["duplicate_of"].removeprefix(f"{planted}/"))
        for path, row in rows.items()
        if row["duplicate_kind"]
    }
    (tagged,) = {path for path in copies if "tagged" in path}
    assert copies.pop(tagged)[0] == "same picture, other bytes"
    assert copies == {
        "Train/lion/00.png": ("same bytes", "test/lion/copy of train.png"),
        "Train/lion/copy.png": ("same bytes", "Train/lion/01.png"),
        "Train/lion/half.jpg": ("re-export", "Train/lion/whole.jpg"),
        "Train/panda/00.png": ("same picture, another label", "Train/lion/also a panda.png"),
    }
    scenes = {rows[name]["near_duplicate_group"] for name in ("Train/lion/scene.png", "Train/other/scene again.png")}
    assert len(scenes) == 1
    assert scenes != {""}
    unreadable = {path for path, row in rows.items() if row["integrity"] == "unreadable"}
    assert unreadable == {"Train/other/notes.jpg", "Train/other/torn.jpg"}
    assert all(rows[path]["reason"] for path in unreadable)
    whole = rows["Train/lion/whole.jpg"]
    assert (whole["camera"], whole["captured_at"], whole["split"]) == ("Trapper One", "2024-05-06T07:08:09", "train")


@pytest.fixture(scope="module")
def finder(backbones, tmp_path_factory):
    return Finder(backbones, tmp_path_factory.mktemp("cache"), untrained_seed=1)


def test_planted_labels_and_the_disputed_picture_are_listed(tmp_path, draw, finder, console):
    """A lion among the jaguars is found by the colours of its kind; a picture under two labels comes first."""
    draw(tmp_path, pictures=14)
    (tmp_path / "lion" / "03.png").rename(tmp_path / "jaguar" / "really a lion.png")
    (tmp_path / "lion" / "panda.png").write_bytes((tmp_path / "panda" / "00.png").read_bytes())
    explored = explore(class_folders(tmp_path), size=32, console=console)
    found = look_for_suspects(explored, finder, seed=1, console=console)
    disputed, *others = found
    assert disputed.reason == "the same picture is labelled lion and panda"
    assert disputed.confidence == 1
    (planted,) = (each for each in others if each.path.endswith("really a lion.png"))
    assert planted.label == "jaguar"
    assert all(one.confidence >= other.confidence for one, other in pairwise(others))
    assert len({each.sha256 for each in found}) == len(found)


def test_a_class_of_one_scene_is_passed_over(tmp_path, draw, finder, console):
    """Nobody who has not seen it could judge it, and that stops nothing."""
    draw(tmp_path, pictures=6)
    for path in sorted((tmp_path / "panda").iterdir())[1:]:
        path.unlink()
    explored = explore(class_folders(tmp_path), size=32, console=console)
    found = look_for_suspects(explored, finder, seed=1, console=console)
    assert "panda" not in {each.label for each in found}


def test_one_class_alone_has_no_suspects(tmp_path, draw, finder, console):
    """There is nothing to confuse it with."""
    draw(tmp_path, pictures=3)
    explored = explore([ClassFolder(tmp_path / "lion", "lion")], size=32, console=console)
    assert look_for_suspects(explored, finder, seed=1, console=console) == []


def test_a_look_writes_its_page_and_tables_and_keeps_verdicts(planted, finder, tmp_path, console):
    """Page, files.csv and labels.csv are there; a second look keeps what a person wrote; the data set is as it was."""
    before = {path: path.stat().st_mtime_ns for path in sorted(planted.rglob("*"))}
    job = Job((planted,), tmp_path / "out", 1, finder)
    look(job, console=console)
    assert sorted(path.name for path in job.out.iterdir()) == ["explore.html", "files.csv", "labels.csv"]
    table = (job.out / "labels.csv").read_text()
    (job.out / "labels.csv").write_text(table.replace("lion and panda,", "lion and panda,panda"))
    look(job, console=console)
    assert "lion and panda,panda" in (job.out / "labels.csv").read_text()
    assert {path: path.stat().st_mtime_ns for path in sorted(planted.rglob("*"))} == before


def test_the_command_tells_what_it_found(planted, tmp_path, monkeypatch):
    """Without a configuration the page is in ./explore; the table has the classes, the copies and the splits."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["explore", str(planted), "--no-suspects"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "explore" / "explore.html").is_file()
    assert not (tmp_path / "explore" / "labels.csv").exists()
    for said in ("lion", "train", "test", "same bytes", "explore.html"):
        assert said in result.output


def test_a_wrong_table_of_labels_is_told_before_anything_is_done(planted, tmp_path, monkeypatch):
    """The row is named, the table stays, and nobody waits for the pictures first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "explore").mkdir()
    (tmp_path / "explore" / "labels.csv").write_text(f"sha256,verdict\n{'a' * 64},unicorn\n")
    result = CliRunner().invoke(app, ["explore", str(planted), "--no-suspects"])
    assert result.exit_code == 2
    assert "line 2" in result.output
    assert "reading pictures" not in result.output
