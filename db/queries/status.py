"""What `trapline status` and the end of `trapline process` say: counts and last signs of life."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from db.models import Detection, JobRun, Link, Media, Model, Observation, Prediction, Report, Sighting
from db.types import Decision, Detected, LinkStatus, State


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over the whole ledger, or over some roots."""

    files: dict[State, int]
    media: int
    pending: int
    animals: int  # that a detector saw in pictures, and the model has not yet looked at
    decisions: dict[Decision, int]
    copies: int
    stale: int


@dataclass(frozen=True, slots=True)
class StationSign:
    """The last sign of life of a station."""

    station: str
    files: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that is at fault."""

    station: str
    path: str
    reason: str


def totals(session: Session, roots: Iterable[str] | None = None) -> Totals:
    """Count files by state, media, what waits and what was decided; below ``roots`` only, where given."""
    here: ColumnElement[bool] = true() if roots is None else Sighting.root.in_(list(roots))
    files = session.execute(select(Sighting.state, func.count()).where(here).group_by(Sighting.state))
    current = select(Sighting.media_id).where(here, Sighting.state == State.TAKEN)
    mine = Media.id.in_(current) if roots is not None else true()
    decisions = session.execute(
        select(Observation.decision, func.count())
        .join(Media, Media.id == Observation.media_id)
        .where(mine, Observation.leads)
        .group_by(Observation.decision)
    )
    copies = select(func.count(Link.media_id.distinct())).join(Media, Media.id == Link.media_id)
    return Totals(
        files={state: count for state, count in files},  # noqa: C416  # a Row is no tuple to the type checker
        media=session.scalar(select(func.count()).select_from(Media).where(mine)) or 0,
        pending=session.scalar(select(func.count()).select_from(Media).where(mine, Media.answered_by.is_(None))) or 0,
        animals=_animals(session, mine),
        decisions={decision: count for decision, count in decisions},  # noqa: C416
        copies=session.scalar(copies.where(mine, Link.status != LinkStatus.UNDONE)) or 0,
        stale=session.scalar(select(func.count(Observation.media_id.distinct())).where(Observation.stale)) or 0,
    )


def _animals(session: Session, mine: ColumnElement[bool]) -> int:
    of = Detection
    waiting = select(of.media_id, of.region).join(Media, Media.id == of.media_id).distinct()
    waiting = waiting.where(mine, of.category == Detected.ANIMAL, of.answered_by.is_(None))
    return session.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def labels_of(session: Session, roots: Iterable[str]) -> list[tuple[str, str, int]]:
    """Give (title, category, pictures) of what was answered below ``roots``, the most frequent first."""
    current = select(Sighting.media_id).where(Sighting.root.in_(list(roots)), Sighting.state == State.TAKEN)
    count = func.count(Observation.media_id.distinct())
    rows = session.execute(
        select(Observation.title, Observation.category, count)
        .where(Observation.media_id.in_(current), Observation.decision == Decision.ANSWERED)
        .group_by(Observation.title, Observation.category)
        .order_by(count.desc(), Observation.title)
    )
    return [(title or "", category or "", pictures) for title, category, pictures in rows]


def at_two_deployments(session: Session, roots: Iterable[str] | None = None) -> int:
    """Count the media whose files lie at more than one deployment: a card copied into the wrong folder."""
    query = select(Sighting.media_id).where(Sighting.state == State.TAKEN)
    if roots is not None:
        query = query.where(Sighting.root.in_(list(roots)))
    strays = query.group_by(Sighting.media_id).having(func.count(Sighting.deployment_id.distinct()) > 1)
    return session.scalar(select(func.count()).select_from(strays.subquery())) or 0


def stations(session: Session) -> list[StationSign]:
    """Give the last sign of life a station, by name."""
    rows = session.execute(
        select(Sighting.station, func.count(), func.max(Sighting.seen_at))
        .where(Sighting.state != State.SUPERSEDED)
        .group_by(Sighting.station)
        .order_by(Sighting.station)
    )
    return [StationSign(station, files, seen) for station, files, seen in rows]


def rejected(session: Session, limit: int = 20, roots: Iterable[str] | None = None) -> list[Rejected]:
    """Give the files that are at fault now, those that came last first."""
    here: ColumnElement[bool] = true() if roots is None else Sighting.root.in_(list(roots))
    rows = session.scalars(
        select(Sighting).where(here, Sighting.state == State.REJECTED).order_by(Sighting.id.desc()).limit(limit)
    )
    return [Rejected(s.station, f"{s.root}/{s.path_text}", s.reason or "") for s in rows]


def last_report(session: Session) -> Report | None:
    """Give the report that was written last."""
    return session.scalar(select(Report).order_by(Report.id.desc()).limit(1))


def models_used(session: Session) -> list[tuple[str, int]]:
    """Give (version, answers given) for each model that has answered here."""
    rows = session.execute(
        select(Model.version, func.count(Prediction.id)).outerjoin(Prediction).group_by(Model.id).order_by(Model.id)
    )
    return [(version, count) for version, count in rows]


def asked_until(session: Session, kind: str) -> datetime | None:
    """Give the time after which periods of this job have not run: before one that was cut off, else the last one."""
    of_kind = select(JobRun.period).where(JobRun.kind == kind)
    cut_off = session.scalar(of_kind.where(JobRun.finished_at.is_(None)).order_by(JobRun.period.desc()).limit(1))
    done = session.scalar(of_kind.where(JobRun.finished_at.is_not(None)).order_by(JobRun.period.desc()).limit(1))
    if cut_off is not None and (done is None or cut_off > done):
        return cut_off - timedelta(seconds=1)
    return done


def failed_jobs(session: Session) -> dict[str, str]:
    """Give kind → failure of the jobs whose last run failed."""
    last = select(func.max(JobRun.id)).group_by(JobRun.kind)
    rows = session.scalars(select(JobRun).where(JobRun.id.in_(last), JobRun.failure.is_not(None)))
    return {run.kind: run.failure or "" for run in rows}
