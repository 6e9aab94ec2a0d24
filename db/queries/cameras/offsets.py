"""The clock doctor: findings about clocks become rows that somebody may put into ``stations.csv``."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from db.models import Deployment, Media, Observation, Sighting
from db.queries.cameras.health import Finding
from db.queries.cameras.series import GONE
from db.types import printable


@dataclass(frozen=True, slots=True)
class Proposal:
    """How to set a clock right: when it showed ``camera_time``, it really was ``actual_time`` (the station's, no zone).

    ``start`` and ``end`` are those of the pictures concerned, set right; None: those that the deployment has.
    """

    finding: Finding
    deployment: Deployment
    folder: str  # that holds all pictures concerned, below the inbox; a point: the inbox itself
    camera_time: datetime
    actual_time: datetime
    start: datetime | None
    end: datetime | None


def proposals(session: Session, findings: Iterable[Finding]) -> tuple[Proposal, ...]:
    """Propose an offset for each clock of which it is clear; times in the ledger stay as they are."""
    clear = [finding for finding in findings if "offset" in finding.numbers]
    return tuple(each for finding in clear if (each := _proposal(session, finding)) is not None)


def _proposal(session: Session, finding: Finding) -> Proposal | None:
    deployment = session.get_one(Deployment, finding.deployment_id)
    of = Observation.leads & (Observation.deployment_id == deployment.id)
    concerned = of & Observation.captured_at.between(finding.begin, finding.end)
    pictures = select(Media.camera_time).join(Observation, Observation.media_id == Media.id).where(concerned)
    camera_time = session.scalar(pictures.where(Media.camera_time.is_not(None)).order_by(Media.camera_time).limit(1))
    if camera_time is None:
        return None
    offset = timedelta(seconds=finding.numbers["offset"])
    counted = select(func.count()).select_from(Observation)
    whole = session.scalar(counted.where(of)) == session.scalar(counted.where(concerned))
    return Proposal(
        finding=finding,
        deployment=deployment,
        folder=_folder(session, concerned),
        camera_time=camera_time,
        actual_time=camera_time + timedelta(seconds=deployment.clock_offset) + offset,
        start=None if whole else finding.begin + offset,
        end=None if whole else finding.end + offset,
    )


def _folder(session: Session, concerned: ColumnElement[bool]) -> str:
    folders = session.scalars(
        select(Sighting.folder)
        .join(Observation, Observation.media_id == Sighting.media_id)
        .where(concerned, Sighting.state.not_in(GONE), Sighting.deployment_id == Observation.deployment_id)
        .distinct()
    )
    return printable(os.path.commonpath(list(folders))) or "."
