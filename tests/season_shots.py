"""The pictures of a night of the generated season, as the rows that the product would write of them."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import numpy as np
from season_places import Frame, Place, look

from db.models import Deployment, Link, Model, Sighting
from db.queries.solar import sun_heights
from db.types import Decision, LinkKind, LinkStatus, State
from ml.labels import BACKGROUND, SPECIES

CLASSES = (*SPECIES, *BACKGROUND)
BACKBONES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
CONFIDENCE, FAR = 0.65, 0.5  # the models' thresholds
DUSK = -3.0  # degrees of the sun at which a camera changes to infrared
LEAST = {Decision.ANSWERED: CONFIDENCE, Decision.OTHER: 0.5, Decision.UNKNOWN: 0.3, Decision.UNFAMILIAR: 0.4}
BROKEN = (
    ("damaged", "damaged: the picture ends too early"),
    ("unsupported", "unsupported: MP4 video"),
    ("empty", "empty: the file has no bytes"),
)


@dataclass(slots=True)
class Shot:
    """One picture: the rows that its observation follows from."""

    media: dict[str, Any]
    sighting: dict[str, Any]
    prediction: dict[str, Any]
    deployment: Deployment
    copy: bool = False
    review: dict[str, Any] | None = None


@dataclass(slots=True)
class Filling:
    """What goes on from night to night, and what the night has brought so far: its shots, and other rows by table."""

    random: Random
    numbers: np.random.Generator
    deployments: dict[str, list[Deployment]]
    model: Model
    media: int = 0
    files: Counter[str] = field(default_factory=Counter)
    shots: list[Shot] = field(default_factory=list)
    rows: defaultdict[type, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))


def take(filling: Filling, place: Place, frames: list[Frame], received: datetime, *, clock_ok: bool) -> None:
    """Add what a place's camera took: its pictures, a few copies of them, and files that are no pictures."""
    random, before = filling.random, len(filling.shots)
    facts = zip(frames, _answers(filling.numbers, frames), _dark(place, frames), strict=True)
    for frame, answer, dark in facts:
        shot = _shot(filling, place, frame, answer, received, clock_ok=clock_ok, dark=dark)
        originals = [each for each in filling.shots[before:] if not each.copy] if random.random() < 0.008 else []
        if originals:
            _let_copy(filling, shot, random.choice(originals))
        filling.shots.append(shot)
        if random.random() < 0.003:  # the same bytes under another name
            filling.rows[Sighting].append(shot.sighting | _name(filling, place))
        if random.random() < 0.003:
            code, reason = random.choice(BROKEN)
            broken = {"state": State.REJECTED, "code": code, "reason": reason, "media_id": None, "deployment_id": None}
            filling.rows[Sighting].append(shot.sighting | _name(filling, place) | broken)


def _dark(place: Place, frames: list[Frame]) -> list[bool]:
    """Say of each frame whether it is night, by the sun where it is known where the camera stands."""
    if place.latitude is None or place.longitude is None:
        return [not 6 <= frame.at.astimezone(place.zone).hour < 18 for frame in frames]
    seconds = np.array([frame.at.timestamp() for frame in frames])
    return (sun_heights(seconds, place.latitude, place.longitude) < DUSK).tolist()


def _answers(numbers: np.random.Generator, frames: list[Frame]) -> Iterator[dict[str, Any]]:
    """Draw what the backbones say, and what they say together, as the decisions ask for."""
    least = np.array([LEAST[frame.decision] for frame in frames])
    top = numbers.uniform(least + 0.01, np.where(least == LEAST[Decision.UNKNOWN], CONFIDENCE - 0.01, 0.999))
    best = np.array([CLASSES.index(frame.best) for frame in frames])
    stacked = numbers.gamma(1, size=(len(frames), len(CLASSES)))
    np.put_along_axis(stacked, best[:, None], 0, axis=1)
    # no other class is as probable as the best one
    stacked = np.minimum(stacked * ((1 - top) / stacked.sum(axis=1))[:, None], 0.9 * top[:, None])
    np.put_along_axis(stacked, best[:, None], top[:, None], axis=1)
    voices = [_rounded(stacked * np.exp(numbers.normal(0, 0.7, stacked.shape))) for _ in BACKBONES]
    together = _rounded(stacked)
    species = together[:, : len(SPECIES)].argmax(axis=1)
    ordered = np.sort(together, axis=1)
    # as the columns' defaults would have it, a tenth of the time for all together
    margins = ordered[:, -1] - ordered[:, -2]
    disagreements = np.mean([np.abs(said - together).sum(axis=1) / 2 for said in voices], axis=0)
    distances = numbers.uniform(0.05, FAR - 0.05, len(frames))
    spoken = [said.tolist() for said in voices]
    for row, frame in enumerate(frames):
        yield {
            "label": SPECIES[species[row]],
            "probability": float(together[row, species[row]]),
            "decision": frame.decision,
            "background": frame.best if frame.decision is Decision.OTHER else None,
            "probabilities": {name: said[row] for name, said in zip(BACKBONES, spoken, strict=True)},
            "stacked": together[row].tolist(),
            "margin": float(margins[row]),
            "disagreement": float(disagreements[row]),
            "distance": float(distances[row]) + FAR * (frame.decision is Decision.UNFAMILIAR),
        }


def _rounded(likely: np.ndarray) -> np.ndarray:
    """Round as the ledger does, so that each row still sums to 1."""
    likely = np.round(likely / likely.sum(axis=1, keepdims=True), 6)
    most = likely.argmax(axis=1)[:, None]
    rest = np.take_along_axis(likely, most, axis=1) + 1 - likely.sum(axis=1, keepdims=True)
    np.put_along_axis(likely, most, np.round(rest, 6), axis=1)
    return likely


def _shot(
    filling: Filling, place: Place, frame: Frame, answer: dict[str, Any], received: datetime, *,
    clock_ok: bool, dark: bool,
) -> Shot:  # fmt: skip
    filling.media += 1
    random, local = filling.random, frame.at.astimezone(place.zone).replace(tzinfo=None)
    shown = look(frame.best, night=not 6 <= local.hour < 18)
    reset = datetime(2000, 1, 1) + timedelta(seconds=filling.media)  # noqa: DTZ001  # a camera's clock has no zone
    camera_time = local - place.behind if clock_ok else reset
    hashes = random.randbytes(96).hex()
    media = {
        "id": filling.media, "sha256": hashes[:64], "picture_hash": hashes[64:128],
        "phash": hashes[128:], "flat": False, "format": "JPEG", "width": 2048, "height": 1536,
        "orientation": 1, "bytes": random.randint(400_000, 900_000), "encoding": "2048x1536 q85",
        "integrity": "sound" if random.random() < 0.999 else "suspect", "camera_time": camera_time,
        "camera_time_raw": str(camera_time)[:19].replace("-", ":"), "camera_offset": None,
        "time_status": "ok" if clock_ok else "implausible",
        "time_source": "exif", "make": "RECONYX", "camera_model": "HP2X HYPERFIRE 2", "serial": place.station,
        "exif": {"Make": "RECONYX", "ISOSpeedRatings": random.choice((100, 400, 1600)), "ExposureTime": 0.0333},
        "kept": f"kept/{shown}", "received_at": received, "brightness": 0.25 if dark else 0.45, "infrared": dark,
    }  # fmt: skip
    prediction = answer | {
        "id": filling.media, "media_id": filling.media, "region": 0, "model_id": filling.model.id,
        "gradcam": f"gradcam/{shown}", "predicted_at": received + timedelta(minutes=random.uniform(1, 19)),
    }  # fmt: skip
    deployment = next(
        each for each in filling.deployments[place.station][::-1] if not each.start or each.start <= frame.at
    )
    sighting = _name(filling, place) | {
        "root": "/inbox", "share": "", "generation": 1, "attempts": 0, "signature": f"{filling.media}",
        "file_time": frame.at.replace(microsecond=0),
        "station": place.station, "state": State.TAKEN, "code": None, "reason": None, "seen_at": received,
        "media_id": filling.media, "deployment_id": deployment.id,
    }  # fmt: skip
    return Shot(media, sighting, prediction, deployment)


def _name(filling: Filling, place: Place) -> dict[str, Any]:
    """Give the columns that name the next file of a place's card."""
    folder, number = divmod(filling.files[place.station], 9999)
    filling.files[place.station] += 1
    path = f"{place.station}/{100 + folder}RECNX/IMG_{number + 1:04}.JPG"
    return {"folder": path.rpartition("/")[0].encode(), "path": path.encode(), "path_text": path}


def _let_copy(filling: Filling, shot: Shot, original: Shot) -> None:
    """Let a shot be what somebody made of another: the same picture with other bytes, or it resized."""
    shot.copy, shot.deployment = True, original.deployment
    of = {key: original.media[key] for key in ("camera_time", "camera_time_raw", "time_status", "kept")}
    kind, status = LinkKind.REEXPORT, LinkStatus.SUSPECTED
    if filling.random.random() < 0.7:
        kind, status = LinkKind.SAME_PICTURE, LinkStatus.CERTAIN
        of |= {key: original.media[key] for key in ("picture_hash", "phash", "integrity")}
        own = {key: shot.prediction[key] for key in ("id", "media_id", "predicted_at")}
        shot.prediction.update(original.prediction | own)
    else:
        of |= {"width": 1024, "height": 768, "encoding": "1024x768 q70"}
    shot.media.update(of)
    shot.sighting.update({key: original.sighting[key] for key in ("file_time", "deployment_id")})
    filling.rows[Link].append(
        {"media_id": shot.media["id"], "canonical_id": original.media["id"], "kind": kind, "status": status}
    )
