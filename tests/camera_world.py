"""Draws what cameras with faults bring, into a ledger: a line a fault, and the observations derived by the product."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

from bursts import burst
from report_world import REDLIST
from sqlalchemy.orm import Session

from db import store
from db.models import Deployment, Media, Model, Prediction, Sighting
from db.observe import refresh
from db.types import Decision, State
from ml.images.fingerprint import perceptual_hash

BEGIN = datetime(2026, 10, 1, 5, tzinfo=UTC)
DAYS = 30
PICKED_UP = BEGIN + timedelta(days=DAYS)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NAIROBI = {"latitude": -1.5, "longitude": 36.8, "timezone": "Africa/Nairobi"}
SCENES = [perceptual_hash(burst(seed, 1)[0], 1)[0] for seed in (7, 8)]


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: when it was taken, and what the camera's clock showed then."""

    at: datetime
    clock: datetime
    night: bool
    brightness: float
    scene: int = 0
    empty: bool = True


def taken(*, days: int = DAYS, a_day: int = 8, seed: int = 0) -> list[Shot]:
    """Draw the pictures of a well camera near Nairobi: by day in colour, by night in infrared."""
    random, shots = Random(seed), []
    for at in sorted(BEGIN + random.random() * days * DAY for _ in range(days * a_day)):
        solar = (at.hour + at.minute / 60 + 36.8 / 15) % 24
        night = not 6 <= solar < 18  # on the equator
        clock = (at + 3 * HOUR).replace(tzinfo=None, microsecond=0)
        shots.append(Shot(at, clock, night, brightness=random.uniform(0.2, 0.6)))
    return shots


def slow(shots: list[Shot], by: timedelta) -> list[Shot]:
    """Let the clock be behind by so much (negative: ahead)."""
    return [replace(shot, clock=shot.clock - by) for shot in shots]


def fill(
    session: Session,
    station: str,
    shots: list[Shot],
    *,
    came: datetime = PICKED_UP,
    status: str = "ok",
    first: int = 1,
    name: Callable[[int], str] = "IMG_{:04}.JPG".format,
    **more: object,
) -> int:
    """Take the files of a card, IMG_0001.JPG and so on, with their answers; give the deployment's id."""
    random = Random(station)
    model = store.model(session, Model(version="m1", demo=False, classes=[], metrics={}, first_used_at=BEGIN))
    id_ = store.deployment(session, Deployment(**{"key": f"seen:{station}", "station": station} | NAIROBI | more))
    folder = f"{station}/100RECNX"
    media = [
        Media(
            sha256=_digest(f"{folder}/{name(number)}"), picture_hash=f"{folder}/{name(number)}", flat=False,
            phash=_seen(SCENES[shot.scene], random), format="JPEG", width=640, height=480, orientation=1, bytes=1000,
            encoding="x", integrity="sound", camera_time=shot.clock, time_status=status, time_source="exif", exif={},
            kept="kept/none.jpg", received_at=came, brightness=shot.brightness, infrared=shot.night,
        )
        for number, shot in enumerate(shots, first)
    ]  # fmt: skip
    session.add_all(media)
    session.flush()
    answers = []
    for picture, shot in zip(media, shots, strict=True):
        path = picture.picture_hash  # the name that it was made of
        session.add(
            Sighting(
                root="/inbox", folder=folder.encode(), path=path.encode(), path_text=path, signature="1",
                file_time=came, station=station, state=State.TAKEN, seen_at=came, media_id=picture.id,
                deployment_id=id_,
            )
        )  # fmt: skip
        answers.append(
            Prediction(
                media_id=picture.id, model_id=model, label="lion", probability=0.9, probabilities={}, stacked=[],
                decision=Decision.OTHER if shot.empty else Decision.ANSWERED, distance=0.1,
                background="blank" if shot.empty else None, gradcam="gradcam/none.jpg", predicted_at=came,
            )
        )  # fmt: skip
    session.add_all(answers)
    session.flush()
    for picture, answer in zip(media, answers, strict=True):
        picture.answered_by = answer.id
    refresh(session, [each.id for each in media], REDLIST)
    return id_


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _seen(scene: str, random: Random) -> str:
    """Give the hash of a scene with an animal, or in other light: thirty bits are others."""
    bits = int(scene, 16)
    for bit in random.sample(range(256), 30):
        bits ^= 1 << bit
    return f"{bits:064x}"
