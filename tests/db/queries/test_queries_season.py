"""Every number of a report on a generated season, by other code than the queries'."""

from datetime import timedelta

import pytest
from scipy.stats import binomtest
from season import END, REDLIST, season
from season_numbers import life, news, tables

from db.engine import open_ledger
from db.queries.ecology import ecology
from db.queries.report import gather
from db.settings import LedgerSettings

SETTINGS = LedgerSettings()
DAY = timedelta(days=1)
SPANS = {
    "the season": (END - 30 * DAY, END),
    "a week": (END - 22 * DAY, END - 15 * DAY),
    "a night": (END - 13 * DAY, END - 12 * DAY),
    "the time before, and some of it": (END - 45 * DAY, END - 20 * DAY),
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    folder = tmp_path_factory.mktemp("season")
    opened = open_ledger(folder / "ledger.db")
    season(opened, folder, nights=30, media=5000)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def read(ledger):
    return tables(ledger)


@pytest.fixture(params=SPANS)
def span(request):
    return SPANS[request.param]


def test_news_are_what_pandas_counts(ledger, read, span):
    """Pictures, decisions, rejected files, copies and the table of species of what was first answered in a span."""
    since, until = span
    with ledger.read() as session:
        data = gather(session, since=since, until=until, redlist=REDLIST, settings=SETTINGS)
    counted = news(read, since, until)
    totals = data.totals
    assert totals.pictures == counted.received
    assert {decision.value: count for decision, count in totals.decisions.items() if count} == counted.decisions
    assert (totals.rejected, totals.same_content) == (counted.rejected, counted.same_content)
    assert (totals.same_picture, totals.reexports) == (counted.same_picture, counted.reexports)
    assert {kind(row): row.pictures for row in data.species} == {k: s.pictures for k, s in counted.species.items()}
    events = {kind(row): {seen.station: seen.events for seen in row.stations} for row in data.species}
    for of, seen in counted.species.items():
        assert {station: count for station, count in events[of].items() if count} == seen.events


def test_life_is_what_pandas_counts(ledger, read, span):
    """Effort with its gaps, events, pictures and rates of what was captured in a period, in all and by station."""
    begin, end = span
    with ledger.read() as session:
        found = ecology(session, begin=begin, end=end, settings=SETTINGS)
    counted = life(read, begin, end)
    assert found.days == pytest.approx(sum(counted.days.values()))
    assert {row.station: row.days for row in found.stations if row.days} == pytest.approx(
        {station: days for station, days in counted.days.items() if days}
    )
    assert {row.station: sorted(row.gaps) for row in found.stations if row.gaps} == counted.gaps
    assert {row.station: row.events for row in found.stations if row.events} == counted.stations
    assert {kind(row): row.events for row in found.rates if row.events} == counted.events
    assert found.unsure == counted.unsure
    for row in found.rates:
        assert row.rai == (pytest.approx(100 * row.events / found.days) if found.days else None)


def test_a_change_is_that_of_the_exact_test(ledger, read, span):
    """The rate beside that of the time before, with the interval that scipy gives for the binomial."""
    begin, end = span
    with ledger.read() as session:
        found = ecology(session, begin=begin, end=end, settings=SETTINGS)
    before = life(read, begin - (end - begin), begin, now=end)
    days, days_before = found.days, sum(before.days.values())
    assert found.days_before == pytest.approx(days_before)
    for row in found.rates:
        now, then = row.events, before.events.get(kind(row), 0)
        if now + then < 10 or not days or not days_before:
            assert row.change is None
            continue
        interval = binomtest(now, now + then).proportion_ci(method="exact")
        expected = [
            p / (1 - p) * days_before / days if p < 1 else float("inf") for p in (now / (now + then), *interval)
        ]
        assert [row.change.ratio, row.change.low, row.change.high] == pytest.approx(expected)


def test_hours_are_those_of_the_sun(ledger, read, span):
    """Events by solar hour; by two formulas for the sun an event at an hour's end may fall into either."""
    begin, end = span
    with ledger.read() as session:
        found = ecology(session, begin=begin, end=end, settings=SETTINGS)
    counted = life(read, begin, end)
    assert found.by_clock == counted.by_clock
    assert {row.title for row in found.activity} == counted.hours.keys()
    for row in found.activity:
        assert sum(row.hours) == sum(count for of, count in counted.events.items() if of[1] == row.title)
        for count, (least, most) in zip(row.hours, counted.hours[row.title], strict=True):
            assert least <= count <= most


def test_accumulation_is_what_pandas_counts(ledger, read, span):
    """Camera-days and species so far, at the end of each day that brought a new one."""
    begin, end = span
    with ledger.read() as session:
        found = ecology(session, begin=begin, end=end, settings=SETTINGS)
    expected = life(read, begin, end).accumulation
    assert [count for _, count in found.accumulation] == [count for _, count in expected]
    assert [days for days, _ in found.accumulation] == pytest.approx([days for days, _ in expected])


def test_an_event_under_way_when_a_period_begins_is_none_of_it(ledger, read):
    """A period may begin between two pictures of one event, wherever that is."""
    times = read["observation"].query("decision == 'answered' and counted")["captured_at"].dt.to_pydatetime()
    for begin in times[::200]:
        end = begin + DAY
        with ledger.read() as session:
            found = ecology(session, begin=begin, end=end, settings=SETTINGS)
        assert {row.station: row.events for row in found.stations if row.events} == life(read, begin, end).stations


def kind(row):
    return row.label, row.title, "–".join(row.letters), row.taxa
