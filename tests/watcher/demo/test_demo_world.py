"""The drawn world keeps what it promises: it is repeatable, and every special file is there and is what it says."""

import csv
import hashlib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import imagehash
import numpy as np
import pytest
import simplejpeg
from PIL import ExifTags, Image

from watcher.demo.world import (
    OTHER,
    SPECIES,
    STATIONS,
    Biome,
    Drawn,
    Kind,
    draw_dataset,
    draw_inbox,
    draw_scene,
)

UNTIL = datetime(2026, 11, 24, 9, tzinfo=UTC)
SIZE = (320, 240)


class Inbox(NamedTuple):
    folder: Path
    drawn: list[Drawn]

    def of(self, kind: Kind) -> list[Path]:
        return [self.folder / one.path for one in self.drawn if one.kind is kind]


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Inbox:
    folder = tmp_path_factory.mktemp("inbox")
    return Inbox(folder, draw_inbox(folder, until=UNTIL, size=SIZE))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).digest() for path in files}


def exif_of(path: Path) -> dict[int, object]:
    with Image.open(path) as picture:
        exif = picture.getexif()
        return {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}


def taken_at(path: Path) -> datetime:
    exif = exif_of(path)
    text = f"{exif[ExifTags.Base.DateTimeOriginal]}.{exif[ExifTags.Base.SubsecTimeOriginal]}"
    return datetime.strptime(text, "%Y:%m:%d %H:%M:%S.%f")  # noqa: DTZ007  # a camera's clock knows no zone


def test_the_same_seed_draws_the_same_bytes(inbox: Inbox, tmp_path: Path) -> None:
    """A second inbox of the same seed and day equals the first, file by file."""
    draw_inbox(tmp_path, until=UNTIL, size=SIZE)
    assert contents(tmp_path) == contents(inbox.folder)


def test_another_seed_draws_another_inbox(inbox: Inbox, tmp_path: Path) -> None:
    """No picture of another seed equals one of this one."""
    drawn = draw_inbox(tmp_path, until=UNTIL, size=SIZE, seed=1)
    pictures = {contents(tmp_path)[str(one.path)] for one in drawn if one.kind is not Kind.TEXT}
    assert pictures.isdisjoint(contents(inbox.folder).values())


def test_every_file_is_accounted_for(inbox: Inbox) -> None:
    """What is returned is what lies in the folder, beside the table of stations."""
    assert {str(one.path) for one in inbox.drawn} | {"stations.csv"} == set(contents(inbox.folder))


def test_all_species_and_an_empty_frame_at_every_station(inbox: Inbox) -> None:
    """Every species is there, and each station has its species, another animal and nothing at all."""
    assert {one.label for one in inbox.drawn} == {*SPECIES, OTHER, None}
    for station in STATIONS:
        here = {(one.label, one.kind) for one in inbox.drawn if one.path.parts[0] == station.folder}
        shown = {(species, Kind.ANIMAL) for species in station.species}
        assert here >= shown | {(OTHER, Kind.ANIMAL), (OTHER, Kind.EMPTY)}


def test_exif_names_the_camera_and_a_time_in_the_last_three_days(inbox: Inbox) -> None:
    """Make, model and serial number are the station's, the time its local one."""
    for one in inbox.drawn:
        if one.kind not in (Kind.ANIMAL, Kind.EMPTY):
            continue
        station = next(station for station in STATIONS if station.folder == one.path.parts[0])
        exif = exif_of(inbox.folder / one.path)
        camera = (exif[ExifTags.Base.Make], exif[ExifTags.Base.Model], exif[ExifTags.Base.BodySerialNumber])
        assert camera == (station.make, station.model, station.serial)
        taken = taken_at(inbox.folder / one.path).replace(tzinfo=ZoneInfo(station.timezone))
        assert UNTIL - timedelta(days=3) < taken < UNTIL


def test_a_burst_is_three_frames_of_which_two_share_a_second(inbox: Inbox) -> None:
    """Each species has at each of its stations three different frames within two seconds."""
    for station in STATIONS:
        for species in station.species:
            shown = [one for one in inbox.drawn if one.label == species and one.path.parts[0] == station.folder]
            paths = [inbox.folder / one.path for one in shown]
            bursts = [
                paths[i : i + 3]
                for i in range(len(paths) - 2)
                if taken_at(paths[i + 2]) - taken_at(paths[i]) < timedelta(seconds=2)
            ]
            assert len(bursts) == 1
            times = [taken_at(path) for path in bursts[0]]
            assert times == sorted(set(times))
            assert len({time.replace(microsecond=0) for time in times}) == 2
            assert len({path.read_bytes() for path in bursts[0]}) == 3


def test_visits_are_independent_of_each_other(inbox: Inbox) -> None:
    """Between two visits at a station lies more than the half hour that ends an event."""
    for station in STATIONS:
        times = sorted(taken_at(path) for path in (inbox.folder / station.folder / station.card).glob("IMG_00[0-8]*"))
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert all(gap < timedelta(seconds=2) or gap > timedelta(minutes=30) for gap in gaps)


def test_names_repeat_between_stations(inbox: Inbox) -> None:
    """Every card begins to count anew, as cards do."""
    assert all((inbox.folder / station.folder / station.card / "IMG_0001.JPG").is_file() for station in STATIONS)


def test_the_copy_has_the_bytes_of_a_picture_in_another_folder_of_its_station(inbox: Inbox) -> None:
    """One content, two paths."""
    (copy,) = inbox.of(Kind.COPY)
    twins = [path for path in inbox.of(Kind.ANIMAL) if path.read_bytes() == copy.read_bytes()]
    assert len(twins) == 1
    assert twins[0].parent != copy.parent
    assert twins[0].relative_to(inbox.folder).parts[0] == copy.relative_to(inbox.folder).parts[0]


def test_the_reencoded_file_is_a_smaller_version_of_just_one_picture(inbox: Inbox) -> None:
    """It has the time of one picture of its station, its aspect and its looks, and other dimensions."""
    (export,) = inbox.of(Kind.REENCODED)
    station = export.relative_to(inbox.folder).parts[0]
    second = exif_of(export)[ExifTags.Base.DateTimeOriginal]
    originals = [
        path
        for path in inbox.of(Kind.ANIMAL)
        if path.relative_to(inbox.folder).parts[0] == station
        and exif_of(path)[ExifTags.Base.DateTimeOriginal] == second
    ]
    assert len(originals) == 1
    assert taken_at(originals[0]) == taken_at(export)
    with Image.open(originals[0]) as full, Image.open(export) as small:
        assert small.width < full.width
        assert small.width * full.height == small.height * full.width
        assert imagehash.phash(full, hash_size=16) - imagehash.phash(small, hash_size=16) <= 16


def test_only_the_truncated_file_fails_a_strict_decoder(inbox: Inbox) -> None:
    """Every other picture decodes without a warning, the truncated one does not."""
    for path in inbox.of(Kind.ANIMAL) + inbox.of(Kind.EMPTY) + inbox.of(Kind.REENCODED):
        assert simplejpeg.decode_jpeg(path.read_bytes(), strict=True).shape[2] == 3
    (broken,) = inbox.of(Kind.TRUNCATED)
    with pytest.raises(ValueError, match="Premature end"):
        simplejpeg.decode_jpeg(broken.read_bytes(), strict=True)


def test_the_text_file_only_has_the_name_of_a_picture(inbox: Inbox) -> None:
    """A note that someone saved as .jpg."""
    (note,) = inbox.of(Kind.TEXT)
    assert note.suffix == ".jpg"
    assert "battery" in note.read_text(encoding="utf-8")


def test_the_table_of_stations_reads_back(inbox: Inbox) -> None:
    """One row a station; its span is aware and ends when the inbox does."""
    with (inbox.folder / "stations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["folder"] for row in rows] == [station.folder for station in STATIONS]
    for row, station in zip(rows, STATIONS, strict=True):
        assert (float(row["latitude"]), float(row["longitude"])) == (station.latitude, station.longitude)
        assert (row["country"], row["timezone"]) == (station.country, station.timezone)
        assert datetime.fromisoformat(row["deploymentStart"]) < UNTIL - timedelta(days=3)
        assert datetime.fromisoformat(row["deploymentEnd"]) == UNTIL


def test_a_time_without_zone_is_refused(tmp_path: Path) -> None:
    """The cameras' local times could not be told."""
    with pytest.raises(ValueError, match="time zone"):
        draw_inbox(tmp_path, until=datetime(2026, 11, 24, 9))  # noqa: DTZ001  # the point of the test


def test_a_data_set_has_a_folder_a_class_and_depends_on_its_seed(tmp_path: Path) -> None:
    """Twelve folders of as many pictures as asked for, the same for the same seed only."""
    for name, seed in (("one", 1), ("same", 1), ("two", 2)):
        draw_dataset(tmp_path / name, seed=seed, pictures=2)
    one, same, two = (contents(tmp_path / name) for name in ("one", "same", "two"))
    assert set(one) == {f"{label}/{number:04}.jpg" for label in (*SPECIES, OTHER) for number in (1, 2)}
    assert one == same
    assert set(one.values()).isdisjoint(two.values())


@pytest.mark.parametrize("biome", Biome)
@pytest.mark.parametrize("night", [False, True])
def test_night_is_grey_and_day_is_not(biome: Biome, *, night: bool) -> None:
    """Infrared pictures have no colour at all, in any biome."""
    scene = np.asarray(draw_scene(None, rng=np.random.default_rng(0), night=night, biome=biome, size=SIZE)).astype(int)
    assert scene.shape == (240, 320, 3)
    assert bool(np.ptp(scene, axis=2).max() == 0) is night


@pytest.mark.parametrize("night", [False, True])
@pytest.mark.parametrize("label", [*SPECIES, OTHER])
def test_an_animal_stands_out_from_the_scene(label: str, *, night: bool) -> None:
    """With the same seeds, a picture with the animal differs visibly from the one without, and mostly in the middle."""
    biome = next((station.biome for station in STATIONS if label in station.species), Biome.SAVANNA)
    shown, empty = (
        np.asarray(
            draw_scene(what, rng=np.random.default_rng(5), night=night, biome=biome, size=SIZE).convert("L")
        ).astype(int)
        for what in (label if label != OTHER else "boar", None)
    )
    changed = abs(shown - empty) > 25
    assert 0.03 < changed.mean() < 0.5
    assert changed[80:220, 60:260].sum() > 0.6 * changed.sum()
