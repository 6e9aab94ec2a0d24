"""The stations and where they stand, as far as a report may say it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import inf

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from db.models import Deployment, Observation, Prediction, Review, Sighting
from db.redlist import RedList
from db.types import State

EXACT = 4  # decimal places: about 10 m


@dataclass(frozen=True, slots=True)
class Place:
    """A station; ``rounded`` says that its place is not told exactly, since threatened species may live there."""

    station: str
    country: str | None
    timezone: str | None
    latitude: float | None
    longitude: float | None
    rounded: bool
    cameras: int
    last_picture: datetime | None  # on the station's clock, no zone


def places(session: Session, redlist: RedList, *, rounding: float) -> list[Place]:
    """Give all stations in use by name. The place is that of the last deployment that has one.

    A place that must not be told exactly (see `hidden`) is rounded to a multiple of ``rounding`` degrees.
    """
    by_station: defaultdict[str, list[Deployment]] = defaultdict(list)
    for deployment in session.scalars(select(Deployment).where(in_use()).order_by(Deployment.station, Deployment.id)):
        by_station[deployment.station].append(deployment)
    last = _last_pictures(session)
    secret = hidden(session, redlist, rounding=rounding)
    return [
        _place(of, last, rounding=rounding if any(d.id in secret for d in of) else None) for of in by_station.values()
    ]


def hidden(session: Session, redlist: RedList, *, rounding: float) -> set[int]:
    """Give the deployments whose place must not be told exactly.

    Those are where any picture ever taken was most probably, whatever the decision, of a threatened species; all others
    of that station or at that ``locationID``; and all that stand nearer to one of these than ``rounding`` degrees.
    """
    every = session.scalars(select(Deployment)).all()
    threatened = _with_threatened(session, every, redlist)
    names = {name for d in every if d.id in threatened for name in _names(d)}
    there = [d for d in every if names & _names(d)]
    return {d.id for d in every if names & _names(d) or any(_apart(d, other) < rounding for other in there)}


def _names(deployment: Deployment) -> set[tuple[str, str]]:
    """Give the names by which deployments are known to stand at one place."""
    named = {("station", deployment.station)}
    return {*named, ("location", deployment.location)} if deployment.location else named


def _apart(one: Deployment, other: Deployment) -> float:
    """Give the degrees between two places, along the axis on which they are more; infinite where one is not known."""
    if one.latitude is None or one.longitude is None or other.latitude is None or other.longitude is None:
        return inf
    east = abs(one.longitude - other.longitude)
    return max(abs(one.latitude - other.latitude), min(east, 360 - east))


def in_use() -> ColumnElement[bool]:
    """A picture was taken there, or a file lies there; what only an older ``stations.csv`` named is left out."""
    file = exists().where(Sighting.deployment_id == Deployment.id, Sighting.state == State.TAKEN)
    return exists().where(Observation.deployment_id == Deployment.id) | file


def _last_pictures(session: Session) -> dict[int, datetime]:
    last = (
        select(Observation.captured_local)
        .where(Observation.deployment_id == Deployment.id)
        .order_by(Observation.captured_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return {deployment_id: at for deployment_id, at in session.execute(select(Deployment.id, last)) if at is not None}


def _with_threatened(session: Session, deployments: Iterable[Deployment], redlist: RedList) -> set[int]:
    """Give the deployments with a picture that the model or a human ever took for a threatened species.

    Nearly every picture is: the search ends with the first, and reads all pictures only where there is none.
    """
    by_country: defaultdict[str | None, list[int]] = defaultdict(list)
    for deployment in deployments:
        by_country[deployment.country].append(deployment.id)
    found: set[int] = set()
    for country, ids in by_country.items():
        labels = _threatened_labels(redlist, country)
        picture = (
            select(Observation.id)
            .where(
                Observation.deployment_id == Deployment.id,
                or_(
                    exists().where(Prediction.media_id == Observation.media_id, Prediction.label.in_(labels)),
                    # of an animal in it, which the model may have been shown from a copy
                    exists().where(Prediction.id == Observation.prediction_id, Prediction.label.in_(labels)),
                    exists().where(Review.media_id == Observation.media_id, Review.label.in_(labels)),
                ),
            )
            .correlate(Deployment)
        )
        found.update(session.scalars(select(Deployment.id).where(Deployment.id.in_(ids), picture.exists())))
    return found


def _threatened_labels(redlist: RedList, country: str | None) -> list[str]:
    labels = {label for taxon in redlist.taxa for label in taxon.labels}
    worst = {label: redlist.resolve(label, country, anywhere=True).worst for label in labels}
    return sorted(label for label, category in worst.items() if category is not None and category.threatened)


def _place(deployments: list[Deployment], last: dict[int, datetime], *, rounding: float | None) -> Place:
    placed = [d for d in deployments if d.latitude is not None and d.longitude is not None]
    latitude, longitude = (placed[-1].latitude, placed[-1].longitude) if placed else (None, None)
    return Place(
        station=deployments[0].station,
        country=next((d.country for d in reversed(deployments) if d.country), None),
        timezone=next((d.timezone for d in reversed(deployments) if d.timezone), None),
        latitude=told(latitude, rounding),
        longitude=told(longitude, rounding),
        rounded=rounding is not None,
        cameras=len({d.camera or d.key for d in deployments}),
        last_picture=max((last[d.id] for d in deployments if d.id in last), default=None),
    )


def told(degrees: float | None, rounding: float | None) -> float | None:
    """Give degrees as they may be told: to a multiple of ``rounding``, or exactly where that is None."""
    if degrees is None or rounding is None:
        return None if degrees is None else round(degrees, EXACT)
    return round(round(degrees / rounding) * rounding, 9)  # 0.1 is no binary number
