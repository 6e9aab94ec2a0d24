"""Fills a ledger for the tests of the report: deployments, files, pictures, answers and reviews, a line each."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.detected import region_of
from db.engine import Ledger
from db.models import Deployment, Detection, DetectionsFile, Link, Media, Model, Prediction, Review, Sighting
from db.observe import refresh
from db.redlist import load
from db.settings import LedgerSettings
from db.types import Decision, Detected, LinkKind, LinkStatus, ReportKind, State
from watcher.reports.settings import ReportSettings
from watcher.reports.writing import write_report

UNTIL = datetime(2026, 11, 24, 6, tzinfo=UTC)
SINCE = UNTIL - timedelta(days=1)
NIGHT = datetime(2026, 11, 23, 22, 15)  # noqa: DTZ001  # a camera's clock has no zone
REDLIST = load()
Row = TypeVar("Row")


@dataclass
class World:
    """What is added stands in the ledger, observations derived, at the end of `filling`."""

    session: Session
    media: list[int] = field(default_factory=list)
    files: int = 0

    def model(self, version: str = "station-2026-11-01-0a1b2c3d", *, demo: bool = False, **metrics: object) -> int:
        row = Model(version=version, demo=demo, classes=["lion"], metrics=metrics, first_used_at=SINCE)
        return self._add(row).id

    def station(self, name: str, country: str | None = "KE", camera: str = "CAM-1", **more: object) -> int:
        key = f"{name}/{camera}"
        return self._add(Deployment(key=key, station=name, camera=camera, country=country, **more)).id

    def picture(
        self,
        deployment: int,
        model: int | None,
        label: str = "lion",
        *,
        probability: float = 0.9,
        decision: Decision = Decision.ANSWERED,
        background: str | None = None,
        at: datetime | None = NIGHT,
        received: datetime = UNTIL - timedelta(hours=1),
        answered: datetime | None = None,
        time_status: str = "ok",
        kept: str = "kept/none.jpg",
        gradcam: str = "gradcam/none.jpg",
        size: tuple[int, int] = (640, 480),
        integrity: str = "sound",
    ) -> int:
        """Add one picture with its file and, where there is a model, its answer (given when it came, if not said)."""
        digest = hashlib.sha256(str(self.files).encode()).hexdigest()
        media = self._add(
            Media(
                sha256=digest, picture_hash=digest, phash=digest, flat=False, format="JPEG", width=size[0],
                height=size[1], orientation=1, bytes=1000, encoding="x", integrity=integrity, camera_time=at,
                time_status=time_status, time_source="exif", exif={}, kept=kept, received_at=received,
            )
        )  # fmt: skip
        self.file(deployment, state=State.TAKEN, media=media.id, seen=received)
        if model is not None:
            said = Prediction(
                media_id=media.id, model_id=model, label=label, probability=probability, decision=decision,
                background=background, probabilities={}, stacked=[], distance=0.0, gradcam=gradcam,
                predicted_at=answered or received,
            )  # fmt: skip
            media.answered_by = self._add(said).id
        self.media.append(media.id)
        return media.id

    def animals(
        self,
        media: int,
        model: int,
        *labels: str,
        kept: str = "kept/none.jpg",
        looked: datetime = UNTIL - timedelta(hours=1),
        place: str = "/inbox/md.json",
    ) -> list[int]:
        """Let a detector see so many animals side by side in a picture, and a model name them; give their regions."""
        path = self.session.scalars(select(Sighting.path).where(Sighting.media_id == media)).one()
        of = {"root": "/inbox", "signature": "x", "threshold": 0.2, "detector": "MegaDetector", "pictures": 1}
        file = self._add(DetectionsFile(place=place, at=UNTIL, **of))
        regions = []
        for number, label in enumerate(labels):
            box = (0.25 * number, 0.2, 0.2, 0.2)
            answer = {
                "model_id": model, "label": label, "probability": 0.9, "decision": Decision.ANSWERED,
                "probabilities": {}, "stacked": [], "distance": 0.0, "gradcam": kept,
                "predicted_at": looked,
            }  # fmt: skip
            where = {"media_id": media, "region": region_of(Detected.ANIMAL, box), "kept": kept}
            answered = self._add(Prediction(box=list(box), **where | answer))
            sides = dict(zip(("x", "y", "width", "height"), box, strict=True))
            seen = {"root": "/inbox", "path": path, "category": Detected.ANIMAL, "confidence": 0.9}
            self._add(Detection(file_id=file.id, answered_by=answered.id, **where | seen | sides))
            regions.append(where["region"])
        self.media.append(media)
        return regions

    def answer_again(self, media: int, model: int, label: str, *, at: datetime) -> None:
        """Let another model answer a picture that was answered before."""
        said = Prediction(
            media_id=media, model_id=model, label=label, probability=0.9, decision=Decision.ANSWERED,
            probabilities={}, stacked=[], distance=0.0, gradcam="gradcam/none.jpg", predicted_at=at,
        )  # fmt: skip
        self.session.get_one(Media, media).answered_by = self._add(said).id
        self.media.append(media)

    def file(
        self,
        deployment: int,
        *,
        state: State,
        media: int | None = None,
        path: str | None = None,
        reason: str | None = None,
        seen: datetime = UNTIL - timedelta(hours=1),
    ) -> None:
        """Add one more file, rejected or with the content of a picture that is there already."""
        self.files += 1
        station = self.session.get_one(Deployment, deployment).station
        path = path or f"{station}/IMG_{self.files:04}.JPG"
        self._add(
            Sighting(
                root="/inbox", folder=b"", path=path.encode(), path_text=path, signature="x", file_time=seen,
                station=station, state=state, reason=reason, seen_at=seen, media_id=media, deployment_id=deployment,
            )
        )  # fmt: skip

    def link(self, media: int, canonical: int, kind: LinkKind, status: LinkStatus) -> None:
        self._add(Link(media_id=media, canonical_id=canonical, kind=kind, status=status))

    def review(
        self, media: int, label: str, reviewer: str = "Asha", at: datetime = UNTIL, source: str = "corrections"
    ) -> None:
        self._add(Review(media_id=media, label=label, reviewer=reviewer, at=at, source=source))

    def _add(self, row: Row) -> Row:
        self.session.add(row)
        self.session.flush()
        return row


@contextmanager
def filling(ledger: Ledger) -> Iterator[World]:
    """Add what the block adds, and derive the observations of all its pictures."""
    with ledger.write() as session:
        world = World(session, files=session.scalar(select(func.count()).select_from(Sighting)) or 0)
        yield world
        refresh(session, world.media, REDLIST)


def drawn(path: Path) -> str:
    """Make a kept picture at ``path``, as hard to compress as any, and give its name below the data folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((224, 224), 60).convert("RGB").save(path, "JPEG", quality=95)
    return f"{path.parent.name}/{path.name}"


def report_of(
    ledger: Ledger,
    data_dir: Path,
    *,
    since: datetime = SINCE,
    until: datetime = UNTIL,
    now: datetime | None = None,
    kind: ReportKind = ReportKind.ASKED,
    **settings: Any,
) -> Path:
    """Write a report at its end, on the day that all the tests are about, if not said otherwise."""
    return write_report(
        ledger, data_dir, data_dir / "reports", since=since, until=until, now=now or until, kind=kind,
        redlist=REDLIST, ledger_settings=LedgerSettings(),
        settings=ReportSettings(**{"timezone": "Africa/Nairobi"} | settings),
    )  # fmt: skip
