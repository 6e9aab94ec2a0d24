"""Cameras that are silent for longer than their own rhythm: some send at dawn, some bring a card every two weeks."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from db.models import Deployment, Sighting

DAY = timedelta(days=1)
MEMORY = timedelta(days=400)  # what lies further back says nothing of a rhythm
FEWEST = 3  # days of arrival, below which nobody knows what is usual


@dataclass(frozen=True, slots=True)
class Silent:
    """A camera from which nothing has come for longer than usual."""

    station: str
    camera: str | None
    last: datetime  # when its last files came
    usual_days: int
    silent_days: float


def silent(session: Session, now: datetime) -> tuple[Silent, ...]:
    """Give the cameras that are silent at ``now``, by station.

    What is usual for a camera is the 90th percentile of the pauses between the days (UTC) on which new files of it
    came, by nearest rank, so that it is a pause that there was; at least one day. A camera is silent after more than
    twice that, and more than a day over it. Nothing is said of a deployment whose recorded end has passed, or whose
    files came on fewer than three days.
    """
    arrivals: defaultdict[tuple[int, str, str | None], list[datetime]] = defaultdict(list)
    day = func.date(Sighting.seen_at)
    rows = session.execute(
        select(Deployment.id, Deployment.station, Deployment.camera, func.max(Sighting.seen_at))
        .join(Sighting, Sighting.deployment_id == Deployment.id)
        .where(Sighting.seen_at > now - MEMORY, Sighting.seen_at <= now)
        .where(or_(Deployment.end.is_(None), Deployment.end > now))
        .group_by(Deployment.id, Deployment.station, Deployment.camera, day)
        .order_by(Deployment.station, Deployment.camera, Deployment.id, day)
    )
    for deployment_id, station, camera, last in rows:
        arrivals[deployment_id, station, camera].append(last)
    found = (_silent(station, camera, times, now) for (_, station, camera), times in arrivals.items())
    return tuple(each for each in found if each is not None)


def _silent(station: str, camera: str | None, arrivals: list[datetime], now: datetime) -> Silent | None:
    if len(arrivals) < FEWEST:
        return None
    pauses = [(later.date() - earlier.date()).days for earlier, later in pairwise(arrivals)]
    usual = max(1, sorted(pauses)[-(-9 * len(pauses) // 10) - 1])
    since = (now - arrivals[-1]) / DAY
    if since <= max(2 * usual, usual + 1):
        return None
    return Silent(station=station, camera=camera, last=arrivals[-1], usual_days=usual, silent_days=since)
