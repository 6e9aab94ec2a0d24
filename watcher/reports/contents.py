"""All that one report says, gathered: what is new, the rates of a longer period, and the state of the house."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from db.queries.cameras.found import Fault
from db.queries.cameras.health import Finding, camera_findings
from db.queries.corrections import Heard, Refused, StillOpen, heard, refused, still_open
from db.queries.ecology import Ecology, ecology
from db.queries.precision import Precision, precision
from db.queries.report import ReportData, gather
from db.queries.rhythm import Silent, silent
from db.queries.to_review import Asked, to_review
from db.queries.upkeep import MissedJob, disk_days_left, missed_jobs
from db.redlist import RedList
from db.settings import LedgerSettings
from db.types import ReportKind

LOW_DISK = 2 * 2**30  # bytes, and days, that are worth a word
FEW_DAYS = 21


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a report is of and for: news of (since, until], rates of at least ``rate_days`` before ``until``."""

    kind: ReportKind
    token: str  # what corrections name the report by
    since: datetime
    until: datetime
    now: datetime
    timezone: ZoneInfo
    language: str
    rate_days: int


@dataclass(frozen=True, slots=True)
class House:
    """What only the machine knows; ``model_days`` is how old the model is, where that is worth a word."""

    free_bytes: int
    model_days: int | None


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk of the data folder; how long it lasts at the pace of the last days, where that can be said."""

    free_bytes: int
    days_left: float | None

    @property
    def worth_a_word(self) -> bool:
        """Whether somebody should do something about it."""
        return self.free_bytes < LOW_DISK or (self.days_left is not None and self.days_left < FEW_DAYS)


@dataclass(frozen=True, slots=True)
class Contents:
    """What the page is made of; ``asked`` is empty where nothing is to be reviewed, ``cameras`` are by deployment."""

    occasion: Occasion
    data: ReportData
    ecology: Ecology
    silent: tuple[Silent, ...]
    cameras: tuple[tuple[Finding, ...], ...]
    missed: tuple[MissedJob, ...]
    asked: tuple[Asked, ...]
    precision: Mapping[str, Precision]
    heard: Heard
    refused: tuple[Refused, ...]
    still_open: StillOpen | None
    disk: Disk
    model_days: int | None
    redlist: RedList
    ledger: LedgerSettings


def gather_contents(
    session: Session, occasion: Occasion, house: House, *, redlist: RedList, ledger: LedgerSettings, review: bool
) -> Contents:
    """Read all that the report says from the ledger."""
    since, until = occasion.since, occasion.until
    begin = min(since, until - timedelta(days=occasion.rate_days))
    return Contents(
        occasion=occasion,
        data=gather(session, since=since, until=until, redlist=redlist, settings=ledger),
        ecology=ecology(session, begin=begin, end=until, settings=ledger),
        silent=silent(session, until),
        cameras=_cameras(session, begin, occasion, silence=timedelta(days=ledger.silence_days)),
        missed=missed_jobs(session, since, until),
        asked=to_review(session, since, until, redlist=redlist, seed=occasion.token) if review else (),
        precision=precision(session),
        heard=heard(session, since, until),
        refused=refused(session),
        still_open=still_open(session, until) if review else None,
        disk=Disk(house.free_bytes, disk_days_left(session, occasion.now, house.free_bytes)),
        model_days=house.model_days,
        redlist=redlist,
        ledger=ledger,
    )


def _cameras(
    session: Session, begin: datetime, occasion: Occasion, *, silence: timedelta
) -> tuple[tuple[Finding, ...], ...]:
    """Judge cameras by what came after ``begin``, and give what new pictures show.

    Clocks that started anew stand among those that cannot be right already.
    """
    found = camera_findings(session, begin, occasion.until, silence)
    news = (each for each in found if each.came > occasion.since and each.fault is not Fault.CLOCK_RESET)
    return tuple(tuple(of) for _, of in groupby(news, key=lambda each: each.deployment_id))
