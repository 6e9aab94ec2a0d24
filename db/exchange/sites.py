"""What is exported of the deployments: by what name, and where they stand as far as that may be told."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from math import ceil, sqrt

from sqlalchemy.orm import Session

from db.models import Deployment
from db.queries.cameras.health import timestamp_issues
from db.queries.exported.deployments import Deployed, deployed
from db.queries.places import hidden, told
from db.redlist import RedList
from db.settings import LedgerSettings

DEGREE = 111_320  # metres, of latitude; of longitude at most


@dataclass(frozen=True, slots=True)
class Scope:
    """What is exported: the pictures taken after ``begin`` and until ``end``, by these rules, as of ``now``."""

    begin: datetime
    end: datetime
    now: datetime
    redlist: RedList
    ledger: LedgerSettings

    def holds(self, time: datetime) -> bool:
        """Tell whether a time is in the period."""
        return self.begin < time <= self.end


@dataclass(frozen=True, slots=True)
class Site:
    """A deployment under its public name; its place is rounded where threatened species may live, and near there."""

    known: Deployed
    id: str
    latitude: float | None
    longitude: float | None
    rounding: float | None  # degrees; None: the place is told as it was recorded
    clock_doubted: bool  # its pictures, or whoever set it up, say that its times may be wrong

    @property
    def uncertainty(self) -> int | None:
        """Metres from the place that is told to the farthest at which the camera may stand; None: nobody said."""
        recorded = self.known.row.coordinate_uncertainty
        if self.rounding is None:
            return recorded
        return ceil(self.rounding / 2 * sqrt(2) * DEGREE) + (recorded or 0)

    @property
    def lacks(self) -> str | None:
        """What Camtrap DP asks for and nobody has said, or has shown."""
        if not self.known.pictured:  # Trapline counts no effort of it either
            return "no picture was ever taken there"
        if self.latitude is None or self.longitude is None:
            return "stations.csv says no latitude and longitude"
        if self.known.start is None or self.known.end is None:
            return "its start or its end is not recorded, and none of its pictures has a sure time"
        return None


def sites(session: Session, scope: Scope) -> dict[int, Site]:
    """Give the deployments that took a picture in the period, or were there in it, by the ledger's id."""
    secret = hidden(session, scope.redlist, rounding=scope.ledger.rounding)
    known = deployed(session, scope.begin, scope.end, now=scope.now)
    names = Counter(one.row.name for one in known)
    doubted = timestamp_issues(session)
    return {
        one.row.id: _site(
            one,
            _name(one.row, names),
            rounding=scope.ledger.rounding if one.row.id in secret else None,
            doubted=one.row.id in doubted,
        )
        for one in known
        if _meets(one, scope)
    }


def _meets(one: Deployed, scope: Scope) -> bool:
    if one.media or one.start is None or one.end is None:
        return True
    return one.start <= scope.end and one.end > scope.begin


def _site(one: Deployed, name: str, *, rounding: float | None, doubted: bool) -> Site:
    latitude, longitude = one.row.latitude, one.row.longitude
    if rounding is not None:
        latitude, longitude = _within(told(latitude, rounding), 90), _within(told(longitude, rounding), 180)
    doubted = doubted or one.clock_failed or one.zone_unknown or bool(one.row.timestamp_issues)
    return Site(one, name, latitude, longitude, rounding, doubted)


def _within(degrees: float | None, limit: int) -> float | None:
    return None if degrees is None else max(-limit, min(limit, degrees))


def _name(row: Deployment, names: Mapping[str | None, int]) -> str:
    """Give the name it was given, where no other has it; else one that stays the same as long as its row does."""
    if row.name and names[row.name] == 1:
        return row.name
    return f"{row.name or row.station}-{sha256(row.key.encode()).hexdigest()[:8]}"
