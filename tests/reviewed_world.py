"""Reviewed pictures in a data folder: kept pictures on disk, and the ledger that says what people called them."""

import io
from datetime import UTC, datetime, timedelta

import numpy as np
from PIL import Image

from db import store
from db.engine import open_ledger
from db.models import Deployment, Media, Review
from db.observe import refresh
from db.redlist import load
from db.store import SeenFile
from ml.images import examine

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NEW_LOOK = {"panda": (70, 80, 150), "lion": (60, 200, 230), "jaguar": (120, 40, 220), "other": (210, 60, 150)}
"""Other colours than those that the tests' class folders are drawn in: a camera that sees the world another way."""


def blocked(random, colour):
    """A picture of 8 × 8 blocks in shades of one colour."""
    shades = random.uniform(0.2, 1, (8, 8, 1)).repeat(8, axis=0).repeat(8, axis=1)
    return Image.fromarray((shades * np.array(colour)).astype(np.uint8))


def reviews(stations, *, pictures=4, seed=5, colours=NEW_LOOK, reviewers=("Asha", "Ben")):
    """Draw what was seen at each station: (picture, label, station, reviewer), the labels in turn."""
    random = np.random.default_rng(seed)
    labels = list(colours)
    return [
        (blocked(random, colours[labels[number % len(labels)]]), labels[number % len(labels)], station,
         reviewers[number // len(labels) % len(reviewers)])
        for station in stations
        for number in range(pictures)
    ]  # fmt: skip


def put(data, said, *, size=32, at=NOW):
    """Write kept pictures below ``data`` and what was said of them into its ledger; give their sha256, in order."""
    data.mkdir(parents=True, exist_ok=True)
    ledger = open_ledger(data / "trapline.db")
    redlist = load()
    contents = []
    with ledger.write() as session:
        for number, (picture, label, station, reviewer) in enumerate(said):
            media = _media(data, picture, size, number)
            contents.append(media.sha256)
            deployment = store.deployment(
                session, Deployment(key=station, station=station, clock_offset=0, captive=False)
            )
            seen = SeenFile("/inbox", f"{station}/{media.sha256}.png".encode(), "1", at, station)
            media_id = store.take(session, seen, media, deployment, now=at).id
            store.review(
                session, Review(media_id=media_id, region=0, label=label, reviewer=reviewer, at=at, source="test")
            )
            refresh(session, [media_id], redlist)
    ledger.close()
    return contents


def _media(data, picture, size, number):
    file = io.BytesIO()
    picture.save(file, "PNG")
    examined = examine(file.getvalue(), size=size, now=NOW)
    facts = examined.picture
    kept = f"kept/{facts.sha256[:2]}/{facts.sha256}-{size}.jpg"
    (data / kept).parent.mkdir(parents=True, exist_ok=True)
    (data / kept).write_bytes(examined.kept)
    return Media(
        sha256=facts.sha256, picture_hash=facts.picture_hash, phash=facts.phash, flat=facts.flat, format=facts.format,
        width=facts.width, height=facts.height, orientation=facts.orientation, bytes=facts.bytes,
        encoding=facts.encoding, integrity=facts.integrity, time_status="ok", time_source="exif", exif={}, kept=kept,
        camera_time=(NOW + timedelta(minutes=5 * number)).replace(tzinfo=None), received_at=NOW,
    )  # fmt: skip
