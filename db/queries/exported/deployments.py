"""The deployments with the spans in which they were there."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Executable, func, or_, select
from sqlalchemy.orm import Session

from db.models import Deployment, Media, Observation
from db.queries.places import in_use
from db.queries.received import in_span


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment; ``start`` and ``end`` are recorded, else of its first and last picture with a sure time."""

    row: Deployment
    start: datetime | None
    end: datetime | None
    pictured: bool  # a picture was ever taken there
    media: int  # of the period, that are counted and have a sure time
    camera: str | None  # maker and model, as its first picture has them
    zone_unknown: bool  # nobody says in which time zone the clock of its camera runs
    clock_failed: bool  # it showed times that cannot be, or none


def deployed(session: Session, begin: datetime, end: datetime, *, now: datetime) -> list[Deployed]:
    """Give all deployments that a picture was ever taken at, or that a table lists, by station.

    An end that is still to come at ``now`` is a plan: what is known then is the last picture. Tables are corrected, and
    may stand for several inboxes: a row without pictures in whose place another row has them is left out.
    """
    of_period = (
        select(Observation.deployment_id, func.count(Observation.media_id.distinct()).label("media"))
        .where(Observation.counted, Observation.time_source == "exif", in_span(Observation.captured_at, begin, end))
        .group_by(Observation.deployment_id)
    )
    media = {row.deployment_id: row.media for row in session.execute(of_period)}
    found = []
    for row in session.execute(_deployments()):
        deployment: Deployment = row.Deployment
        start = deployment.start or row.first
        stop = deployment.end if deployment.end and deployment.end <= now else row.last
        found.append(
            Deployed(
                row=deployment,
                start=start,
                end=max(start, stop) if start and stop else None,
                pictured=row.pictured,
                media=media.get(deployment.id, 0),
                camera="-".join(part for part in (row.make, row.camera_model) if part) or None,
                zone_unknown=deployment.timezone is None and row.media_id is not None and row.camera_offset is None,
                clock_failed=row.failed,
            )
        )
    pictured = [one.row for one in found if one.pictured]
    return [one for one in found if one.pictured or not any(_replaces(other, one.row) for other in pictured)]


def _replaces(new: Deployment, old: Deployment) -> bool:
    """Tell whether a deployment has the name of another, or its folder at the same time."""
    at_once = (new.start is None or old.end is None or new.start < old.end) and (
        old.start is None or new.end is None or old.start < new.end
    )
    return (new.name is not None and new.name == old.name) or (new.folder == old.folder and at_once)


def _deployments() -> Executable:
    at = Observation.captured_at
    mine = (Observation.deployment_id == Deployment.id,)
    sign = select(at).where(*mine, Observation.time_source == "exif", Observation.counted).correlate(Deployment)
    one = select(Observation.media_id).where(*mine).order_by(at).limit(1).correlate(Deployment).scalar_subquery()
    failed = select(Observation.id).where(*mine, Observation.time_source != "exif").correlate(Deployment).exists()
    return (
        select(
            Deployment,
            sign.order_by(at).limit(1).scalar_subquery().label("first"),
            sign.order_by(at.desc()).limit(1).scalar_subquery().label("last"),
            Media.id.label("media_id"),
            Media.make,
            Media.camera_model,
            Media.camera_offset,
            failed.label("failed"),
            in_use().label("pictured"),
        )
        .outerjoin(Media, Media.id == one)
        .where(or_(Media.id.is_not(None), Deployment.folder.is_not(None)))
        .order_by(Deployment.station, Deployment.id)
    )
