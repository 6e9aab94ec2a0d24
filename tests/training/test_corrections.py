"""What a person writes into the table of doubtful labels is what a training then learns from."""

import csv
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.labels import BACKGROUND, SPECIES
from training.corrections import Correction, carried_over, corrected, read, write
from training.dataset import DatasetError, class_folders
from training.dataset import read as read_dataset

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def row(sha256, verdict=""):
    return Correction(sha256, "/pictures/lion/1.jpg", "lion", "drop", 0.9, "unlike the others", verdict)


# What a file may be called: anything but a NUL; bytes that are no text are surrogates in Python.
names = st.text(st.characters(exclude_characters="\0", exclude_categories=())).filter(
    lambda name: not any(0xD800 <= ord(each) < 0xDC80 or 0xDCFF < ord(each) <= 0xDFFF for each in name)
)
rows = st.builds(
    Correction,
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    path=names.map("/pictures/".__add__),
    label=st.sampled_from(SPECIES),
    suggested=st.sampled_from((*SPECIES, "drop")),
    confidence=st.floats(0, 1),
    reason=st.text("abc ,;\"'()0.9").map("looks ".__add__),
    verdict=st.sampled_from(("", "keep", "drop", *SPECIES, *BACKGROUND)),
)


@settings(deadline=None)
@given(st.lists(rows, max_size=8, unique_by=lambda each: each.sha256))
def test_what_is_written_is_read(listed):
    """Every path, quote, line break and byte comes back as it was."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "labels.csv"), listed)
        assert read(Path(folder, "labels.csv")) == tuple(listed)


def test_a_spreadsheet_s_file_is_read(tmp_path):
    """With a byte-order mark, semicolons, a decimal comma, capitals, spelling and blanks as people write them."""
    text = f"sha256;path;label;confidence;verdict\r\n{A.upper()};x;lion;0,75; Black Panthers \r\n{B};y;lion;;DROP\r\n"
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8-sig", newline="")
    first, second = read(tmp_path / "labels.csv")
    assert (first.sha256, first.verdict, first.confidence) == (A, "panther", 0.75)
    assert (second.sha256, second.verdict) == (B, "drop")


def test_own_names_are_verdicts_too(tmp_path):
    """The table of class names that holds for folders holds for verdicts."""
    write(tmp_path / "labels.csv", [row(A)])
    text = (tmp_path / "labels.csv").read_text().rstrip() + "Simba\n"
    (tmp_path / "labels.csv").write_text(text)
    assert read(tmp_path / "labels.csv", {"simba": "lion"})[0].verdict == "lion"


def test_every_wrong_row_is_named_with_its_line(tmp_path):
    """An unknown verdict, a hash that is none, and contradictory rows are told at once."""
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["sha256", "verdict"], [A, "lion"], [B, "unicorn"], ["xyz", "keep"], [A, "panda"], [A, "lion"]]
        )
    with pytest.raises(DatasetError) as error:
        read(tmp_path / "labels.csv")
    unknown, no_hash, twice = str(error.value).splitlines()
    assert "line 3" in unknown
    assert "'unicorn'" in unknown
    assert "keep or drop" in unknown
    assert "line 4" in no_hash
    assert "'xyz'" in no_hash
    assert A in twice


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read"), ("a,b\n1,2\n", "sha256, verdict")])
def test_what_is_no_such_table_is_an_error(tmp_path, content, said):
    """A file that is absent, or another table, is named."""
    if content:
        (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(DatasetError, match=rf"labels.csv.*{said}"):
        read(tmp_path / "labels.csv")


def test_verdicts_outlive_a_second_look():
    """What was judged keeps its verdict, in the new rows and where it is no longer listed."""
    earlier = [row(A, "panda"), row(B), row(C, "keep")]
    new = [replace(row(B), confidence=0.5), replace(row(A), confidence=0.4)]
    assert carried_over(new, earlier) == [new[0], replace(new[1], verdict="panda"), row(C, "keep")]


@pytest.fixture
def dataset(tmp_path, draw, console):
    """Three pictures of each class, and one of panda that lies among the lions as well."""
    draw(tmp_path, pictures=3)
    (tmp_path / "lion" / "x.png").write_bytes((tmp_path / "panda" / "00.png").read_bytes())
    return read_dataset(class_folders(tmp_path), size=32, console=console)


def test_verdicts_are_applied(dataset):
    """A label changes, a picture goes and is told of, and the rest is as it was; the fingerprint tells the change."""
    one, two, three, *others = dataset.examples
    verdicts = [(one, "other"), (two, "drop"), (three, "keep"), (others[0], "")]
    after = corrected(dataset, [row(each.picture.sha256, verdict) for each, verdict in verdicts])
    assert list(after.examples) == [replace(one, label="other"), three, *others]
    assert [path for path, reason in after.left_out if reason.startswith("dropped")] == [two.path]
    assert after.fingerprint != dataset.fingerprint
    assert corrected(dataset, [row(D, "panda")]) == dataset


def test_a_picture_under_two_labels_joins_with_the_right_one(dataset):
    """It was left out because nobody could know; a verdict settles it, and a second copy stays out."""
    (disputed,) = dataset.disputed
    after = corrected(dataset, [row(disputed.picture.sha256, "panda")])
    assert len(after.examples) == len(dataset.examples) + 1
    assert replace(disputed, label="panda") in after.examples
    assert not after.disputed
    assert len(after.left_out) == len(dataset.left_out) - 1
    assert [each.path for each in after.examples] == sorted(each.path for each in after.examples)
    assert corrected(dataset, [row(disputed.picture.sha256, "drop")]) == dataset
