"""A report's words in its reader's language: messages from the catalogues, dates and numbers as Babel knows them."""

import base64
import csv
import hashlib
import io
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from jinja2 import Environment, PackageLoader, StrictUndefined

from db.queries.places import Place

# English as much of the world writes it: the day before the month, 24 hours.
LOCALES = {"en": "en_GB", "fr": "fr", "es": "es", "pt": "pt", "sw": "sw", "id": "id"}
N_ = str  # marks a message that a template asks for by a variable
JOBS = (N_("nightly report"), N_("weekly report"), N_("monthly report"), N_("retraining"))
NEARLY_SURE = 0.995  # no model is ever 100 % sure, even rounded


@lru_cache(maxsize=8)  # to compile the templates takes longer than to render them
def environment(language: str, timezone: ZoneInfo, *, year: int) -> Environment:
    """Give what renders the templates of reports: everything escaped, nothing undefined. Do not change it: it is kept.

    Times are shown on the clock of ``timezone``, without their year where it is ``year``; a time without a zone is on
    its station's clock already.
    """
    # select_autoescape() would not escape a file that ends in .j2, so escaping is on for all.
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=PackageLoader("templates", "."),
        extensions=["jinja2.ext.i18n"],
        lstrip_blocks=True,
    )
    words, locale = translations(language), Locale.parse(LOCALES[language])
    made.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]  # the extension's
    made.globals["language"] = language
    made.filters |= _numbers(locale) | _times(locale, timezone, year)
    made.filters["name"] = lambda title: words.gettext(title) if title else ""
    return made


def policy_hash(words: Environment, name: str) -> str:
    """Give what a page's policy names a style or a script by, so that the browser runs no other."""
    digest = hashlib.sha256(words.get_template(name).render().encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@lru_cache
def translations(language: str) -> NullTranslations:
    """Give the messages of a language; English ones are the messages themselves."""
    if language == "en":
        return NullTranslations()
    messages, compiled = (files("templates") / "locale" / f"{language}.po").read_bytes(), io.BytesIO()
    catalogue = read_po(io.BytesIO(messages), locale=language)
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def titles_in(table: BinaryIO, *_: Any, **__: Any) -> Iterator[tuple[int, str, str, list[str]]]:
    """Find the names of animals in a Red List table: the messages that no template holds. ``pybabel`` calls it."""
    rows = csv.DictReader(io.TextIOWrapper(table, encoding="utf-8"))
    for row in rows:
        labels = [label.replace("_", " ").capitalize() for label in row.get("labels", "").split()]
        for title in (row.get("title") or row["commonName"], *labels):
            yield rows.line_num, "gettext", title, []


def _numbers(locale: Locale) -> dict[str, Any]:
    def decimal(value: float, digits: int = 1) -> str:
        return format_decimal(value, "#,##0" + ("." + "0" * digits if digits else ""), locale=locale)

    def coordinates(place: Place) -> str:
        north = "N" if (place.latitude or 0) >= 0 else "S"
        east = "E" if (place.longitude or 0) >= 0 else "W"
        digits = 3 if place.rounded else 4
        return ", ".join(
            f"{format_decimal(round(abs(degrees or 0), digits), locale=locale, decimal_quantization=False)}° {side}"
            for degrees, side in ((place.latitude, north), (place.longitude, east))
        )

    return {
        "number": lambda count: format_decimal(count, locale=locale),
        "decimal": decimal,
        "plain": lambda value: format_decimal(round(value, 4), locale=locale, decimal_quantization=False),
        "percent": lambda share: (
            ">" + format_percent(0.99, locale=locale) if share >= NEARLY_SURE else format_percent(share, locale=locale)
        ),
        "coordinates": coordinates,
    }


def _times(locale: Locale, timezone: ZoneInfo, year: int) -> dict[str, Any]:
    def local(time: datetime) -> datetime:
        return time.astimezone(timezone) if time.tzinfo else time

    def day(time: datetime | date) -> str:
        shown = local(time) if isinstance(time, datetime) else time
        return format_skeleton("MMMd" if shown.year == year else "yMMMd", shown, locale=locale)

    return {
        "date": day,
        "when": lambda time: f"{day(time)}, {format_time(local(time).time(), 'HH:mm', locale=locale)}",
        "day": lambda time: format_date(local(time), "full", locale=locale),
    }
