"""What each camera brought, as narrow columns of numbers: one pass over the ledger, or one for each deployment."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, DateTime, Executable, Select, case, false, func, literal, not_, null, select
from sqlalchemy.orm import Session

from db.models import Deployment, Media, Observation, Sighting
from db.queries.events import elapsed
from db.types import ObservationType, State

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
DAY = 86_400.0
EPOCH = literal(datetime(1970, 1, 1), DateTime())  # noqa: DTZ001  # as the ledger stores times
DARK, BRIGHT = 0.04, 0.2  # brightness below which a picture is black, and from which one in colour is one of the day
SLICE = 2_000  # rows of the database at once: of more, Python's garbage collector makes much work
EMPTY = (ObservationType.BLANK, ObservationType.UNCLASSIFIED)

# Asked for this way round, no index leads to them, but that of the period does.
GONE = [state for state in State if state is not State.TAKEN]

PATHS = Sighting.root, Sighting.path
FLAGS = {
    "sure": Observation.time_source == "exif",
    "infrared": func.coalesce(Media.infrared, false()),
    "empty": Observation.observation_type.in_(EMPTY),
    "measured": Media.brightness.is_not(None),
    "dark": Media.brightness < DARK,
    "bright": Media.brightness >= BRIGHT,
}
# No Python objects, so that a million of them are filtered and put in order in no time.
ROW = np.dtype([
    ("deployment", "i8"),
    ("media", "i8"),
    ("folder", "i4"),
    ("came", "f8"),
    ("clock", "f8"),
    ("at", "f8"),
    *((flag, "?") for flag in FLAGS),
    ("hashed", "?"),
    ("phash", "u1", 32),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Series:
    """The counted pictures of a deployment: structured arrays.

    ``rows`` are all of them, in the order of their paths; ``in_time`` those whose time the camera wrote, in the order
    of the capture times. Times are seconds since 1970: ``clock`` is what the camera's clock showed, set right as far
    as the deployment says (its own time, no zone; NaN: none), ``at`` the capture time in UTC, which is the camera's
    where ``sure``, ``came`` when Trapline received it. ``folder`` is a number for each folder; ``dark`` and ``bright``
    say something where brightness was ``measured``, ``phash`` where ``hashed``: by day, and not flat.
    """

    deployment: Deployment
    rows: np.ndarray
    in_time: np.ndarray


def series(session: Session, begin: datetime, end: datetime) -> list[Series]:
    """Give the pictures that came in after ``begin`` and until ``end`` and are answered, by deployment."""
    if (begin, end) == ALWAYS:
        columns = _columns(hashes=True).order_by(*PATHS)  # an index has them in that order
    else:
        of_period = _columns(Media.received_at > begin, Media.received_at <= end, hashes=True)
        columns = of_period.order_by(Sighting.deployment_id, *PATHS)  # none has, so that of the period leads to them
    table = _table(session, columns)
    known = {each.id: each for each in session.scalars(select(Deployment))}
    ids, begins = np.unique(table["deployment"], return_index=True)
    return [_of(known[id_], rows) for id_, rows in zip(ids.tolist(), np.split(table, begins)[1:], strict=True)]


def each_of_all(session: Session) -> Iterator[Series]:
    """Give all answered pictures, a deployment at a time in memory, and without their hashes."""
    for known in session.scalars(select(Deployment).order_by(Deployment.id)).all():
        of_it = _columns(Sighting.deployment_id == known.id, hashes=False)
        rows = _table(session, of_it.order_by(Sighting.deployment_id, *PATHS))
        if len(rows):
            yield _of(known, rows)


def _table(session: Session, columns: Executable) -> np.ndarray:
    folders: defaultdict[bytes, int] = defaultdict(count().__next__)
    table = np.concatenate([np.empty(0, ROW), *(_part(some, folders) for some in _slices(session, columns))])
    _, first = np.unique(table["media"], return_index=True)  # a picture may lie there twice
    once = np.sort(first)
    by_deployment: np.ndarray = table[once[np.argsort(table["deployment"][once], kind="stable")]]
    return by_deployment


def _slices(session: Session, columns: Executable) -> Iterator[Sequence[Any]]:
    """Give the rows as the driver has them: to make SQLAlchemy's own of them takes as long as to read them."""
    with session.connection().execute(columns) as result:
        assert result.cursor is not None
        while some := result.cursor.fetchmany(SLICE):
            yield some


def _part(rows: Sequence[Any], folders: Mapping[bytes, int]) -> np.ndarray:
    deployment, media, folder, *times, flags, phashes = (
        [row[number] for row in rows] for number in range(len(rows[0]))
    )
    part = np.zeros(len(rows), ROW)
    part["deployment"], part["media"], part["folder"] = deployment, media, [folders[name] for name in folder]
    part["came"], part["clock"], part["at"] = times
    bits = np.array(flags)
    for number, flag in enumerate(FLAGS):
        part[flag] = bits & 2**number
    part["hashed"] = hashed = np.array([phash is not None for phash in phashes])
    part["phash"][hashed] = np.frombuffer(bytes.fromhex("".join(filter(None, phashes))), np.uint8).reshape(-1, 32)
    return part


def _columns(*which: ColumnElement[bool], hashes: bool) -> Select[Any]:
    is_day = not_(FLAGS["infrared"]) & FLAGS["bright"] & not_(Media.flat)
    flags = (case((is_set, 2**number), else_=0) for number, is_set in enumerate(FLAGS.values()))
    return (
        select(
            Sighting.deployment_id,
            Media.id,
            Sighting.folder,
            elapsed(EPOCH, Media.received_at),
            elapsed(EPOCH, Media.camera_time),
            elapsed(EPOCH, Observation.captured_at),
            sum(flags, literal(0)),
            case((is_day, Media.phash)) if hashes else null(),
        )
        .join(Sighting, Sighting.media_id == Media.id)
        .join(Observation, Observation.media_id == Media.id)
        .where(*which, Observation.counted, Observation.leads, Sighting.state.not_in(GONE))
        .where(Sighting.deployment_id == Observation.deployment_id)
    )


def _of(deployment: Deployment, rows: np.ndarray) -> Series:
    rows["clock"] += deployment.clock_offset
    (sure,) = np.nonzero(rows["sure"])
    return Series(deployment, rows, rows[sure[np.argsort(rows["at"][sure], kind="stable")]])
