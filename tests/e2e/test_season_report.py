"""The report of a whole season, as a ranger opens it: its numbers against pandas, and three corrections that return."""

import re
from datetime import timedelta

import pytest
from season import END, season
from season_numbers import life, news, tables

from db.engine import open_ledger
from watcher.config import Settings
from watcher.reviews import look
from watcher.service import open_service

BEGIN = END - timedelta(days=60)


def filled(folder, media):
    (folder / "data").mkdir()
    ledger = open_ledger(folder / "data/trapline.db")
    season(ledger, folder / "data", media=media)
    ledger.close()
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve stations, sixty nights, a hundred thousand media."""
    return filled(tmp_path_factory.mktemp("season"), 100_000)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The same with fewer pictures of each animal."""
    return filled(tmp_path_factory.mktemp("small"), 10_000)


@pytest.fixture
def write(trapline):
    """Write the season's report by the real command, and give its path."""

    def run(folder, **variables):
        span = ("--since", f"{BEGIN:%Y-%m-%dT%H:%M:%S}", "--until", f"{END:%Y-%m-%dT%H:%M:%S}")
        done = trapline("report", *span, TRAPLINE_DATA_DIR=str(folder / "data"), **variables)
        return folder / "data/reports" / done.stdout.strip().rpartition("/")[2]

    return run


def counted(folder):
    """Give what pandas counts in the ledger: what is new, and what was captured."""
    ledger = open_ledger(folder / "data/trapline.db")
    read = tables(ledger)
    ledger.close()
    return news(read, BEGIN, END), life(read, BEGIN, END)


def number(text):
    return float(text.replace(",", "").split()[0])


def rows_of(page, section):
    """Read the first table of a section: a list of cells a row, the heading first."""
    return page.evaluate(
        """section => [...document.querySelectorAll(`#${section} table[role=table] tbody tr`)]
            .map(row => [...row.children].map(cell => cell.innerText.trim()))""",
        section,
    )


def check_species(page, new, seen):
    """The table of species has a row for each kind, with pictures, events and RAI."""
    shown = {}
    for heading, category, pictures, events, captured, rai, *_ in rows_of(page, "species"):
        title, _, taxa = heading.partition("\n")
        letters = "–".join(re.findall(r"\b[A-Z]{2}\b", category))
        shown[title.strip(), letters, tuple(taxa.split(" / "))] = (*map(number, (pictures, events, captured)), rai)
    days, expected = sum(seen.days.values()), {}
    for kind in new.species.keys() | seen.events.keys():
        events = seen.events.get(kind, 0)
        of = new.species.get(kind)
        row = (of.pictures, sum(of.events.values())) if of else (0, 0)
        expected[kind[1:]] = (*row, events, f"{100 * events / days:.1f}")
    assert shown == expected


def check_matrix(page, seen):
    """The table of species by station has the events of each pair, under the station's number and name."""
    names, *rows = page.evaluate(
        """() => [...document.querySelectorAll(".matrix tr")]
            .map(row => [...row.children].map(cell => cell.innerText.trim()))"""
    )
    stations = [name.split("\n")[-1] if "\n" in name else re.sub(r"^\d+", "", name) for name in names[1:]]
    shown = {
        (station, title): int(number(count))
        for title, *counts in rows
        for station, count in zip(stations, counts, strict=True)
        if count != "0"
    }
    assert shown == {(s, title): count for s, of in seen.stations.items() for title, count in of.items()}


def check_stations(page, seen):
    """Each station has its camera-days, and its gaps of a day and more."""
    shown = {}
    for heading, _cameras, _pictures, days, _last, gaps, _species in rows_of(page, "stations"):
        station = re.sub(r"^\d+\s+", "", heading.partition("\n")[0])
        shown[station] = (number(days), gaps.count("–") if gaps != "–" else 0)
    gaps = {s: sum(b - a >= timedelta(days=1) for a, b in of) for s, of in seen.gaps.items()}
    assert shown == {s: (pytest.approx(days, abs=0.051), gaps.get(s, 0)) for s, days in seen.days.items()}


def check_hours(page, seen):
    """Each chart says how many events it has and which hour has the most; the curve ends with all kinds."""
    charts = page.evaluate(
        """() => [...document.querySelectorAll(".days li")]
            .map(li => [li.querySelector("h3").innerText, li.querySelector("svg").getAttribute("aria-label")])"""
    )
    assert len(charts) == len(seen.hours)
    for heading, label in charts:
        title, most, hour = re.fullmatch(r"(.*): most events, (\d+), between (\d+) and \d+ h", label).groups()
        total = sum(count for kind, count in seen.events.items() if kind[1] == title)
        assert number(heading.replace(title, "").strip()) == total
        assert seen.hours[title][int(hour)][0] <= int(most) <= seen.hours[title][int(hour)][1]
    curve = page.locator(".chart.small svg").get_attribute("aria-label")
    days, kinds = seen.accumulation[-1]
    assert curve == f"{kinds} kinds in {days:,.0f} camera-days"


def check_status(page, new):
    """The numbers of the data status are those of the ledger."""
    figures = dict(
        page.evaluate(
            """() => [...document.querySelectorAll(".figures div, .answers div")]
                .map(div => [div.querySelector("dt").innerText, div.querySelector("dd").innerText])"""
        )
    )
    words = {"Answered": "answered", "Other or blank": "other", "Unknown": "unknown", "Unfamiliar": "unfamiliar"}
    assert {d: number(figures[word]) for word, d in words.items()} == {d: new.decisions[d] for d in words.values()}
    assert number(figures["Out of range"]) == new.decisions["out_of_range"]
    assert number(figures["Pictures"]) == new.received
    assert number(figures["Rejected files"]) == new.rejected
    assert number(figures["Copies, not counted"]) == new.same_content + new.same_picture + new.reexports


def check_attention(page, new):
    """Every threatened kind has a card with its events, pictures and a picture that decodes; faults are named."""
    cards = page.locator(".alerts > li").all()
    threatened = {kind: of for kind, of in new.species.items() if {"VU", "EN", "CR"} & {kind[2].split("–")[-1]}}
    assert len(cards) == len(threatened)
    said = {card.locator(".quiet").first.inner_text().split(", species")[0] for card in cards}
    assert said == {
        f"{(events := sum(of.events.values())):,} event{'s'[: events != 1]}, "
        f"{of.pictures:,} picture{'s'[: of.pictures != 1]}"
        for of in threatened.values()
    }
    assert page.evaluate("[...document.querySelectorAll('.alert img')].every(image => image.naturalWidth > 0)")
    notices = page.locator(".notices").inner_text()
    assert "No word from Kunene-04." in notices
    assert "Wrong clock: Mondulkiri-06 (" in notices
    assert f"{new.rejected:,} files were rejected." in notices


def check(page, folder):
    new, seen = counted(folder)
    check_attention(page, new)
    check_species(page, new, seen)
    check_matrix(page, seen)
    check_stations(page, seen)
    check_hours(page, seen)
    check_status(page, new)
    return new


def test_every_number_is_the_ledger_s_and_three_taps_change_the_next_report(browser_page, folder, write):
    """What a ranger says of three pictures stands in the next report, and its numbers are pandas' again."""
    browser_page.goto(write(folder).as_uri())
    before = check(browser_page, folder)
    asked = browser_page.locator(".question:has(.why:text-is('Drawn by lot.'))")
    media = [asked.nth(place).get_attribute("data-media") for place in range(3)]
    asked.nth(0).locator(".confirm").click()
    asked.nth(1).locator(".correct").select_option("blank")
    asked.nth(2).locator(".correct").select_option("person")
    browser_page.get_by_label("Your name").fill("Asha")
    with browser_page.expect_download() as download:
        browser_page.get_by_role("button", name="Save corrections").click()

    (folder / "inbox/corrections").mkdir(parents=True)
    download.value.save_as(folder / "inbox/corrections" / download.value.suggested_filename)
    settings = Settings(data_dir=folder / "data", inbox=str(folder / "inbox"), intake={"settle_seconds": 0})
    with open_service(settings) as service:
        list(look(service, folder / "inbox"))

    browser_page.goto(write(folder).as_uri())
    after = check(browser_page, folder)
    assert after.decisions["answered"] == before.decisions["answered"] - 2
    assert after.decisions["other"] == before.decisions["other"] + 2
    shown = {question.get_attribute("data-media") for question in browser_page.locator(".question").all()}
    assert not shown & set(media)


@pytest.mark.parametrize("language", ["en", "fr", "es", "pt", "sw", "id"])
def test_no_language_breaks_the_layout(browser_page, small, write, language):
    """On the smallest phone the report never scrolls sideways, whatever its words; it weighs 1.5 MB at most."""
    report = write(small, TRAPLINE_REPORT__LANGUAGE=language)
    assert report.stat().st_size <= 1_500_000
    browser_page.set_viewport_size({"width": 360, "height": 800})
    browser_page.goto(report.as_uri())
    assert browser_page.evaluate("document.documentElement.lang") == language
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= 360
