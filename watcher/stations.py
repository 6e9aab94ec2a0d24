"""``stations.csv`` → deployments, and which of them a picture belongs to."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from zoneinfo import ZoneInfo

from db.models import Deployment
from db.observe import instant
from watcher.inbox.scan import COUNTER_FOLDER

# Camtrap DP's column names, where it has one.
COLUMNS = (
    "folder",
    "locationName",
    "cameraID",
    "latitude",
    "longitude",
    "country",
    "timezone",
    "deploymentStart",
    "deploymentEnd",
    "clockOffset",
    "captive",
)
CLOCK_LIMIT = 100 * 366 * 86400  # a camera that starts in 1970 is off by less
COUNTRY = re.compile(r"[A-Z]{2}")


class StationsError(ValueError):
    """``stations.csv`` is wrong; the message has one line for each cell at fault."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A capture time as the camera wrote it, and its offset from UTC in minutes, if it wrote one."""

    at: datetime
    offset: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of ``stations.csv``: one camera at one place for one span of time."""

    root: str
    folder: str
    station: str
    camera: str | None
    latitude: float | None
    longitude: float | None
    country: str | None
    timezone: str | None
    start: datetime | None
    end: datetime | None
    clock_offset: int
    captive: bool

    @property
    def key(self) -> str:
        """What identifies the row: its inbox, its folder and the start of its span."""
        return f"listed:{self.root}:{self.folder}:{self.start.isoformat() if self.start else ''}"

    def deployment(self) -> Deployment:
        """Give the ledger's row."""
        return Deployment(
            key=self.key,
            station=self.station,
            camera=self.camera,
            folder=self.folder,
            latitude=self.latitude,
            longitude=self.longitude,
            country=self.country,
            timezone=self.timezone,
            start=self.start,
            end=self.end,
            clock_offset=self.clock_offset,
            captive=self.captive,
        )

    def spans(self, captured: Captured | None) -> bool:
        """Tell whether a picture of this time can be of this deployment; one without a sure time can."""
        if captured is None:
            return True
        at = instant(captured.at, captured.offset, self.deployment())
        return (self.start is None or self.start <= at) and (self.end is None or at <= self.end)


def read_stations(root: Path) -> tuple[Listed, ...]:
    """Read ``stations.csv`` at the root of an inbox; no file, no rows.

    Raises
    ------
    StationsError
        Columns or cells are wrong: all of them, each with its line.

    """
    path = root / "stations.csv"
    header, rows = _table(path)
    _check_header(path, header)
    listed, faults = [], []
    for line, row in rows:
        try:
            listed.append(
                _listed(str(root), {name: (value or "").strip() for name, value in row.items() if name in COLUMNS})
            )
        except ValueError as error:
            faults.append(f"{path}, line {line}: {error}")
    twice = {key for key, times in Counter(row.key for row in listed).items() if times > 1}
    names = sorted({row.folder for row in listed if row.key in twice})
    faults += [f"{path}: {name} stands there twice with the same start" for name in names]
    if faults:
        raise StationsError("\n".join(faults))
    return tuple(listed)


def _table(path: Path) -> tuple[Sequence[str], list[tuple[int, dict[str, str]]]]:
    """Give the column names and each row with its line; no file is a table without rows."""
    try:
        table = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
        rows = [(table.line_num, row) for row in table]
    except FileNotFoundError:
        return ("folder",), []
    except OSError as error:
        raise StationsError(f"{path} cannot be read now ({error.strerror}): check the share") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise StationsError(f"{path} is no table ({error}): save it as CSV in UTF-8") from error
    return table.fieldnames or [], rows


def _check_header(path: Path, header: Sequence[str]) -> None:
    for name in header:
        near = get_close_matches(name.strip().lower(), [column.lower() for column in COLUMNS], n=1, cutoff=0.9)
        if name not in COLUMNS and near:
            known = next(column for column in COLUMNS if column.lower() == near[0])
            raise StationsError(f"{path}: the column {name!r} is not known; did you mean {known!r}?")
    if "folder" not in header:
        raise StationsError(f"{path}: the column 'folder' is missing; the columns are {', '.join(COLUMNS)}")


def deployment_of(
    listed: tuple[Listed, ...], *, station: str, folders: list[str], captured: Captured | None, serial: str | None
) -> Deployment:
    """Give the deployment of a sighting.

    It is the listed row with the longest folder that holds the file and whose span holds the capture time; else
    station and serial number of the camera; else station and second folder.
    """
    holding = [row for row in listed if _holds(row.folder, folders) and row.spans(captured)]
    if holding:
        return max(holding, key=lambda row: (len(row.folder), row.key)).deployment()
    camera = serial or next((name for name in folders[1:2] if not COUNTER_FOLDER.fullmatch(name)), None)
    return Deployment(
        key=f"seen:{station}:{camera or ''}", station=station, camera=camera, clock_offset=0, captive=False
    )


def _holds(folder: str, folders: list[str]) -> bool:
    wanted = folder.strip("/").split("/")
    return folders[: len(wanted)] == wanted


def _listed(root: str, row: dict[str, str]) -> Listed:
    folder = row["folder"].replace("\\", "/").strip("/")
    if not folder:
        raise ValueError("folder: expected the folder's name below the inbox, found nothing")
    zone = _zone(row)
    start, end = _time(row, "deploymentStart", zone), _time(row, "deploymentEnd", zone)
    if start and end and end < start:
        raise ValueError("deploymentEnd: expected a time after deploymentStart, found one before it")
    return Listed(
        root=root,
        folder=folder,
        station=row.get("locationName") or folder.split("/")[0],
        camera=row.get("cameraID") or None,
        latitude=_degrees(row, "latitude", 90),
        longitude=_degrees(row, "longitude", 180),
        country=_country(row),
        timezone=zone,
        start=start,
        end=end,
        clock_offset=_seconds(row),
        captive=_yes(row),
    )


def _degrees(row: dict[str, str], name: str, limit: int) -> float | None:
    text = row.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -limit <= value <= limit:
        raise ValueError(f"{name}: expected decimal degrees from {-limit} to {limit}, found {text!r}")
    return value


def _country(row: dict[str, str]) -> str | None:
    text = row.get("country")
    if text and not COUNTRY.fullmatch(text):
        raise ValueError(f"country: expected two capital letters (ISO 3166-1 alpha-2, such as KE), found {text!r}")
    return text or None


def _zone(row: dict[str, str]) -> str | None:
    text = row.get("timezone")
    if not text:
        return None
    try:
        ZoneInfo(text)
    except (LookupError, OSError, ValueError) as error:  # a name without a zone, a folder of zones, no name at all
        raise ValueError(f"timezone: expected an IANA time zone (such as Africa/Nairobi), found {text!r}") from error
    return text


def _time(row: dict[str, str], name: str, zone: str | None) -> datetime | None:
    text = row.get(name)
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=ZoneInfo(zone) if zone else UTC)).astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{name}: expected a time such as 2026-11-24T06:00:00, found {text!r}") from error


def _seconds(row: dict[str, str]) -> int:
    text = row.get("clockOffset") or "0"
    try:
        seconds = int(text)
    except ValueError:
        seconds = CLOCK_LIMIT + 1
    if abs(seconds) > CLOCK_LIMIT:
        raise ValueError(f"clockOffset: expected whole seconds to add to the camera's clock, found {text!r}")
    return seconds


def _yes(row: dict[str, str]) -> bool:
    text = (row.get("captive") or "false").lower()
    if text not in {"true", "false"}:
        raise ValueError(f"captive: expected true or false, found {text!r}")
    return text == "true"
