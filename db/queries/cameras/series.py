"""What each camera brought, as narrow columns of numbers: one pass over the ledger, or one for each deployment."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import ColumnElement, DateTime, Executable, case, false, func, literal, not_, null, select
from sqlalchemy.orm import Session

from db.models import Deployment, Media, Observation, Sighting
from db.queries.events import elapsed
from db.types import ObservationType, State

DAY = 86_400.0
EPOCH = literal(datetime(1970, 1, 1), DateTime())  # noqa: DTZ001  # as the ledger stores times
BRIGHT = 0.2  # brightness from which a picture in colour is one of the day
SLICE = 20_000  # rows in memory at once
EMPTY = (ObservationType.BLANK, ObservationType.UNCLASSIFIED)

# Asked for this way round, no index leads to them, but that of the period does.
GONE = [state for state in State if state is not State.TAKEN]

ROW = np.dtype([
    ("deployment", "i8"),
    ("media", "i8"),
    ("folder", "O"),
    ("came", "f8"),
    ("clock", "f8"),
    ("at", "f8"),
    ("sure", "?"),
    ("brightness", "f8"),
    ("infrared", "?"),
    ("empty", "?"),
    ("phash", "O"),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Series:
    """The counted pictures of a deployment, in the order of their paths: a structured array.

    Times are seconds since 1970: ``clock`` is what the camera's clock showed, set right as far as the deployment says
    (its own time, no zone; NaN: none), ``at`` the capture time in UTC, which is the camera's where ``sure``, ``came``
    when Trapline received it. ``brightness`` is NaN where it was not measured;
    ``phash`` is None but for pictures of the day that are not flat.
    """

    deployment: Deployment
    rows: np.ndarray

    def in_time(self) -> np.ndarray:
        """Give the rows whose time the camera wrote, in the order of the capture times."""
        sure: np.ndarray = self.rows[self.rows["sure"]]
        order = np.argsort(sure["at"], kind="stable")
        in_order: np.ndarray = sure[order]
        return in_order


def series(session: Session, begin: datetime, end: datetime) -> list[Series]:
    """Give the pictures that came in after ``begin`` and until ``end`` and are answered, by deployment."""
    table = _table(session, _columns(Media.received_at > begin, Media.received_at <= end, hashes=True))
    known = {each.id: each for each in session.scalars(select(Deployment))}
    ids, begins = np.unique(table["deployment"], return_index=True)
    return [_of(known[id_], rows) for id_, rows in zip(ids.tolist(), np.split(table, begins)[1:], strict=True)]


def each_of_all(session: Session) -> Iterator[Series]:
    """Give all answered pictures, a deployment at a time in memory, and without their hashes."""
    for known in session.scalars(select(Deployment).order_by(Deployment.id)).all():
        rows = _table(session, _columns(Sighting.deployment_id == known.id, hashes=False))
        if len(rows):
            yield _of(known, rows)


def _table(session: Session, columns: Executable) -> np.ndarray:
    slices = session.connection().execute(columns).partitions(SLICE)
    table = np.concatenate([np.empty(0, ROW), *(np.array([tuple(row) for row in some], ROW) for some in slices)])
    _, first = np.unique(table["media"], return_index=True)  # a picture may lie there twice, and show two animals
    once: np.ndarray = table[np.sort(first)]
    return once


def _columns(*which: ColumnElement[bool], hashes: bool) -> Executable:
    is_night = func.coalesce(Media.infrared, false())
    is_day = not_(is_night) & (Media.brightness >= BRIGHT) & not_(Media.flat)
    return (
        select(
            Sighting.deployment_id,
            Media.id,
            Sighting.folder,
            elapsed(EPOCH, Media.received_at),
            elapsed(EPOCH, Media.camera_time),
            elapsed(EPOCH, Observation.captured_at),
            _flag(Observation.time_source == "exif"),
            Media.brightness,
            _flag(is_night),
            _flag(Observation.observation_type.in_(EMPTY)),
            case((is_day, Media.phash)) if hashes else null(),
        )
        .join(Sighting, Sighting.media_id == Media.id)
        .join(Observation, Observation.media_id == Media.id)
        .where(*which, Observation.counted, Sighting.state.not_in(GONE))
        .where(Sighting.deployment_id == Observation.deployment_id)
        .order_by(Sighting.deployment_id, Sighting.root, Sighting.path)
    )


def _flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Give 1 or 0, which need no conversion."""
    return case((condition, 1), else_=0)


def _of(deployment: Deployment, rows: np.ndarray) -> Series:
    rows["clock"] += deployment.clock_offset
    return Series(deployment, rows)
