"""The real daemon under a clock that is set: through both changes of summer time, an outage, and a year too late."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from daemon import House, until
from needs import skip_or_fail

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY, WEEKLY, MONTHLY = "nightly report", "weekly report", "monthly report"
HALF_PAST_TWO = {  # which one change of the clock skips and the other repeats
    "TRAPLINE_REPORT__TIMEZONE": BERLIN.key,
    "TRAPLINE_REPORT__NIGHTLY": "30 2 * * *",
    "TRAPLINE_REPORT__WEEKLY": "30 2 * * 1",
    "TRAPLINE_REPORT__MONTHLY": "30 2 1 * *",
}


@dataclass
class Clock:
    """The wall clock of a daemon, set as NTP or a person would; it runs on from there. Times are those of Berlin."""

    house: House
    library: Path
    known: set = field(default_factory=set)

    @property
    def offset(self):
        return self.house.folder / "clock"

    def set(self, local, *, fold=0):
        """Set the clock."""
        shown = datetime.fromisoformat(local).replace(tzinfo=BERLIN, fold=fold)
        part = self.offset.with_suffix(".part")
        part.write_text(f"{(shown - datetime.now(UTC)).total_seconds():+.1f}\n")
        part.replace(self.offset)
        return shown.astimezone(UTC)

    @contextmanager
    def watching(self):
        """Run a daemon that has this clock; the processor's own, that waiting goes by, is left alone."""
        with self.house.watching(
            LD_PRELOAD=str(self.library), FAKETIME_TIMESTAMP_FILE=str(self.offset), FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1", NO_FAKE_STAT="1",
        ):  # fmt: skip
            yield

    def runs(self):
        """Give (kind, the time it was due in Berlin, what it made good) of the runs that ended well."""
        query = "SELECT kind, period, missed FROM job_run WHERE finished_at > started_at AND failure IS NULL"
        return {
            (kind, f"{datetime.fromisoformat(period).replace(tzinfo=UTC).astimezone(BERLIN):%Y-%m-%d %H:%M}", missed)
            for kind, period, missed in self.house.ask(query)
        }

    def then(self, *expected):
        """Wait until these runs have ended, and no others since the last time."""
        until(lambda: len(self.runs() - self.known) >= len(expected))
        assert self.runs() - self.known == set(expected)
        self.known |= set(expected)

    def nothing_until(self, time):
        """Wait until the daemon has said that its clock shows ``time``: nothing may have run."""
        until(lambda: datetime.fromisoformat(json.loads((self.house.data / "daemon.json").read_text())["at"]) >= time)
        self.then()


@pytest.fixture
def clock(tmp_path):
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        skip_or_fail("faketime", "libfaketime, which sets the clock of a process, is not here")
    (tmp_path / "inbox").mkdir()
    return Clock(House(tmp_path, variables=HALF_PAST_TWO), library)


def test_each_report_comes_once_through_spring_and_an_outage(clock):
    """The night without a half past two, Monday, the first of a month, and three days without power."""
    clock.set("2026-03-28 12:00:00")
    with clock.watching():
        clock.set("2026-03-29 01:59:58")  # two seconds later it is three
        clock.then((NIGHTLY, "2026-03-29 03:00", 0))
        clock.set("2026-03-30 02:29:58")
        clock.then((NIGHTLY, "2026-03-30 02:30", 0), (WEEKLY, "2026-03-30 02:30", 0))
        clock.set("2026-03-31 02:45:00")  # the machine slept
        clock.then((NIGHTLY, "2026-03-31 02:30", 0))
    clock.set("2026-04-03 12:00:00")
    with clock.watching():
        clock.then((NIGHTLY, "2026-04-03 02:30", 2), (MONTHLY, "2026-04-01 02:30", 0))
    reports = clock.house.ask('SELECT kind, since, "until", path FROM report ORDER BY id')
    assert [kind for kind, *_ in reports].count("nightly") == 4
    nights = [(since, end) for kind, since, end, _ in reports if kind == "nightly"]
    assert [since for since, _ in nights[1:]] == [end for _, end in nights[:-1]]
    index = (clock.house.data / "reports/index.html").read_text("utf-8")
    assert all(f'href="{Path(path).name}"' in index for *_, path in reports)
    assert len(reports) == 6


def test_each_report_comes_once_through_autumn_and_a_clock_that_ran_ahead(clock):
    """The night with two half past twos; then a day, and later a year, that the clock had no right to show."""
    clock.set("2026-10-24 12:00:00")
    with clock.watching():
        clock.set("2026-10-25 02:29:58")
        clock.then((NIGHTLY, "2026-10-25 02:30", 0))
        again = clock.set("2026-10-25 02:29:58", fold=1)
        clock.nothing_until(again + timedelta(seconds=4))
        clock.set("2026-10-27 03:00:00")  # a day ahead
        clock.then((NIGHTLY, "2026-10-27 02:30", 1), (WEEKLY, "2026-10-26 02:30", 0))
        clock.set("2036-10-27 12:00:00")
        until(lambda: any(period.startswith("2036") for _, period, _ in clock.runs()))
        clock.set("2026-10-25 12:00:00")  # right again
        until(lambda: all(period < "2026-10-26" for _, period, _ in clock.runs()))
        clock.known = clock.runs()
        clock.set("2026-10-26 02:29:58")
        clock.then((NIGHTLY, "2026-10-26 02:30", 0), (WEEKLY, "2026-10-26 02:30", 0))
        clock.set("2026-10-27 02:29:58")
        clock.then((NIGHTLY, "2026-10-27 02:30", 0))
    assert datetime.fromisoformat(max(clock.house.ask('SELECT "until" FROM report'))[0]).year == 2036
