"""Which folder means which label, and what is left out of a training set."""

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from ml.labels import BACKGROUND, SPECIES
from training.dataset import ClassFolder, DatasetError, class_folders, label_of, read
from training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Panthers", "panther"),
        ("panther", "panther"),
        ("black_panther", "panther"),
        ("Black Panthers", "panther"),
        ("cheetahs", "cheetah"),
        ("Jaguars", "jaguar"),
        ("African_Elephant", "african_elephant"),
        ("African Elephants", "african_elephant"),
        ("Amur-Leopard", "amur_leopard"),
        ("Arctic_Fox", "arctic_fox"),
        ("Panthera leo", "lion"),
        ("Chimpanzee", "chimpanzee"),
        ("Rhinos", "rhino"),
        ("Other", "other"),
        ("people", "person"),
        *((label, label) for label in SPECIES + BACKGROUND),
    ],
)
def test_spellings(tmp_path, name, label):
    """Class folders are known in the spellings that real data sets use."""
    assert label_of(tmp_path / name) == label


def test_an_unknown_class_is_an_error_that_helps(tmp_path):
    """The message names the folder, suggests the nearest class and lists those there are."""
    with pytest.raises(DatasetError, match=r"Chetah.*did you mean cheetah\?.*panda.*other"):
        label_of(tmp_path / "Chetah")


def test_splits_above_the_classes_are_seen(tmp_path, draw):
    """Folders called train, valid or test are splits; the last two are held out."""
    for split in ("Train", "Valid", "test"):
        draw(tmp_path / split, pictures=1)
    held_out = {(folder.path.parent.name, folder.held_out) for folder in class_folders(tmp_path)}
    assert held_out == {("Train", False), ("Valid", True), ("test", True)}
    assert len(class_folders(tmp_path)) == 12


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_no_class_folders_is_an_error(tmp_path, folder):
    """A path that is no data set is named."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=folder):
        class_folders(tmp_path / folder)


def test_what_cannot_be_learned_from_is_left_out_with_its_reason(tmp_path, draw, console):
    """Text, a torn file, a copy, a re-tagged copy and a picture with two labels go; the rest stays."""
    draw(tmp_path, pictures=3)
    _jpeg(tmp_path / "lion" / "a.jpg", seed=1)
    _jpeg(tmp_path / "lion" / "retagged.jpg", seed=1, comment=b"edited")
    _jpeg(tmp_path / "lion" / "lion or panda.jpg", seed=2)
    _jpeg(tmp_path / "panda" / "panda or lion.jpg", seed=2)
    (tmp_path / "lion" / "copy.png").write_bytes((tmp_path / "lion" / "01.png").read_bytes())
    (tmp_path / "lion" / "notes.jpg").write_text("not a picture")
    (tmp_path / "lion" / "torn.jpg").write_bytes((tmp_path / "lion" / "a.jpg").read_bytes()[:600])
    dataset = read(class_folders(tmp_path), size=32, console=console)
    reasons = {path.name: reason.partition(":")[0] for path, reason in dataset.left_out}
    copies = reasons.keys() & {"a.jpg", "retagged.jpg"}, reasons.keys() & {"01.png", "copy.png"}
    assert [len(each) for each in copies] == [1, 1]
    assert reasons["lion or panda.jpg"] == reasons["panda or lion.jpg"] == "two labels"
    assert reasons["notes.jpg"] == "unsupported"
    assert "torn.jpg" in reasons
    assert len(dataset.examples) == 12 + 1


def test_a_re_export_is_left_out_and_a_burst_is_not(tmp_path, draw, console):
    """The same photograph at half the size goes; another of the same second stays, as does one of another folder."""
    draw(tmp_path, pictures=3)
    for name, seed, side in (("whole", 1, 128), ("half", 1, 64), ("next", 2, 128)):
        _jpeg(tmp_path / "lion" / f"{name}.jpg", seed=seed, side=side, captured="2024:05:06 07:08:09")
    (tmp_path / "lion" / "elsewhere").mkdir()
    _jpeg(tmp_path / "lion" / "elsewhere" / "third.jpg", seed=1, side=96, captured="2024:05:06 07:08:09")
    dataset = read(class_folders(tmp_path), size=32, console=console)
    assert [(path.name, reason) for path, reason in dataset.left_out] == [("half.jpg", "a re-export: of whole.jpg")]
    assert {"whole.jpg", "next.jpg", "third.jpg"} <= {each.path.name for each in dataset.examples}


def test_named_files_are_passed_over(tmp_path, draw, console):
    """Files that a class folder excepts are neither read nor counted."""
    draw(tmp_path, pictures=3)
    folder = ClassFolder(tmp_path / "other", "other", without=frozenset({"01.png"}))
    dataset = read([folder], size=32, console=console)
    assert [each.path.name for each in dataset.examples] == ["00.png", "02.png"]
    assert not dataset.left_out


def test_held_out_pictures_stay_as_given(tmp_path, draw, console):
    """A given test set is judged whole: copies and doubtful labels in it are not dropped."""
    draw(tmp_path / "test", pictures=2)
    copied = (tmp_path / "test" / "lion" / "00.png").read_bytes()
    (tmp_path / "test" / "panda" / "lion again.png").write_bytes(copied)
    dataset = read(class_folders(tmp_path), size=32, console=console)
    assert len(dataset.examples) == 9
    assert not dataset.left_out


def test_the_fingerprint_is_of_contents_and_labels(tmp_path, draw, console):
    """File names and places do not matter, labels do."""
    one, same = draw(tmp_path / "one", pictures=2), draw(tmp_path / "same", pictures=2)
    (same / "lion" / "00.png").rename(same / "lion" / "z.png")
    other = draw(tmp_path / "other", pictures=2, names={"lion": "panda", "panda": "lion"})
    fingerprints = [read(class_folders(each), size=32, console=console).fingerprint for each in (one, same, other)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_nothing_readable_is_an_error(tmp_path, console):
    """A class folder without a picture says so."""
    (tmp_path / "x.jpg").write_text("no")
    with pytest.raises(DatasetError, match="none of the 1 files"):
        read([ClassFolder(tmp_path, "lion")], size=32, console=console)


def _jpeg(path, *, seed, comment=b"", side=64, captured=None):
    shades = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    exif = Image.Exif()
    if captured:
        exif.get_ifd(0x8769)[0x9003] = captured  # DateTimeOriginal
    Image.fromarray(shades).resize((side, side), Image.Resampling.NEAREST).save(path, comment=comment, exif=exif)


def test_own_names_of_classes_meet_the_known_ones(tmp_path, draw):
    """A table of the user's own extends the spellings, in whatever case and with or without an s."""
    draw(tmp_path / "train", pictures=1, names={"lion": "Simbas", "panda": "Big Bears"})
    found = class_folders(tmp_path, {"simba": "lion", "big-bears": "panda"})
    assert {folder.path.name: folder.label for folder in found} == {
        "Simbas": "lion",
        "Big Bears": "panda",
        "jaguar": "jaguar",
        "other": "other",
    }
    assert {folder.split for folder in found} == {"train"}


def test_an_own_name_for_no_label_is_an_error(tmp_path, draw):
    """The message names what is no label and lists those there are."""
    draw(tmp_path, pictures=1)
    with pytest.raises(DatasetError, match=r"class_names.*unicorn.*panda"):
        class_folders(tmp_path, {"simba": "unicorn"})


def test_the_configuration_names_a_wrong_label():
    """It is told when the configuration is read, not when a training begins."""
    assert TrainingSettings(class_names={"Simba": "lion"}).class_names == {"Simba": "lion"}
    with pytest.raises(ValidationError, match="there is no label unicorn"):
        TrainingSettings(class_names={"Simba": "unicorn"})


def test_a_picture_under_two_labels_is_kept_for_a_verdict(tmp_path, draw, console):
    """It is not learned from; one of its files is on hand for whoever settles it."""
    draw(tmp_path, pictures=3)
    (tmp_path / "lion" / "x.png").write_bytes((tmp_path / "panda" / "00.png").read_bytes())
    dataset = read(class_folders(tmp_path), size=32, console=console)
    assert [each.path.name for each in dataset.disputed] == ["x.png"]
    assert not {"x.png"} & {each.path.name for each in dataset.examples}
