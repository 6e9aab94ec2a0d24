"""The report's page: what was gathered, and the pictures' thumbnails, become HTML texts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jinja2 import Environment

from db.queries.received import Answer
from db.queries.species import Species
from db.queries.to_review import Asked
from db.redlist import RedList
from db.types import Decision
from ml.labels import BACKGROUND, SPECIES
from watcher.reports.charts import map_of, steps
from watcher.reports.contents import Contents
from watcher.reports.pictures import PICTURE_BYTES, Figure, figures
from watcher.reports.rows import activity_rows, matrix, measures, species_rows, station_rows
from watcher.reports.wording import environment, policy_hash

PAGE_BYTES = 1_500_000  # of a report
TABLE_ROWS = 60  # of rejected files, and of suspected re-exports
ALERTS = 24  # with a picture
REVIEW_SHARE = 0.6  # of the room for pictures
CANNOT_TELL = "unknown"

Review = Literal["report", "apart", "none"]  # where the pictures to review are


class Audited(NamedTuple):
    """How many of the answers that were drawn by lot people found right, whatever the species."""

    right: int
    looked: int


@dataclass(frozen=True, slots=True)
class Alert:
    """A threatened species seen, and its best picture."""

    species: Species
    figure: Figure[Answer] | None


@dataclass(frozen=True, slots=True)
class Pages:
    """The report, and the part to review where that is a page of its own.

    ``asked`` is what it asks to look at, and what was drawn for the audit and needs no asking.
    """

    report: str
    review: str | None
    asked: tuple[Asked, ...]


def render(contents: Contents, data_dir: Path, *, pictures: int, review: Review, review_file: str) -> Pages:
    """Give the pages; at most ``pictures`` figures are in the gallery, fewer where a page would pass 1.5 MB.

    Where the part to review stands apart, the report names it ``review_file``, a file beside it.
    """
    occasion = contents.occasion
    words = environment(occasion.language, occasion.timezone, year=occasion.now.astimezone(occasion.timezone).year)
    waiting = [each for each in contents.asked if not each.spoken]
    asked = figures(waiting, data_dir, int(PICTURE_BYTES * REVIEW_SHARE), most=len(waiting))
    apart = review == "apart" and bool(asked)
    told = _about(words, contents) | _review(contents.redlist, asked, review_file if apart else None) | _rows(contents)
    template, part = words.get_template("report/page.html.j2"), "all" if review == "report" else "news"
    room = PICTURE_BYTES - sum(figure.bytes for figure in asked) * (part == "all")
    report = template.render(told, part=part, **_pictures(contents, data_dir, room, most=pictures))
    if (excess := len(report.encode()) - PAGE_BYTES) > 0:  # with hundreds of stations the text is long
        report = template.render(told, part=part, **_pictures(contents, data_dir, room - excess, most=pictures))
    return Pages(
        report=report,
        review=template.render(told, part="review", alerts=[]) if apart else None,
        asked=(*(figure.answer for figure in asked), *(each for each in contents.asked if each.spoken)),
    )


def _about(words: Environment, contents: Contents) -> dict[str, Any]:
    """Give what the page says of itself."""
    occasion = contents.occasion
    return {
        "kind": occasion.kind,
        "token": occasion.token,
        "since": occasion.since,
        "until": occasion.until,
        "now": occasion.now,
        "zone": occasion.timezone.key,
        "style_hash": policy_hash(words, "style.css"),
        "script_hash": policy_hash(words, "report/review.js"),
        "redlist": contents.redlist,
        "event_minutes": contents.ledger.event_minutes,
        "silence_days": contents.ledger.silence_days,
        "rounding": contents.ledger.rounding,
        "rows": TABLE_ROWS,
    }


def _review(redlist: RedList, asked: list[Figure[Asked]], review_file: str | None) -> dict[str, Any]:
    titles = {label: redlist.resolve(label, None).title for label in SPECIES}
    animals = sorted(titles.items(), key=lambda choice: choice[1])
    return {
        "asked": asked,
        "names": titles,
        "choices": [*animals, *((label, "") for label in (*BACKGROUND, CANNOT_TELL))],
        "review_file": review_file,
    }


def _pictures(contents: Contents, data_dir: Path, room: int, *, most: int) -> dict[str, Any]:
    """Give the alerts, each with its best picture, and the gallery: by merit while there is room, shown by time."""
    best: dict[tuple[Any, ...], Answer] = {}
    for answer in contents.data.gallery:
        best.setdefault((answer.title, answer.taxa, answer.letters), answer)
    alerts = contents.data.alerts
    wanted = [best[key] for species in alerts if (key := (species.title, species.taxa, species.letters)) in best]
    shown = {(f.answer.title, f.answer.taxa, f.answer.letters): f for f in figures(wanted, data_dir, room, most=ALERTS)}
    room -= sum(figure.bytes for figure in shown.values())
    gallery = figures(contents.data.gallery, data_dir, room, most=most)
    return {
        "alerts": [Alert(each, shown.get((each.title, each.taxa, each.letters))) for each in alerts],
        "figures": sorted(gallery, key=lambda figure: (not figure.answer.threatened, figure.answer.captured_at)),
        "more_pictures": contents.data.totals.decisions[Decision.ANSWERED] - len(gallery),
    }


def _rows(contents: Contents) -> dict[str, Any]:
    data, ecology = contents.data, contents.ecology
    stations = station_rows(data, ecology)
    return {
        "data": data,
        "ecology": ecology,
        "species": species_rows(data.species, ecology.rates, contents.precision),
        "matrix": matrix(stations, ecology),
        "stations": stations,
        "map": map_of([row.place for row in stations], [row.events for row in stations]),
        "activity": activity_rows(ecology.activity),
        "sunrise": _clock(ecology.sunrise),
        "sunset": _clock(ecology.sunset),
        "accumulation": steps(ecology.accumulation),
        "silent": contents.silent,
        "cameras": contents.cameras,
        "missed": contents.missed,
        "heard": contents.heard,
        "disk": contents.disk,
        "audit": Audited(
            right=sum(each.right for each in contents.precision.values()),
            looked=sum(each.looked for each in contents.precision.values()),
        ),
        "refused": contents.refused,
        "still_open": contents.still_open,
        "model_days": contents.model_days,
        "measures": measures(data.model.metrics if data.model else {}),
    }


def _clock(hours: float | None) -> str | None:
    """Print hours since midnight as on a clock."""
    if hours is None:
        return None
    whole, minutes = divmod(round(hours * 60), 60)
    return f"{whole:02}:{minutes:02}"
