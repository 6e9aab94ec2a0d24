"""The drawn world of the demo: the files that its stations' cards bring home, and class folders to learn from.

Nothing is random but by seed: the same arguments give the same bytes.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from numpy.random import Generator, default_rng
from PIL import ExifTags, Image
from pydantic import BeforeValidator, TypeAdapter

from ml.labels import SPECIES
from watcher.demo.camera import FULL_SIZE, OTHER, draw_scene, stamp
from watcher.demo.scenery import Biome

__all__ = ["OTHER", "SPECIES", "STATIONS", "Biome", "Drawn", "Kind", "Station"]
__all__ += ["draw_dataset", "draw_inbox", "draw_scene"]

SPAN = timedelta(days=3)
BURST = tuple(timedelta(milliseconds=ms) for ms in (100, 800, 1700))  # two of the three within one second
DAY = range(6, 18)  # its hours
# Seen at night only where there are not days enough.
DIURNAL = {"antelope", "stork", "cheetah", "rhino", "panda", "chimpanzee", "orangutan"}


class Kind(StrEnum):
    """What a file of the inbox is."""

    ANIMAL = "animal"
    EMPTY = "empty"
    COPY = "copy"  # the same bytes again, in another folder of the station
    REENCODED = "reencoded"  # the same picture, smaller and under another name, its EXIF kept
    TRUNCATED = "truncated"  # a JPEG that ends too early
    TEXT = "text"  # not a picture at all


@dataclass(frozen=True, slots=True)
class Drawn:
    """One file of the inbox and what is to be seen in it."""

    path: Path  # relative to the inbox
    label: str | None  # a species, "other" for other animals and for nothing, None where no answer of its own is due
    kind: Kind


@dataclass(frozen=True, slots=True)
class Station:
    """One camera at one place; ``folder`` is its name in the inbox, ``card`` the folder its memory card brings."""

    folder: str
    place: str
    serial: str
    latitude: float
    longitude: float
    country: str  # ISO 3166-1 alpha-2
    timezone: str
    biome: Biome
    species: Annotated[tuple[str, ...], BeforeValidator(str.split)]
    other: str  # what else walks there
    make: str
    model: str
    card: str


with files("watcher.demo").joinpath("stations.csv").open(encoding="utf-8") as table:
    STATIONS = TypeAdapter(tuple[Station, ...]).validate_python(tuple(csv.DictReader(table)))


def draw_inbox(folder: Path, *, until: datetime, seed: int = 2026, size: tuple[int, int] = FULL_SIZE) -> list[Drawn]:
    """Draw three days of every station up to ``until`` (aware), with ``stations.csv``, into ``folder``.

    Some 60 files (9 MB at full size), with one each of the odd kinds: copy, re-encoded, truncated, text.
    """
    if until.tzinfo is None:
        raise ValueError(f"until must say its time zone, and {until} does not")
    folder.mkdir(parents=True, exist_ok=True)
    _write_stations(folder / "stations.csv", until)
    drawn: list[Drawn] = []
    for index, station in enumerate(STATIONS):
        drawn += _draw_card(folder, station, until, default_rng([seed, index]), size)
    return [*drawn, *_add_odd(folder, drawn)]


def draw_dataset(folder: Path, *, seed: int, pictures: int) -> None:
    """Draw class folders, the eleven species and ``other``, of ``pictures`` files each (320 × 240) into ``folder``.

    Every second picture shows its animal in a place chosen at random, so that a model learns the animal and not the
    place; half of ``other`` are empty.
    """
    for index, label in enumerate((*SPECIES, OTHER)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        homes = [station.biome for station in STATIONS if label in station.species] or list(Biome)
        for number in range(pictures):
            rng = default_rng([seed, index, number])
            biome = rng.choice(homes if number % 2 else list(Biome))
            shown = None if label == OTHER and number % 2 else label
            picture = draw_scene(shown, rng=rng, night=bool(rng.integers(2)), biome=biome, size=(320, 240))
            stamp(picture, f"{rng.integers(1, 13):02}-{rng.integers(1, 29):02}  {rng.integers(-9, 35)}°C")
            picture.save(folder / label / f"{number + 1:04}.jpg", quality=85)


def _write_stations(path: Path, until: datetime) -> None:
    """Write the table of deployments, in Camtrap DP's words where it has them."""
    columns = "folder,locationName,cameraID,latitude,longitude,country,timezone,deploymentStart,deploymentEnd"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns.split(","))
        for at in STATIONS:
            start, end = (moment.astimezone(ZoneInfo(at.timezone)).isoformat() for moment in (until - 10 * SPAN, until))
            where = (at.latitude, at.longitude, at.country, at.timezone)
            rows.writerow([at.folder, at.place, at.serial, *where, start, end])


def _draw_card(folder: Path, at: Station, until: datetime, rng: Generator, size: tuple[int, int]) -> Iterator[Drawn]:
    """Draw what one camera took, numbered in the order of time."""
    view, card = int(rng.integers(2**32)), Path(at.folder, at.card)
    (folder / card).mkdir(parents=True, exist_ok=True)
    number = 0
    for began, animal, frames in _diary(at, until, rng):
        visit = int(rng.integers(2**32))
        degrees = rng.integers(*((-12, 4) if at.biome in (Biome.TAIGA, Biome.TUNDRA) else (14, 32)))
        for step, later in enumerate(BURST[:frames]):
            number, taken = number + 1, began + later
            who, night = default_rng(visit), began.hour not in DAY
            picture = draw_scene(animal, rng=who, night=night, biome=at.biome, size=size, view=view, step=step)
            strip = (f"{taken:%Y-%m-%d  %H:%M:%S}", f"{step + 1}/{frames}", f"{degrees}°C", at.folder.upper())
            stamp(picture, "    ".join(strip))
            path = card / f"IMG_{number:04}.JPG"
            picture.save(folder / path, quality=85, exif=_exif(at, taken))
            yield Drawn(path, animal if animal in SPECIES else OTHER, Kind.ANIMAL if animal else Kind.EMPTY)


def _diary(station: Station, until: datetime, rng: Generator) -> Iterator[tuple[datetime, str | None, int]]:
    """Return when, in local time and hours apart, who set the camera off (or the wind), and how many frames it took."""
    waiting: list[tuple[str | None, int]] = [(species, len(BURST)) for species in station.species]
    waiting += [(station.species[0], 1), (station.other, 1), (None, 1)]
    rng.shuffle(waiting)
    slot, start = SPAN / len(waiting), until.astimezone(ZoneInfo(station.timezone)) - SPAN
    for turn in range(len(waiting)):
        began = (start + slot * (turn + rng.uniform(0.1, 0.8))).replace(microsecond=0)
        visit = min(waiting, key=lambda who: (who[0] in DIURNAL) != (began.hour in DAY))
        waiting.remove(visit)
        yield began, *visit


def _exif(station: Station, taken: datetime) -> Image.Exif:
    """Return what the camera writes of itself and of the (local) time."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = station.make, station.model
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = f"{taken:%Y:%m:%d %H:%M:%S}"
    details[ExifTags.Base.SubsecTimeOriginal] = f"{taken.microsecond // 1000:03}"
    details[ExifTags.Base.BodySerialNumber] = station.serial
    return exif


def _add_odd(folder: Path, drawn: list[Drawn]) -> Iterator[Drawn]:
    """Add what people and failing cards make of pictures, each at a station of its own."""
    copied, exported, broken, noted = STATIONS[:4]

    def shown(at: Station) -> list[Path]:
        return [folder / one.path for one in drawn if one.path.parts[0] == at.folder and one.label in at.species]

    copy, original, whole = shown(copied)[0], shown(exported)[-1], shown(broken)[-1].read_bytes()
    with Image.open(original) as full, BytesIO() as file:  # the last one shares its second with no other
        smaller = full.resize((full.width * 5 // 8, full.height * 5 // 8), Image.Resampling.LANCZOS)
        smaller.save(file, "JPEG", quality=70, exif=full.getexif())
        export = file.getvalue()
    for path, data, kind in (
        (Path(copied.folder, f"{copied.card} - Copy", copy.name), copy.read_bytes(), Kind.COPY),
        (Path(exported.folder, "sent by phone", "panda for the office.jpg"), export, Kind.REENCODED),
        (Path(broken.folder, broken.card, "IMG_0099.JPG"), whole[: len(whole) * 3 // 5], Kind.TRUNCATED),
        (Path(noted.folder, "field notes.jpg"), b"Card changed, battery at 40 %. Lens cleaned.\n", Kind.TEXT),
    ):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
        yield Drawn(path, None, kind)
