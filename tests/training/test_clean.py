"""The cleaned set: small upright pictures without their metadata, each once, and a word on what became of each file."""

import csv
import hashlib

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from training.cli import app
from training.dataset import DatasetError, class_folders
from training.exploring.clean import SIZE, check, clean
from training.exploring.explore import explore


def halves(path, left, right, **options):
    """Save a picture that is of one colour on the left and of another on the right."""
    pixels = np.full((60, 90, len(left)), left, np.uint8)
    pixels[:, 45:] = right
    pixels[::7, ::5] //= 2
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def dataset(tmp_path):
    """Lions, black panthers in their own spelling, and what is to be dropped."""
    for name in ("Train/lion", "Train/Black Panthers", "valid/lion"):
        (tmp_path / "set" / name).mkdir(parents=True)
    lion, panther = tmp_path / "set/Train/lion", tmp_path / "set/Train/Black Panthers"
    turned = Image.Exif()
    turned[0x0112], turned[0x010F] = 6, "Trapper"
    halves(lion / "turned.jpg", (200, 0, 0), (0, 0, 200), exif=turned, quality=95)
    halves(lion / "clear.png", (0, 0, 0, 0), (0, 200, 0, 255))
    halves(panther / "a.png", (10, 60, 20), (90, 10, 90))
    (panther / "copy of a.png").write_bytes((panther / "a.png").read_bytes())
    halves(panther / "held out.png", (60, 60, 200), (90, 100, 90))
    (tmp_path / "set/valid/lion/held out.png").write_bytes((lion / "clear.png").read_bytes())
    (panther / "torn.jpg").write_bytes((lion / "turned.jpg").read_bytes()[:200])
    halves(lion / "both.png", (250, 250, 0), (9, 9, 9))
    (panther / "both.png").write_bytes((lion / "both.png").read_bytes())
    return tmp_path / "set"


@pytest.fixture
def explored(dataset, console):
    return explore(class_folders(dataset), size=32, console=console)


def test_each_file_s_fate_is_told_and_true(dataset, explored, tmp_path, console):
    """The manifest has each source file with its hash, why it was dropped or where it is, and the output's own hash."""
    clean(explored, tmp_path / "out", console=console)
    with (tmp_path / "out/manifest.csv").open(newline="") as file:
        rows = {row["path"].removeprefix(f"{dataset}/"): row for row in csv.DictReader(file)}
    assert {path: (row["became"], row["why"].partition(":")[0]) for path, row in rows.items()} == {
        "Train/Black Panthers/a.png": ("kept", ""),
        "Train/Black Panthers/both.png": ("dropped", "the same picture carries several labels"),
        "Train/Black Panthers/copy of a.png": ("dropped", "same bytes"),
        "Train/Black Panthers/held out.png": ("kept", ""),
        "Train/Black Panthers/torn.jpg": ("dropped", "truncated"),
        "Train/lion/both.png": ("dropped", "the same picture carries several labels"),
        "Train/lion/clear.png": ("dropped", "same bytes"),
        "Train/lion/turned.jpg": ("kept", ""),
        "valid/lion/held out.png": ("kept", ""),
    }
    kept = {row["output"] for row in rows.values() if row["became"] == "kept"}
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.jpg")}
    assert written == kept
    for path, row in rows.items():
        if row["became"] == "kept":
            source, output = (dataset / path).read_bytes(), (tmp_path / "out" / row["output"]).read_bytes()
            digest = hashlib.sha256(source).hexdigest()
            assert row["sha256"] == digest
            assert row["output_sha256"] == hashlib.sha256(output).hexdigest()
            split = "valid" if path.startswith("valid") else "train"
            assert row["output"] == f"{split}/{row['label']}/{digest[:16]}.jpg"
    assert rows["Train/Black Panthers/a.png"]["label"] == "panther"


def test_pictures_are_small_upright_and_bare(explored, tmp_path, console):
    """All are 224 × 224 RGB JPEGs without metadata; what lay on its side stands; what was clear is white."""
    fates = clean(explored, tmp_path / "out", console=console)
    pictures = {}
    for fate in fates:
        if fate.became == "kept":
            with Image.open(tmp_path / "out" / fate.output) as picture:
                assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (SIZE, SIZE))
                assert not picture.getexif()
                pictures[fate.path.rpartition("/")[2]] = np.asarray(picture, int)
    turned, clear = pictures["turned.jpg"], pictures["held out.png" if "clear.png" not in pictures else "clear.png"]
    assert np.median(turned[:80], axis=(0, 1)) == pytest.approx([200, 0, 0], abs=12)
    assert np.median(turned[-80:], axis=(0, 1)) == pytest.approx([0, 0, 200], abs=12)
    assert np.median(clear[:, :80], axis=(0, 1)) == pytest.approx([255, 255, 255], abs=6)


def test_the_source_stays_as_it_is(dataset, explored, tmp_path, console):
    """No byte, name or time below the data set changes."""
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(dataset.rglob("*"))}
    clean(explored, tmp_path / "out", console=console)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(dataset.rglob("*"))} == before


def test_after_a_killed_run_the_next_one_ends_the_same(explored, tmp_path, console):
    """What a killed run left is hidden, counts for nothing and is gone afterwards."""
    half_made = tmp_path / ".out.unfinished" / "train" / "lion"
    half_made.mkdir(parents=True)
    (half_made / "stray.jpg").write_bytes(b"half a pict")
    check(tmp_path / "out", [])
    first = clean(explored, tmp_path / "out", console=console)
    again = clean(explored, tmp_path / "again", console=console)
    assert first == again
    assert not list((tmp_path / "out").rglob("stray.jpg"))
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".unfinished")]


@pytest.mark.parametrize(
    ("place", "said"), [("set/cleaned", "lies in the data set"), ("set", "lies in"), ("full", "not empty")]
)
def test_a_place_that_would_harm_something_is_refused_at_once(dataset, tmp_path, place, said):
    """A folder inside the data set, or one that has something in it, is named before pictures are read."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(DatasetError, match=said):
        check(tmp_path / place, [dataset])
    arguments = ["explore", str(dataset), "--out", str(tmp_path / "run"), "--no-suspects"]
    result = CliRunner().invoke(app, [*arguments, "--clean", str(tmp_path / place)])
    assert result.exit_code == 2
    assert said in result.output
    assert "reading pictures" not in result.output


def test_a_link_into_the_data_set_is_seen_through(dataset, tmp_path):
    """It is where a folder really lies that counts."""
    (tmp_path / "link").symlink_to(dataset)
    with pytest.raises(DatasetError, match="lies in the data set"):
        check(tmp_path / "link" / "cleaned", [dataset])


def test_an_empty_folder_is_taken(explored, dataset, tmp_path, console):
    """Somebody may have made it for the purpose."""
    (tmp_path / "out").mkdir()
    check(tmp_path / "out", [dataset])
    clean(explored, tmp_path / "out", console=console)
    assert (tmp_path / "out/manifest.csv").is_file()
