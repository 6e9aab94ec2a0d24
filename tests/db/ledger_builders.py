"""Rows for the tests of the ledger, each a plain one where the test does not say otherwise."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import store
from db.models import Deployment, Media, Model, Observation, Prediction, Review, Sighting
from db.observe import refresh
from db.redlist import load
from db.store import SeenFile
from db.types import Decision

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
CAMERA_TIME = datetime(2026, 11, 23, 22, 15)  # noqa: DTZ001  # a camera's clock has no zone
REDLIST = load()


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


def review(session: Session, media_id: int, label: str, *, at: datetime = NOW, reviewer: str = "Asha") -> None:
    """Let a person speak, and derive the observation."""
    store.review(session, Review(media_id=media_id, region=0, label=label, reviewer=reviewer, at=at, source="test"))
    refresh(session, [media_id], REDLIST)


def observed(session: Session, media_id: int) -> Observation:
    """Give the stored observation of a media, as the ledger has it now."""
    session.expire_all()
    return session.scalars(select(Observation).where(Observation.media_id == media_id)).one()
