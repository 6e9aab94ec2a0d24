"""The report's page: what was gathered, and the pictures' thumbnails, become one HTML text."""

import base64
import hashlib
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image, UnidentifiedImageError

from db.queries.received import Answer
from db.queries.report import ReportData
from db.redlist import RedList

THUMBNAIL = 200  # pixels, the longer side
QUALITY = 70
PICTURE_BYTES = 1_250_000  # of base64 in one report: with the tables it stays below 1.5 MB
NEARLY_SURE = 0.995  # no model is ever 100 % sure, even rounded
TABLE_ROWS = 200  # of rejected files, and of suspected re-exports


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture as the gallery shows it; a data URI is None where the file is gone or damaged."""

    answer: Answer
    picture: str | None
    heat: str | None


def render(
    data: ReportData,
    data_dir: Path,
    timezone: ZoneInfo,
    *,
    pictures: int,
    since: datetime,
    until: datetime,
    now: datetime,
    redlist: RedList,
    event_minutes: int,
) -> str:
    """Give the page; at most ``pictures`` figures are shown, fewer where it would pass 1.5 MB."""
    environment = _environment(timezone, year=until.astimezone(timezone).year)
    style = environment.get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report/page.html.j2").render(
        data=data,
        figures=_figures(data.gallery[:pictures], data_dir),
        measures=_measures(data),
        since=since,
        until=until,
        now=now,
        zone=timezone.key,
        redlist=redlist,
        event_minutes=event_minutes,
        rows=TABLE_ROWS,
        style_hash=f"sha256-{digest}",
    )


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


def _environment(timezone: ZoneInfo, *, year: int) -> Environment:
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
        "when": lambda time: _when(time, timezone, year=year),
        "day": lambda time: f"{time.astimezone(timezone):%A} {_day(time.astimezone(timezone))}",
    }
    return environment


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
