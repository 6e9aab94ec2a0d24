import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import ValidationError
from report_world import NIGHT, SINCE, UNTIL, drawn, filling, report_of
from sqlalchemy import select

from db import store
from db.engine import Ledger, open_ledger
from db.models import Report
from db.types import ReportKind
from watcher.config import Settings
from watcher.reports import ReportError, ReportSettings, nightly_report, report_now
from watcher.service import Service, open_service


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


def test_a_report_is_named_for_its_end_on_the_local_clock_and_recorded(ledger: Ledger, tmp_path: Path) -> None:
    """06:00 UTC is 09:00 in Nairobi; ``latest.html`` is the same file again, and the ledger knows of the report."""
    path = report_of(ledger, tmp_path)
    assert path.name == "2026-11-24T090000.html"
    assert (path.parent / "latest.html").read_bytes() == path.read_bytes()
    with ledger.read() as session:
        (row,) = session.scalars(select(Report))
        assert (row.path, row.since, row.until, row.written_at) == (str(path), SINCE, UNTIL, UNTIL)


def test_a_report_stays_small_whatever_is_asked_for(ledger: Ledger, tmp_path: Path) -> None:
    """Two hundred pictures that do not compress are cut off at 1.5 MB, and the rest is said to be in the ledger."""
    picture = drawn(tmp_path / "kept" / "noise.jpg")
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        for hour in range(200):
            world.picture(ridge, model, at=NIGHT - timedelta(hours=hour), kept=picture, gradcam=picture)
    html = report_of(ledger, tmp_path, pictures=200).read_text("utf-8")
    shown = html.count("<figure")
    assert len(html.encode()) < 1_500_000
    assert 20 < shown < 200
    assert f"{200 - shown} more are in the ledger." in html


def test_a_picture_that_is_gone_or_damaged_leaves_a_word_in_its_place(ledger: Ledger, tmp_path: Path) -> None:
    """One lost file costs one picture, not the report."""
    (tmp_path / "gradcam").mkdir()
    (tmp_path / "gradcam" / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model(), kept="kept/gone.jpg", gradcam="gradcam/cut.jpg")
    html = report_of(ledger, tmp_path).read_text("utf-8")
    assert "The picture is not in the data folder." in html
    assert "No Grad-CAM." in html


def test_a_report_that_cannot_be_written_leaves_the_old_ones(ledger: Ledger, tmp_path: Path) -> None:
    """The folder looks as before, without a part of a file, and the ledger tells of no report."""
    folder = tmp_path / "reports"
    (folder / "2026-11-24T090000.html").mkdir(parents=True)
    (folder / "latest.html").write_text("yesterday's")
    with pytest.raises(OSError, match="2026-11-24T090000"):
        report_of(ledger, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["2026-11-24T090000.html", "latest.html"]
    assert (folder / "latest.html").read_text() == "yesterday's"
    with ledger.read() as session:
        assert session.scalars(select(Report)).all() == []


def test_writing_it_again_replaces_it(ledger: Ledger, tmp_path: Path) -> None:
    """A repeated job leaves one file for that time, with what is known now."""
    before = report_of(ledger, tmp_path)
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model())
    after = report_of(ledger, tmp_path)
    assert before == after
    assert "1 new picture" in after.read_text("utf-8")


def test_the_latest_stays_the_latest_when_an_older_span_is_told(ledger: Ledger, tmp_path: Path) -> None:
    """A report on last month is written beside it, and a report on the same night again replaces it."""
    nightly = report_of(ledger, tmp_path)
    latest = nightly.with_name("latest.html")
    older = report_of(ledger, tmp_path, since=SINCE - timedelta(days=30), until=SINCE, now=UNTIL)
    assert latest.read_bytes() == nightly.read_bytes() != older.read_bytes()
    newer = report_of(ledger, tmp_path, since=SINCE, until=UNTIL + timedelta(hours=1))
    assert latest.read_bytes() == newer.read_bytes()


def test_a_clock_that_ran_ahead_does_not_hold_the_latest_back(ledger: Ledger, tmp_path: Path) -> None:
    """After a night in the year 2036 the clock is right again, and so is ``latest.html``."""
    report_of(ledger, tmp_path, until=UNTIL + timedelta(days=3650))
    path = report_of(ledger, tmp_path)
    assert path.with_name("latest.html").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("since", "until", "sentence"),
    [
        (SINCE, UNTIL + timedelta(minutes=1), "cannot reach to 2026-11-24 09:01, which is still to come"),
        (UNTIL, UNTIL, "cannot begin at 2026-11-24 09:00 and end at 2026-11-24 09:00"),
        (UNTIL, SINCE, "cannot begin at 2026-11-24 09:00 and end at 2026-11-23 09:00"),
    ],
)
def test_a_span_that_is_none_is_refused(
    ledger: Ledger, tmp_path: Path, since: datetime, until: datetime, sentence: str
) -> None:
    """One sentence on the local clock, and nothing is written."""
    with pytest.raises(ReportError, match=sentence):
        report_of(ledger, tmp_path, since=since, until=until, now=UNTIL)
    assert not (tmp_path / "reports").exists()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(Settings(data_dir=tmp_path / "data")) as opened:
        yield opened


def reports(service: Service) -> list[Report]:
    with service.ledger.read() as session:
        return list(session.scalars(select(Report).order_by(Report.id)))


def test_only_the_nightly_report_moves_the_window(service: Service) -> None:
    """What somebody asks for in between is told again at night; it begins where the night before ended."""
    job = nightly_report(service)
    for write in (job.run, lambda _: report_now(service), job.run, lambda _: report_now(service)):
        write(UNTIL)
    first, between, second, after = reports(service)
    assert [report.kind for report in reports(service)] == ["nightly", "asked", "nightly", "asked"]
    assert first.since == first.until - timedelta(days=1)
    assert between.since == second.since == first.until
    assert after.since == second.until


def test_a_report_on_the_past_begins_where_a_night_before_it_ended(service: Service) -> None:
    """Nightly reports that ended later, be it for a clock that ran ahead, say nothing of where it begins."""
    with service.ledger.write() as session:
        for end in (SINCE, UNTIL, datetime(2036, 1, 1, tzinfo=UTC)):
            report = Report(
                kind=ReportKind.NIGHTLY, token=uuid4().hex, path="x", since=end - timedelta(hours=1), until=end,
                written_at=end,
            )  # fmt: skip
            store.report(session, report, [])
    report_now(service, until=UNTIL - timedelta(hours=1))
    report_now(service, until=SINCE)
    between, before = reports(service)[3:]
    assert (between.since, before.since) == (SINCE, SINCE - timedelta(days=1))


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"timezone": "Nairobi"}, "IANA name"), ({"pictures": -1}, "greater"), ({"colour": 1}, "Extra")],
)
def test_a_wrong_setting_is_named(setting: dict[str, object], message: str) -> None:
    """A time zone that does not exist, a negative number and an unknown key are errors that say so."""
    with pytest.raises(ValidationError, match=f"(?s){next(iter(setting))}.*{message}"):
        ReportSettings.model_validate(setting)


def test_the_report_loads_no_model() -> None:
    """``trapline report`` must answer on a small box at once: neither TensorFlow nor pandas is imported for it."""
    check = "import sys, watcher.reports; sys.exit(bool({'tensorflow', 'keras', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False, cwd=Path(__file__).parents[2]).returncode == 0
