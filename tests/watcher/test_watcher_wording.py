import io
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po

from db.queries.places import Place
from db.redlist import load
from ml.labels import SPECIES
from watcher.reports.wording import LOCALES, environment, translations

ROOT = Path(__file__).resolve().parents[2]
TRANSLATED = [language for language in LOCALES if language != "en"]


def said(language, template, **values):
    words = environment(language, ZoneInfo("Africa/Nairobi"), year=2026)
    return words.from_string(template).render(values)


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """Every message of the templates and tables: text, or (one, many)."""
    found = tmp_path_factory.mktemp("words") / "words.pot"
    mapping = ROOT / "templates/locale/babel.cfg"
    command = [sys.executable, "-m", "babel.messages.frontend", "--quiet", "extract", f"--mapping-file={mapping}"]
    subprocess.run([*command, f"--output-file={found}", str(ROOT)], check=True)
    return {message.id for message in read_po(io.BytesIO(found.read_bytes())) if message.id}


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_message_is_missing(language, messages):
    """Each text of a report stands in each catalogue, translated, with the same places to fill in."""
    catalogue = read_po(io.BytesIO((ROOT / f"templates/locale/{language}.po").read_bytes()), locale=language)
    known = {message.id: message for message in catalogue if message.id}
    assert messages
    assert messages - known.keys() == set()
    for id_ in messages:
        texts = known[id_].string if isinstance(known[id_].string, tuple) else (known[id_].string,)
        wanted = set(re.findall(r"%\(\w+\)s", id_ if isinstance(id_, str) else id_[1]))
        assert all(texts), id_
        assert not known[id_].fuzzy, id_
        filled = [set(re.findall(r"%\(\w+\)s", text)) for text in texts]  # "once" needs no number
        assert filled[-1] == wanted, id_
        assert all(places <= wanted for places in filled), id_


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_name_that_a_report_prints_is_translated(language):
    """Whatever the country, the title of a label is in the catalogue."""
    redlist, words = load(), translations(language)
    countries = {country for taxon in redlist.taxa for country in taxon.countries}
    titles = {redlist.resolve(label, country).title for label in SPECIES for country in [None, *countries]}
    known = {id_ for id_ in words._catalog if isinstance(id_, str)}
    assert titles - known == set()


@pytest.mark.parametrize(
    ("language", "number", "share", "day"),
    [
        ("en", "12,345", "95%", "Tuesday 24 November 2026"),
        ("fr", "12\u202f345", "95\xa0%", "mardi 24 novembre 2026"),
        ("es", "12.345", "95\xa0%", "martes, 24 de noviembre de 2026"),
        ("pt", "12.345", "95%", "terça-feira, 24 de novembro de 2026"),
        ("sw", "12,345", "95%", "Jumanne, 24 Novemba 2026"),
        ("id", "12.345", "95%", "Selasa, 24 November 2026"),
    ],
)
def test_dates_and_numbers_follow_the_language(language, number, share, day):
    """As its readers write them."""
    time = datetime(2026, 11, 24, 3, 5, tzinfo=UTC)
    assert said(language, "{{ 12345 | number }}") == number
    assert said(language, "{{ 0.95 | percent }}") == share
    assert said(language, "{{ time | day }}", time=time).replace("Tuesday,", "Tuesday") == day
    assert said(language, "{{ time | when }}", time=time).endswith("06:05")


def test_nothing_is_ever_wholly_sure():
    """A probability that rounds to one is printed as more than 99 per cent."""
    assert said("en", "{{ 0.996 | percent }}|{{ 0.994 | percent }}") == "&gt;99%|99%"


def test_a_time_of_another_year_has_its_year():
    """And one without a zone is on its station's clock already."""
    assert said("en", "{{ time | when }}", time=datetime(2025, 12, 31, 23, 59)) == "31 Dec 2025, 23:59"  # noqa: DTZ001
    assert said("en", "{{ time | when }}", time=datetime(2026, 12, 31, 23, 59)) == "31 Dec, 23:59"  # noqa: DTZ001


def test_coordinates_show_what_they_are_rounded_to():
    """A place that is told to 0.1° shows no digits beyond it."""
    rounded = Place("Ridge", "KE", None, -3.8, 38.7, rounded=True, cameras=1, last_picture=None)
    exact = Place("Ridge", "BR", None, -3.81234, -38.7, rounded=False, cameras=1, last_picture=None)
    assert said("en", "{{ place | coordinates }}", place=rounded) == "3.8° S, 38.7° E"
    assert said("en", "{{ place | coordinates }}", place=exact) == "3.8123° S, 38.7° W"


def test_a_name_from_outside_is_shown_as_it_is():
    """A user's own Red List may name animals that no catalogue has, and nothing in a name is markup."""
    assert said("fr", "{{ title | name }}", title="Okapi <b>") == "Okapi &lt;b&gt;"
