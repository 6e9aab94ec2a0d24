"""Camera health: which cameras have which faults, since when, and the pictures that show it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Media, Sighting
from db.queries.cameras.clocks import Names, wrong_clocks
from db.queries.cameras.found import Fault, Found
from db.queries.cameras.quiet import gaps, pickups, silent_until
from db.queries.cameras.series import DAY, GONE, Series, each_of_all, series
from db.queries.cameras.sight import moved, no_flash, vegetation
from db.queries.cameras.sun import against_the_sun

MANY = 500  # media a statement


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that shows a fault."""

    media_id: int
    sha256: str
    path: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a camera, its time by the ledger, up to three pictures, and the numbers that `Fault` names.

    ``came`` is when the last picture that bears witness to it arrived.
    """

    deployment_id: int
    station: str
    camera: str | None
    fault: Fault
    begin: datetime
    end: datetime
    came: datetime
    pictures: tuple[Shown, ...]
    numbers: Mapping[str, float]


def camera_findings(session: Session, begin: datetime, end: datetime, silence: timedelta) -> tuple[Finding, ...]:
    """Judge all cameras by the answered pictures that came in after ``begin`` and until ``end``; by station.

    Pictures taken before light was measured say nothing of the sun, the flash and the scene, and cameras without
    coordinates nothing of the sun and the flash. Where the clock jumped by a day or more, or was reset, nothing is
    said of silences.
    """
    every = series(session, begin, end)
    picked_up = pickups(every)
    names = _names_in(session)
    told = [(one, each) for one in every for each in _faults(one, names, picked_up[one.deployment.id], silence)]
    shown = _shown(session, {picture for _, each in told for picture in each.pictures})
    findings = (_finding(one, each, shown) for one, each in told)
    return tuple(sorted(findings, key=lambda each: (each.station, each.camera or "", each.deployment_id, each.begin)))


def timestamp_issues(session: Session) -> set[int]:
    """Give the deployments with pictures whose times are in doubt (Camtrap DP's ``timestampIssues``)."""
    names = _names_in(session)
    return {one.deployment.id for one in each_of_all(session) if any(_of_clock(one, names))}


def _faults(one: Series, names: Names, pickup: float, silence: timedelta) -> Iterator[Found]:
    clocks = list(_of_clock(one, names))
    yield from clocks
    if not any(_tears(each) for each in clocks):
        yield from gaps(one, silence)
        yield from _only([silent_until(one, pickup, silence)])
    yield from _only([moved(one), vegetation(one)])
    if not any(each.fault is Fault.CLOCK_SUN for each in clocks):
        yield from _only([no_flash(one)])


def _of_clock(one: Series, names: Names) -> Iterator[Found]:
    yield from wrong_clocks(one, names)
    yield from _only([against_the_sun(one)])


def _tears(clock: Found) -> bool:
    """Tell whether a wrong clock makes silences where there are none."""
    jumped = clock.fault is Fault.CLOCK_JUMPED and abs(clock.numbers["seconds"]) >= DAY
    return jumped or clock.fault in {Fault.CLOCK_RESET, Fault.CLOCK_AHEAD}


def _only(found: Iterable[Found | None]) -> Iterator[Found]:
    return (each for each in found if each is not None)


def _finding(one: Series, each: Found, shown: Mapping[int, Shown]) -> Finding:
    begin, end, came = (datetime.fromtimestamp(time, UTC) for time in (each.begin, each.end, each.came))
    return Finding(
        deployment_id=one.deployment.id,
        station=one.deployment.station,
        camera=one.deployment.camera,
        fault=each.fault,
        begin=begin,
        end=end,
        came=came,
        pictures=tuple(shown[picture] for picture in each.pictures),
        numbers=each.numbers,
    )


def _names_in(session: Session) -> Names:
    def names(media: list[int]) -> dict[int, str]:
        return {each.media_id: each.path for each in _shown(session, {int(one) for one in media}).values()}

    return names


def _shown(session: Session, media: set[int]) -> dict[int, Shown]:
    ids, found = sorted(media), {}
    for start in range(0, len(ids), MANY):
        rows = session.execute(
            select(Media.id, Media.sha256, func.min(Sighting.path_text))
            .join(Sighting, Sighting.media_id == Media.id)
            .where(Media.id.in_(ids[start : start + MANY]), Sighting.state.not_in(GONE))
            .group_by(Media.id, Media.sha256)
        )
        found.update({id_: Shown(id_, sha256, path) for id_, sha256, path in rows})
    return found
