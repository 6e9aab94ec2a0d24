"""Rows for the tests of the ledger, each a plain one where the test does not say otherwise."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import store
from db.detected import region_of
from db.models import (
    Deployment,
    Detection,
    DetectionsFile,
    Media,
    Model,
    Observation,
    Prediction,
    Review,
    Sighting,
)
from db.observe import refresh
from db.redlist import load
from db.store import SeenFile
from db.types import Box, Decision, Detected

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
CAMERA_TIME = datetime(2026, 11, 23, 22, 15)  # noqa: DTZ001  # a camera's clock has no zone
REDLIST = load()
SIDES = ("x", "y", "width", "height")


def seen(path: str = "A/1.JPG", *, root: str = "/inbox", signature: str = "1", **more: Any) -> SeenFile:
    facts: dict[str, Any] = {"file_time": NOW, "station": path.split("/", maxsplit=1)[0]}
    return SeenFile(root, path.encode(), signature, **facts | more)


def sighting_of(session: Session, path: str) -> int:
    """Give the id of the newest sighting at a path."""
    found = select(Sighting.id).where(Sighting.path == path.encode()).order_by(Sighting.generation.desc())
    return session.scalars(found).first() or 0


def content(name: str, *, picture: str | None = None, **more: Any) -> Media:
    """Give the media row of a content called ``name``; those of one ``picture`` have one picture hash."""
    facts: dict[str, Any] = {
        "sha256": hashlib.sha256(name.encode()).hexdigest(), "picture_hash": picture or name, "phash": "0" * 64,
        "flat": False, "format": "JPEG", "width": 640, "height": 480, "orientation": 1, "bytes": 1000,
        "encoding": "x", "integrity": "sound", "camera_time": CAMERA_TIME, "time_status": "ok", "time_source": "exif",
        "exif": {}, "kept": f"kept/{name}.jpg", "received_at": NOW,
    }  # fmt: skip
    return Media(**facts | more)


def deployment(key: str = "A", **more: Any) -> Deployment:
    return Deployment(**{"key": key, "station": key, "clock_offset": 0, "captive": False} | more)


def take(session: Session, path: str, media: Media | str, *, deployed: Deployment | None = None, **file: Any) -> int:
    """Take a file, with its deployment if there is one, and give the id of its media."""
    media = content(media) if isinstance(media, str) else media
    deployment_id = store.deployment(session, deployed) if deployed else None
    return store.take(session, seen(path, **file), media, deployment_id, now=NOW).id


def prediction(media_id: int, model_id: int, label: str = "lion", **more: Any) -> Prediction:
    said: dict[str, Any] = {
        "media_id": media_id, "region": 0, "model_id": model_id, "label": label, "probability": 0.9,
        "decision": Decision.ANSWERED, "background": None, "probabilities": {"one": [0.9, 0.1]},
        "stacked": [0.9, 0.1], "distance": 0.5, "gradcam": f"gradcam/{media_id}.jpg", "predicted_at": NOW,
    }  # fmt: skip
    return Prediction(**said | more)


def answer(session: Session, media_id: int, label: str = "lion", *, version: str = "m1", **more: Any) -> int:
    """Let a model answer, derive the observation, and give the prediction's id."""
    model = Model(version=version, demo=False, classes=["lion", "rhino"], metrics={}, first_used_at=NOW)
    said = store.answer(session, prediction(media_id, store.model(session, model), label, **more))
    refresh(session, [media_id], REDLIST)
    return said


def detect(
    session: Session, path: str, *boxes: tuple[Detected, Box], place: str = "/inbox/results.json", **more: Any
) -> list[int]:
    """Let a detector see these in the file at a path, or nothing at all, and give the regions."""
    file = {"root": "/inbox", "signature": "1", "threshold": 0.2, "detector": "MegaDetector", "pictures": 1, "at": NOW}
    file_id = store.detections_file(session, DetectionsFile(place=place, **file | more))
    seen_there = [
        Detection(
            region=region_of(category, box), category=category, confidence=0.9, **dict(zip(SIDES, box, strict=True))
        )
        for category, box in boxes
    ] or [Detection(region=0, category=Detected.NOTHING)]
    found = store.detected(session, file_id, "/inbox", {path.encode(): seen_there}, {path.encode(): "1"})
    refresh(session, found, REDLIST)
    return [each.region for each in seen_there]


def cut(session: Session, media_id: int, *regions: int) -> None:
    """Cut animals out of their picture."""
    store.cut_out(session, media_id, {region: f"kept/{media_id}-{region}.jpg" for region in regions})


def with_animals(session: Session, path: str, *labels: str, **more: Any) -> list[int]:
    """Let a detector see so many animals in the file at a path, and a model name them; give their regions."""
    media_id = session.scalars(select(Sighting.media_id).where(Sighting.path == path.encode())).one()
    boxes = [(0.1 * number, 0.2, 0.1, 0.3) for number in range(len(labels))]
    regions = detect(session, path, *((Detected.ANIMAL, box) for box in boxes))
    cut(session, media_id, *regions)
    for region, label, box in zip(regions, labels, boxes, strict=True):
        facts = {
            "box": list(box),
            "kept": f"kept/{media_id}-{region}.jpg",
            "gradcam": f"gradcam/{media_id}-{region}.jpg",
        }
        answer(session, media_id, label, region=region, **facts | more)
    return regions


def review(
    session: Session, media_id: int, label: str, *, at: datetime = NOW, reviewer: str = "Asha", region: int = 0
) -> None:
    """Let a person speak, and derive the observation."""
    said = {"label": label, "reviewer": reviewer, "at": at, "source": "test"}
    store.review(session, Review(media_id=media_id, region=region, **said))
    refresh(session, [media_id], REDLIST)


def observed(session: Session, media_id: int) -> Observation:
    """Give the stored observation of a media, as the ledger has it now."""
    session.expire_all()
    return session.scalars(select(Observation).where(Observation.media_id == media_id)).one()


def observed_animals(session: Session, media_id: int) -> dict[int, Observation]:
    """Give region → the stored observation, of all that a media has."""
    session.expire_all()
    found = session.scalars(select(Observation).where(Observation.media_id == media_id).order_by(Observation.region))
    return {each.region: each for each in found}
