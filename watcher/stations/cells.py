"""The columns of the table of deployments, and what may stand in a cell of each.

A reader gives a cell's value, or raises a ``ValueError`` that says what was expected. What was meant by a wrong cell is
searched for apart: that takes a thousand times as long.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from difflib import get_close_matches
from functools import cache, lru_cache, partial
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any
from unicodedata import normalize
from zoneinfo import available_timezones

# What data tables write for nothing (Camtrap DP's list). As a country, NA is Namibia.
MISSING = frozenset({"", "NA", "NaN", "nan"})
NAMES = ("folder", "deploymentID", "locationName", "locationID")  # the first that is given names the folder
FEATURES = (
    *("roadPaved", "roadDirt", "trailHiking", "trailGame", "roadUnderpass", "roadOverpass", "roadBridge"),
    *("culvert", "burrow", "nestSite", "carcass", "waterSource", "fruitingTree"),
)
CLOCK_LIMIT = 100 * 366 * 86400  # a camera that starts in 1970 is off by less
YEARS = range(1970, 2200)
MIDNIGHT, LAST_SECOND = time(), time(23, 59, 59)
LONGEST = 100  # characters of a name
NUMBER = re.compile(r"[+-]?\d*\.?\d+", re.ASCII)


def is_missing(column: str, cell: str) -> bool:
    """Tell whether a cell says nothing."""
    return cell in MISSING and (column, cell) != ("country", "NA")


def nearest(name: str, known: Iterable[str], likeness: float = 0.75) -> str | None:
    """Give what of ``known`` is nearly that name, whatever its case."""
    by_lower = {each.lower(): each for each in known}
    near = get_close_matches(name[:LONGEST].lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[near[0]] if near else None


def folder(cell: str) -> str:
    """Read a folder below the inbox, in the form in which its name is compared; ``.`` is the inbox itself."""
    return PurePosixPath(normalize("NFC", cell).replace("\\", "/").strip("/")).as_posix()


def _text(cell: str) -> str:
    return cell


def _number(cell: str, low: float, high: float, what: str) -> float:
    if not NUMBER.fullmatch(cell) or not low <= float(cell) <= high:
        raise ValueError(what)
    return float(cell)


def _whole(cell: str, low: int, high: int, what: str) -> int:
    value = _number(cell, low, high, what)
    if value != int(value):
        raise ValueError(what)
    return int(value)


def _degrees(limit: int, example: str, against: str) -> Callable[[str], float]:
    what = f"decimal degrees from {-limit} to {limit} with a point, below 0 in the {against}, such as {example}"
    return partial(_number, low=-limit, high=limit, what=what)


def _country(cell: str) -> str:
    if cell not in _countries():
        raise ValueError("the two capital letters of a country (ISO 3166-1), such as KE")
    return cell


@lru_cache
def _code_of(name: str) -> str | None:
    codes = {country: code for code, country in _countries().items()}
    near = nearest(name, codes)
    return codes[near] if near else None


@cache
def _countries() -> dict[str, str]:
    """Give the names of countries by their code: the table that comes with the time zones."""
    lines = (files("tzdata.zoneinfo") / "iso3166.tab").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


def _zone(cell: str) -> str:
    if cell not in _zones():
        raise ValueError("an IANA time zone, such as Africa/Nairobi")
    return cell


@lru_cache
def _near_zone(name: str) -> str | None:
    return nearest(name, _zones())


@cache
def _zones() -> set[str]:
    return available_timezones()


def _feature(cell: str) -> str:
    if cell not in FEATURES:
        raise ValueError(f"one of {', '.join(FEATURES)}")
    return cell


def _near_feature(name: str) -> str | None:
    return nearest(name, FEATURES)


def _time(cell: str, of_a_date: time = MIDNIGHT) -> datetime:
    """Read a time, with or without its offset from UTC; ``of_a_date`` is the time meant by a date alone."""
    what = "a time such as 2026-11-24T06:00:00"
    try:
        at = datetime.fromisoformat(cell)
    except ValueError as error:
        raise ValueError(what) from error
    if at.year not in YEARS:
        raise ValueError(f"{what}, of the years {YEARS[0]} to {YEARS[-1]}")
    try:
        return datetime.combine(date.fromisoformat(cell), of_a_date)
    except ValueError:
        return at  # it has a time of its own


def _camera_time(cell: str) -> datetime:
    at = _time(cell)
    if at.tzinfo is not None:
        raise ValueError("what the camera's clock showed, without an offset, such as 2026-11-24T06:00:00")
    return at


def _is_true(cell: str) -> bool:
    if cell.lower() not in {"true", "false"}:
        raise ValueError("true or false")
    return cell.lower() == "true"


_METRES = partial(_number, low=0, high=10_000, what="metres, such as 1.2")

#: How the cells of each column are read. Names and units are Camtrap DP's, but for those that it has not.
COLUMNS: dict[str, Callable[[str], Any]] = {
    "folder": folder,
    "deploymentID": _text,
    "locationID": _text,
    "locationName": _text,
    "latitude": _degrees(90, "-1.49", "south"),
    "longitude": _degrees(180, "35.14", "west"),
    "coordinateUncertainty": partial(_whole, low=1, high=10_000_000, what="whole metres from 1 on, such as 100"),
    "country": _country,
    "timezone": _zone,
    "deploymentStart": _time,
    "deploymentEnd": partial(_time, of_a_date=LAST_SECOND),
    "cameraTime": _camera_time,
    "actualTime": _time,
    "clockOffset": partial(_whole, low=-CLOCK_LIMIT, high=CLOCK_LIMIT, what="whole seconds to add, such as -3600"),
    "setupBy": _text,
    "cameraID": _text,
    "cameraModel": _text,
    "cameraDelay": partial(_whole, low=0, high=864_000, what="whole seconds, such as 120"),
    "cameraHeight": _METRES,
    "cameraDepth": _METRES,
    "cameraTilt": partial(_whole, low=-90, high=90, what="whole degrees from -90 (down) to 90 (up)"),
    "cameraHeading": partial(_whole, low=0, high=360, what="whole degrees from 0 to 360, clockwise from north"),
    "detectionDistance": _METRES,
    "timestampIssues": _is_true,
    "baitUse": _is_true,
    "featureType": _feature,
    "habitat": _text,
    "deploymentGroups": _text,
    "deploymentTags": _text,
    "deploymentComments": _text,
    "captive": _is_true,
}

#: How to find what was meant by a wrong cell, where what may stand there is a list.
MEANT: dict[str, Callable[[str], str | None]] = {
    "country": _code_of,
    "timezone": _near_zone,
    "featureType": _near_feature,
}
