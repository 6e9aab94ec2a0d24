"""Where the generated season is played: the places, what becomes of their cameras, who walks by when, how it looks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from numpy.random import default_rng
from PIL import Image, ImageOps

from db.models import Deployment
from db.types import Decision
from ml.labels import BACKGROUND, SPECIES
from watcher.demo.scenery import Biome
from watcher.demo.world import STATIONS, draw_scene

CARD_NIGHTS, PAUSE_NIGHTS, WINDY_NIGHTS = 14, 12, 5
WIND = 60  # times as many pictures as else
GAP = timedelta(minutes=30)
# How often a class is seen in each hour of the station's day, from midnight on.
BY_DAY, BY_NIGHT, AT_DUSK, ALWAYS = (
    "000001378999999987520000",
    "998864100000000001357899",
    "543335983111111124898665",
    "5" * 24,
)
RHYTHMS = dict.fromkeys((*SPECIES, *BACKGROUND), ALWAYS)
RHYTHMS |= dict.fromkeys(("cheetah", "chimpanzee", "orangutan", "blank", "person", "vehicle"), BY_DAY)
RHYTHMS |= dict.fromkeys(("amur_leopard", "panther", "jaguar"), BY_NIGHT)
RHYTHMS |= dict.fromkeys(("lion", "rhino", "panda"), AT_DUSK)


class Fate(StrEnum):
    """What becomes of a camera."""

    SOUND = "sound"
    SWAPPED = "swapped"  # for another one in the middle of the season, at the same station
    CARD = "card"  # its pictures come by card, every two weeks
    PAUSES = "pauses"  # for twelve days
    DIES = "dies"  # after two thirds of the season
    WRONG_CLOCK = "wrong clock"  # from a third of the season on
    GRASS = "grass"  # moves before the lens in a windy week
    NO_FLASH = "no flash"  # so nothing is seen by night
    HALF_A_DAY = "half a day"  # the clock is behind by


class Recorded(StrEnum):
    """What ``stations.csv`` says of a deployment's span."""

    NOTHING = "nothing"
    START = "start"
    ENDED = "ended"  # both, and it ends with the season
    RUNNING = "running"  # both, and the end is still to come


@dataclass(frozen=True)
class Place:
    """One station."""

    station: str
    latitude: float | None
    longitude: float | None
    country: str | None
    timezone: str | None
    biome: Biome
    species: tuple[str, ...]  # the most frequent first
    fate: Fate = Fate.SOUND
    recorded: Recorded = Recorded.RUNNING

    @cached_property
    def zone(self) -> ZoneInfo:
        """The station's, else that of a camera that nobody told where it is."""
        return ZoneInfo(self.timezone or "UTC")

    def delivery(self, night: int) -> int:
        """Give the night on which the pictures of a night come in."""
        return night // CARD_NIGHTS * CARD_NIGHTS + CARD_NIGHTS - 1 if self.fate is Fate.CARD else night

    def watches(self, night: int, nights: int) -> bool:
        """Whether it takes pictures in a night of the season that come in before its end."""
        away = self.fate is Fate.PAUSES and nights // 2 <= night < nights // 2 + PAUSE_NIGHTS
        dead = self.fate is Fate.DIES and night >= nights * 2 // 3
        return not (away or dead) and self.delivery(night) < nights

    def is_windy(self, night: int, nights: int) -> bool:
        """Whether grass lets it take hundreds of empty pictures."""
        return self.fate is Fate.GRASS and nights // 2 <= night < nights // 2 + WINDY_NIGHTS

    def sees_at(self, time: datetime) -> bool:
        """Whether its pictures show anything at that time, so that it keeps them."""
        return self.fate is not Fate.NO_FLASH or 6 <= time.astimezone(self.zone).hour < 17

    @property
    def behind(self) -> timedelta:
        """How far its clock is behind the station's."""
        return timedelta(hours=12 if self.fate is Fate.HALF_A_DAY else 0)

    def deployments(self, begin: datetime, end: datetime) -> list[Deployment]:
        """Give its row, or the two rows of its two cameras."""
        spans: dict[Recorded, tuple[datetime | None, datetime | None]] = {
            Recorded.NOTHING: (None, None),
            Recorded.START: (begin - timedelta(days=3), None),
            Recorded.ENDED: (begin - timedelta(hours=2), end - timedelta(minutes=40)),
            Recorded.RUNNING: (begin - timedelta(days=20), end + timedelta(days=40)),
        }
        first, last = spans[self.recorded]
        if self.fate is not Fate.SWAPPED:
            return [self._deployment("CAM-1", first, last)]
        middle = begin + (end - begin) // 2
        return [self._deployment("CAM-1", first, middle), self._deployment("CAM-2", middle, last)]

    def _deployment(self, camera: str, start: datetime | None, end: datetime | None) -> Deployment:
        return Deployment(
            key=f"{self.station}/{camera}", station=self.station, camera=camera, folder=self.station,
            latitude=self.latitude, longitude=self.longitude, country=self.country, timezone=self.timezone,
            start=start, end=end,
        )  # fmt: skip


def _demo(folder: str, **more: Any) -> Place:
    at = next(at for at in STATIONS if at.folder == folder)
    return Place(at.folder, at.latitude, at.longitude, at.country, at.timezone, at.biome, at.species, **more)


PLACES = (
    _demo("Mara-07", fate=Fate.SWAPPED),
    Place(
        "Serengeti-14", -2.3333, 34.8333, "TZ", "Africa/Dar_es_Salaam", Biome.SAVANNA,
        ("lion", "african_elephant", "cheetah", "amur_leopard"), Fate.PAUSES, Recorded.NOTHING,
    ),
    Place(
        "Kunene-04", -19.4012, 13.9104, "NA", "Africa/Windhoek", Biome.SAVANNA,
        ("rhino", "cheetah", "lion"), Fate.DIES,
    ),
    Place(
        "Mondulkiri-06", 12.7879, 107.1012, "KH", "Asia/Phnom_Penh", Biome.RAINFOREST,
        ("panther", "amur_leopard"), Fate.WRONG_CLOCK, Recorded.START,
    ),
    Place(
        "Kaziranga-02", 26.5775, 93.1711, "IN", "Asia/Kolkata", Biome.WETLAND,
        ("rhino", "amur_leopard"), Fate.CARD,
    ),
    Place("Old ridge", None, None, None, None, Biome.TAIGA, ("amur_leopard",), recorded=Recorded.NOTHING),
    _demo("Wolong-12"),
    _demo("Kedrovaya-03", recorded=Recorded.ENDED),
    _demo("Pantanal-21", recorded=Recorded.START),
    _demo("Kibale-05", fate=Fate.CARD, recorded=Recorded.START),
    _demo("Sabangau-09", recorded=Recorded.NOTHING),
    _demo("Varanger-02", recorded=Recorded.ENDED),
)  # fmt: skip


# What becomes of some cameras that are else sound, where every fault is wanted.
FAULTS = {"Wolong-12": Fate.GRASS, "Pantanal-21": Fate.NO_FLASH, "Sabangau-09": Fate.HALF_A_DAY}


def places(count: int, *, all_faults: bool = False) -> list[Place]:
    """Give so many places; from the thirteenth on they are once again such as the first ones."""
    faults = FAULTS if all_faults else {}
    first = [replace(place, fate=faults.get(place.station, place.fate)) for place in PLACES]
    rounds = (divmod(number, len(first)) for number in range(count))
    return [
        replace(first[at], station=f"{first[at].station} {again + 1}") if again else first[at] for again, at in rounds
    ]


class Frame(NamedTuple):
    """One picture that a camera took, and what is made of it."""

    at: datetime
    decision: Decision
    best: str  # the most probable of all classes


def diary(place: Place, begin: datetime, count: int, random: Random, *, windy: bool = False) -> list[Frame]:
    """Draw what a camera takes in the 24 hours from ``begin`` on, in time order: bursts, mostly of nothing sought.

    In the wind nothing is seen but grass. What would go on after these hours is cut off, so that files keep the order
    of their times from day to day.
    """
    frames: list[Frame] = []
    end = begin + timedelta(hours=24)
    while len(frames) < count:
        visit = _visit(place, begin, random, windy=windy)
        frames += (frame for frame in visit if frame.at < end and place.sees_at(frame.at))
    return sorted(frames[:count])


def _visit(place: Place, begin: datetime, random: Random, *, windy: bool) -> Iterator[Frame]:
    """Draw a burst. Some come back when an event is just not over yet, or just over."""
    decision, best = (Decision.OTHER, "blank") if windy else _seen(place, random)
    hour = random.choices(range(24), [int(often) for often in RHYTHMS[best]])[0] + random.random()
    dawn = begin.astimezone(place.zone)
    at = begin + timedelta(hours=(hour - dawn.hour - dawn.minute / 60) % 24)
    at = at.replace(microsecond=at.microsecond // 100_000 * 100_000)
    for _ in range(random.choice((1, 1, 1, 1, 2))):
        for _ in range(random.randint(3, 10)):
            empty = random.random() < 0.1  # the animal has left the frame
            yield Frame(at, Decision.OTHER, "blank") if empty else Frame(at, decision, best)
            last, at = at, at + timedelta(milliseconds=100 * random.randint(1, 20))
        at = last + GAP + timedelta(milliseconds=random.choice((-1000, 0, 100)))


def _seen(place: Place, random: Random) -> tuple[Decision, str]:
    """Draw what sets a camera off, and what is made of it."""
    if random.random() < 0.7:
        return Decision.OTHER, random.choices(BACKGROUND, (50, 45, 4, 1))[0]
    label = random.choices(place.species, [1 / (rank + 1) for rank in range(len(place.species))])[0]
    decisions = (Decision.ANSWERED, Decision.UNKNOWN, Decision.UNFAMILIAR, Decision.OUT_OF_RANGE)
    decision = random.choices(decisions, (84, 7, 5, 4))[0]
    if decision is Decision.OUT_OF_RANGE:
        # the model says so and knows no better; that it cannot be follows from the country
        return Decision.ANSWERED, random.choice(SPECIES)
    return decision, label


def draw_looks(data_dir: Path) -> None:
    """Draw the kept pictures and their Grad-CAMs that `look` names, below ``data_dir``."""
    for folder in ("kept/season", "gradcam/season"):
        (data_dir / folder).mkdir(parents=True, exist_ok=True)
    glow = ImageOps.invert(Image.radial_gradient("L").resize((224, 224)))
    heat = ImageOps.colorize(glow, "blue", "red", mid="yellow")
    for number, best in enumerate((*SPECIES, *BACKGROUND)):
        home = next((at.biome for at in STATIONS if best in at.species), Biome.SAVANNA)
        for night in (False, True):
            shown = best if best in (*SPECIES, "other") else None
            scene = draw_scene(shown, rng=default_rng(number), night=night, biome=home, size=(224, 168))
            picture = scene.resize((224, 224))
            picture.save(data_dir / "kept" / look(best, night=night), quality=95)
            Image.blend(picture, heat, 0.4).save(data_dir / "gradcam" / look(best, night=night), quality=90)


def look(best: str, *, night: bool) -> str:
    """Give the file that shows a class by day or by night, below ``kept`` and ``gradcam``."""
    return f"season/{best}-{'night' if night else 'day'}.jpg"
