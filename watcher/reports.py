"""The report: gather what the ledger says of a span of time, render one HTML file, write it whole or not at all."""

import base64
import hashlib
import io
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image, UnidentifiedImageError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from db import store
from db.engine import Ledger
from db.queries.received import Answer
from db.queries.report import ReportData, gather
from db.redlist import RedList
from db.settings import LedgerSettings

THUMBNAIL = 200  # pixels, the longer side
QUALITY = 70
PICTURE_BYTES = 1_250_000  # of base64 in one report: with the tables it stays below 1.5 MB
NEARLY_SURE = 0.995  # no model is ever 100 % sure, even rounded
TABLE_ROWS = 200  # of rejected files, and of suspected re-exports


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone: give an IANA name such as Africa/Nairobi") from error
    return name


def _cron(expression: str) -> str:
    try:
        CronTrigger.from_crontab(expression)
    except ValueError as error:
        raise ValueError("expected a cron expression such as '0 6 * * *': minute hour day month weekday") from error
    return expression


class ReportSettings(BaseModel):
    """The ``[report]`` section of ``config.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cron: Annotated[str, AfterValidator(_cron)] = Field(
        "0 6 * * *", description="when the report is written: minute hour day month weekday"
    )
    timezone: Annotated[str, AfterValidator(_time_zone)] = Field(
        "UTC", description="the IANA time zone of that hour and of the times in the report, such as Africa/Nairobi"
    )
    folder: Path | None = Field(
        None, description="where reports are written, such as a folder on the share; else reports/ in the data folder"
    )
    pictures: int = Field(60, ge=0, description="pictures shown at most; a report stays below 1.5 MB in any case")
    days: int = Field(1, gt=0, description="days that the first report goes back; each later one starts at the last")


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture as the gallery shows it; a data URI is None where the file is gone or damaged."""

    answer: Answer
    picture: str | None
    heat: str | None


def write_report(
    ledger: Ledger,
    data_dir: Path,
    folder: Path,
    *,
    since: datetime,
    until: datetime,
    redlist: RedList,
    ledger_settings: LedgerSettings,
    now: datetime,
    timezone: ZoneInfo,
    pictures: int = 60,
) -> Path:
    """Write the report on what was received after ``since`` and until ``until``, record it, and give its path.

    The file is named after ``until`` on the clock of ``timezone``; ``latest.html`` beside it becomes a copy. Both
    appear whole, and the ledger learns of the report only then. At most ``pictures`` figures are shown, fewer where
    the file would pass 1.5 MB. Raises OSError where the folder cannot be written; the reports in it stay as they were.
    """
    with ledger.read() as session:
        data = gather(session, since=since, until=until, redlist=redlist, settings=ledger_settings)
    figures = _figures(data.gallery[:pictures], data_dir)
    html = _render(
        timezone,
        data=data,
        figures=figures,
        since=since,
        until=until,
        now=now,
        redlist=redlist,
        event_minutes=ledger_settings.event_minutes,
        rows=TABLE_ROWS,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{until.astimezone(timezone):%Y-%m-%dT%H%M}.html"
    _write(path, html)
    _write(folder / "latest.html", html)
    with ledger.write() as session:
        store.report(session, path=str(path), since=since, until=until, now=now)
    return path


def _figures(answers: tuple[Answer, ...], data_dir: Path) -> list[Figure]:
    """Make thumbnails in the order of merit until the report is full; threatened species first, then by time."""
    figures: list[Figure] = []
    room = PICTURE_BYTES
    for answer in answers:
        size = _fit(answer)
        figure = Figure(
            answer,
            _thumbnail(data_dir / answer.kept, size),
            answer.gradcam and _thumbnail(data_dir / answer.gradcam, size),
        )
        room -= len(figure.picture or "") + len(figure.heat or "")
        if room < 0:
            break
        figures.append(figure)
    return sorted(figures, key=lambda figure: (not figure.answer.threatened, figure.answer.captured_at))


def _fit(answer: Answer) -> tuple[int, int]:
    """Kept pictures are squashed to a square: give the size that has the camera's proportions again."""
    scale = THUMBNAIL / max(answer.width, answer.height)
    return max(1, round(answer.width * scale)), max(1, round(answer.height * scale))


def _thumbnail(path: Path, size: tuple[int, int]) -> str | None:
    out = io.BytesIO()
    try:
        with Image.open(path, formats=["JPEG"]) as picture:
            picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=QUALITY)
    except (OSError, UnidentifiedImageError):
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def _render(timezone: ZoneInfo, **values: Any) -> str:
    # select_autoescape() would not escape a file that ends in .j2, so escaping is on for all.
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=PackageLoader("templates", "."),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": lambda count: f"{count:,}",
        "percent": lambda share: ">99%" if share >= NEARLY_SURE else f"{share:.0%}",
        "coordinates": _coordinates,
        "when": lambda time: _when(time, timezone, year=values["until"].astimezone(timezone).year),
        "day": lambda time: f"{time.astimezone(timezone):%A} {_day(time.astimezone(timezone))}",
    }
    style = environment.get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = environment.get_template("report/page.html.j2")
    return page.render(values, style_hash=f"sha256-{digest}", zone=timezone.key, measures=_measures(values["data"]))


def _when(time: datetime, timezone: ZoneInfo, *, year: int) -> str:
    """Print a time, its year where that is not ``year``; one without a zone is on its station's clock already."""
    local = time.astimezone(timezone) if time.tzinfo else time
    return f"{local.day} {local:%b}, {local:%H:%M}" if local.year == year else f"{_day(local)}, {local:%H:%M}"


def _day(time: datetime) -> str:
    return f"{time.day} {time:%b %Y}"


def _coordinates(latitude: float, longitude: float, *, rounded: bool) -> str:
    digits = 1 if rounded else 4
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.{digits}f}° {north}, {abs(longitude):.{digits}f}° {east}"


def _measures(data: ReportData) -> list[tuple[str, list[tuple[str, str]]]]:
    """Flatten the model's figures, whatever they are called: where they were measured, then name and value of each."""
    found: list[tuple[str, list[tuple[str, str]]]] = []
    _collect(data.model.metrics if data.model else {}, [], found)
    return found


def _collect(metrics: dict[str, Any], where: list[str], found: list[tuple[str, list[tuple[str, str]]]]) -> None:
    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    if numbers:
        heading = ", ".join(_words(name) for name in where) or "Model"
        found.append((heading, [(_words(name), _figure(value)) for name, value in numbers.items()]))
    for name, value in metrics.items():
        if isinstance(value, dict) and len(where) < 2:  # noqa: PLR2004  # deeper are the figures of each class
            _collect(value, [*where, name], found)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _write(path: Path, html: str) -> None:
    """Write beside ``path``, to the disk, then rename: a reader, or a power cut, finds the old file or the new one."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(html)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        part.unlink(missing_ok=True)
