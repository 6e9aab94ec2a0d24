"""The stations and where they stand, as far as a report may say it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from db.models import Deployment, Media, Observation, Prediction, Sighting
from db.redlist import RedList
from db.types import State

EXACT, ROUNDED = 4, 1  # decimal places: about 10 m and 10 km


@dataclass(frozen=True, slots=True)
class Place:
    """A station; ``rounded`` says that the place is only given to 0.1°, since threatened species may live there."""

    station: str
    country: str | None
    latitude: float | None
    longitude: float | None
    rounded: bool
    cameras: int
    last_picture: datetime | None  # on the station's clock, no zone


def places(session: Session, redlist: RedList) -> list[Place]:
    """Give all stations in use by name. The place is that of the last deployment that has one.

    It is rounded where any picture ever taken there was most probably, whatever the decision, of a threatened species.
    """
    by_station: defaultdict[str, list[Deployment]] = defaultdict(list)
    for deployment in session.scalars(select(Deployment).where(_in_use()).order_by(Deployment.station, Deployment.id)):
        by_station[deployment.station].append(deployment)
    last = dict(
        session.execute(
            select(Observation.deployment_id, func.max(Observation.captured_local)).group_by(Observation.deployment_id)
        ).all()
    )
    labels = _labels(session)
    return [_place(station, of, last, labels, redlist) for station, of in by_station.items()]


def _in_use() -> ColumnElement[bool]:
    """A file lies there, or a picture was taken there; what only an older ``stations.csv`` named is left out."""
    files = select(Sighting.deployment_id).where(Sighting.state == State.TAKEN)
    return Deployment.id.in_(files) | Deployment.id.in_(select(Observation.deployment_id))


def _labels(session: Session) -> dict[int | None, set[str]]:
    """Give the labels a deployment's pictures ever had, from the model or from a human."""
    found: defaultdict[int | None, set[str]] = defaultdict(set)
    said = (
        select(Observation.deployment_id, Prediction.label)
        .join(Media, Media.id == Observation.media_id)
        .join(Prediction, Media.answered_by == Prediction.id)
    )
    shown = select(Observation.deployment_id, Observation.label).where(Observation.label.is_not(None))
    for deployment_id, label in [*session.execute(said.distinct()), *session.execute(shown.distinct())]:
        found[deployment_id].add(label)
    return found


def _place(
    station: str,
    deployments: list[Deployment],
    last: dict[int | None, datetime],
    labels: dict[int | None, set[str]],
    redlist: RedList,
) -> Place:
    rounded = any(_threatened(redlist, labels[d.id], d.country) for d in deployments if d.id in labels)
    placed = [d for d in deployments if d.latitude is not None and d.longitude is not None]
    latitude, longitude = (placed[-1].latitude, placed[-1].longitude) if placed else (None, None)
    digits = ROUNDED if rounded else EXACT
    return Place(
        station=station,
        country=next((d.country for d in reversed(deployments) if d.country), None),
        latitude=None if latitude is None else round(latitude, digits),
        longitude=None if longitude is None else round(longitude, digits),
        rounded=rounded,
        cameras=len({d.camera or d.key for d in deployments}),
        last_picture=max((last[d.id] for d in deployments if d.id in last), default=None),
    )


def _threatened(redlist: RedList, labels: Iterable[str], country: str | None) -> bool:
    worst = [redlist.resolve(label, country, anywhere=True).worst for label in labels]
    return any(category is not None and category.threatened for category in worst)
