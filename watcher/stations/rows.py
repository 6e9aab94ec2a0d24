"""One row of the table: its cells, and what they must be to each other, make a deployment."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from watcher.stations.cells import CLOCK_LIMIT, COLUMNS, MEANT, NAMES, folder
from watcher.stations.deployments import Listed

SHOWN = 60  # characters of a wrong cell

# The columns that become a field of the deployment as they are.
FIELDS = {
    "deploymentID": "name",
    "locationID": "location",
    "latitude": "latitude",
    "longitude": "longitude",
    "coordinateUncertainty": "coordinate_uncertainty",
    "country": "country",
    "timezone": "timezone",
    "setupBy": "setup_by",
    "cameraID": "camera",
    "cameraModel": "camera_model",
    "cameraDelay": "camera_delay",
    "cameraHeight": "camera_height",
    "cameraDepth": "camera_depth",
    "cameraTilt": "camera_tilt",
    "cameraHeading": "camera_heading",
    "detectionDistance": "detection_distance",
    "timestampIssues": "timestamp_issues",
    "baitUse": "bait",
    "featureType": "feature",
    "habitat": "habitat",
    "deploymentGroups": "groups",
    "deploymentTags": "tags",
    "deploymentComments": "comments",
    "captive": "captive",
}


def row_of(root: Path, cells: Mapping[str, str], *, hints: bool) -> Listed | list[str]:
    """Read the cells of a row that say something, by column; give the row, or all that is wrong with it.

    With ``hints`` it also says what may have been meant, which takes long to find.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for column, cell in cells.items():
        try:
            values[column] = COLUMNS[column](cell)
        except ValueError as error:
            hint = _hint(column, cell) if hints else ""
            faults.append(f"{column}: expected {error}{hint}, found {cell[:SHOWN]!r}")
    facts = {field: values[column] for column, field in FIELDS.items() if column in values}
    for rule in (_folder, _span, _clock):
        try:
            facts |= rule(cells, values)
        except ValueError as error:
            faults.append(str(error))
    faults += _at_odds(cells)
    if faults:
        return faults
    first = root.name if facts["folder"] == "." else facts["folder"].split("/")[0]
    return Listed(root=str(root), station=values.get("locationName") or values.get("locationID") or first, **facts)


def _hint(column: str, cell: str) -> str:
    near = MEANT[column](cell) if column in MEANT else None
    return f" (did you mean {near!r}?)" if near else ""


def _folder(cells: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # the rules are alike
    named = next((cells[column] for column in NAMES if column in cells), None)
    if named is None:
        raise ValueError("folder: expected the folder's name below the inbox, found nothing")
    return {"folder": folder(named)}


def _span(cells: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    zone = values.get("timezone")
    start, end = (_instant(values.get(column), zone) for column in ("deploymentStart", "deploymentEnd"))
    if start and end and end < start:
        found = cells["deploymentEnd"][:SHOWN]
        raise ValueError(f"deploymentEnd: expected a time after deploymentStart, found one before it ({found!r})")
    return {"start": start, "end": end}


def _instant(at: datetime | None, zone: str | None) -> datetime | None:
    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone) if zone else UTC)).astimezone(UTC)


def _clock(cells: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the seconds to add to the camera's clock: as said, or the time that it was minus what it showed."""
    pair = [column for column in ("cameraTime", "actualTime") if column in cells]
    if pair and "clockOffset" in cells:
        raise ValueError(f"clockOffset: expected this or cameraTime and actualTime, found {' and '.join(pair)} too")
    if len(pair) == 1:
        (other,) = {"cameraTime", "actualTime"} - set(pair)
        raise ValueError(f"{other}: expected a time, since {pair[0]} is given, found nothing")
    if "cameraTime" not in values or "actualTime" not in values:
        return {"clock_offset": values.get("clockOffset", 0)}
    zone, actual = values.get("timezone"), values["actualTime"]
    on_site = actual.astimezone(ZoneInfo(zone) if zone else UTC).replace(tzinfo=None) if actual.tzinfo else actual
    offset = on_site - values["cameraTime"]
    if abs(offset) > timedelta(seconds=CLOCK_LIMIT):
        found = cells["cameraTime"][:SHOWN]
        raise ValueError(f"cameraTime: expected a time within 100 years of actualTime, found {found!r}")
    return {"clock_offset": round(offset.total_seconds())}


def _at_odds(cells: Mapping[str, str]) -> Iterator[str]:
    for one, other in (("latitude", "longitude"), ("longitude", "latitude")):
        if one in cells and other not in cells:
            yield f"{other}: expected decimal degrees, since {one} is given, found nothing"
    if "cameraHeight" in cells and "cameraDepth" in cells:
        yield "cameraDepth: expected nothing beside cameraHeight, found both"
