import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from blank_ledger import new_ledger
from pydantic import ValidationError
from report_world import NIGHT, SINCE, UNTIL, drawn, filling, report_of
from sqlalchemy import func, select

from db import store
from db.engine import Ledger
from db.models import Question, Report
from db.types import ReportKind
from watcher.config import Settings
from watcher.reports.jobs import report_jobs
from watcher.reports.settings import ReportSettings
from watcher.reports.writing import ReportError, report_now
from watcher.service import Service, open_service


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path / "ledger.db")
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
    assert report_of(ledger, tmp_path, pictures=200).stat().st_size < 1_500_000
    html = report_of(ledger, tmp_path, pictures=200, review="none").read_text("utf-8")
    shown = html.count("<figure")
    assert len(html.encode()) < 1_500_000
    assert 10 < shown < 200
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
    """On a full disk the folder looks as before, without a part of a file, and the ledger tells of no report."""
    folder, picture = tmp_path / "reports", drawn(tmp_path / "kept" / "noise.jpg")
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model(), kept=picture, gradcam=picture)
    folder.mkdir()
    (folder / "latest.html").write_text("yesterday's")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            report_of(ledger, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in folder.iterdir()] == ["latest.html"]
    assert (folder / "latest.html").read_text() == "yesterday's"
    with ledger.read() as session:
        assert session.scalars(select(Report)).all() == []


def test_a_report_of_the_same_second_never_overwrites_another(ledger: Ledger, tmp_path: Path) -> None:
    """Each has a name of its own, tells what was known when it was written, and ``latest.html`` is the later one."""
    before = report_of(ledger, tmp_path)
    said = before.read_bytes()
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model())
    after = report_of(ledger, tmp_path)
    assert [before.name, after.name] == ["2026-11-24T090000.html", "2026-11-24T090000-2.html"]
    assert before.read_bytes() == said != after.read_bytes() == after.with_name("latest.html").read_bytes()


def test_each_kind_has_its_name_and_the_nightly_one_is_the_latest(ledger: Ledger, tmp_path: Path) -> None:
    """A ranger who opens ``latest.html`` wants the last night, and not what somebody asked for at noon."""
    paths = [report_of(ledger, tmp_path, kind=kind) for kind in ReportKind]
    stem = "2026-11-24T090000"
    assert [path.name for path in paths] == [
        f"{stem}.html", f"{stem}-weekly.html", f"{stem}-monthly.html", f"{stem}-2.html"
    ]  # fmt: skip
    weekly = report_of(ledger, tmp_path, kind=ReportKind.WEEKLY, until=UNTIL + timedelta(hours=1))
    assert paths[0].read_bytes() == weekly.with_name("latest.html").read_bytes()


def test_a_report_records_what_later_ones_ask_of_it(ledger: Ledger, tmp_path: Path) -> None:
    """Its token, the disk's free bytes, and the independent events of each animal by its title."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        for hours in (1, 2, 3):
            world.picture(ridge, model, "lion", at=NIGHT - timedelta(hours=hours))
        world.picture(ridge, model, "cheetah")
    path = report_of(ledger, tmp_path)
    with ledger.read() as session:
        (row,) = session.scalars(select(Report))
    assert row.events == {"Lion": 3, "Cheetah": 1}
    assert row.free_bytes is not None
    assert row.free_bytes > 0
    assert row.token in path.read_text("utf-8")


def test_what_is_to_review_can_stand_in_a_file_of_its_own_or_nowhere(ledger: Ledger, tmp_path: Path) -> None:
    """Beside the report and named by it; only of what is asked are corrections taken, so only that is recorded."""
    picture = drawn(tmp_path / "kept" / "a.jpg")
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model(), kept=picture)
    inside, apart, none = (report_of(ledger, tmp_path, review=where) for where in ("report", "apart", "none"))
    review = apart.with_name("2026-11-24T090000-2-review.html")
    assert review.name in apart.read_text("utf-8")
    assert "To review" in review.read_text("utf-8")
    assert sorted(path.name for path in apart.parent.glob("*review*")) == [review.name]
    with ledger.read() as session:
        asked = [
            session.scalar(select(func.count(Question.id)).join(Report).where(Report.path == str(path)))
            for path in (inside, apart, none)
        ]
    assert asked == [1, 1, 0]


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
        (datetime(1, 1, 1, tzinfo=UTC), UNTIL, "no camera was there before 1970"),
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
    nightly = report_jobs(service)[0]
    nightly.run(datetime.now(UTC))
    report_now(service)
    nightly.run(datetime.now(UTC))
    report_now(service)
    first, between, second, after = reports(service)
    assert [report.kind for report in reports(service)] == ["nightly", "asked", "nightly", "asked"]
    assert first.since == first.until - timedelta(days=1)
    assert between.since == second.since == first.until
    assert after.since == second.until


def test_each_kind_of_report_has_a_window_of_its_own(service: Service) -> None:
    """The first goes back a day, a week, a month; the next begins where the last of its kind ended."""
    jobs = report_jobs(service)
    assert [job.kind for job in jobs] == ["nightly report", "weekly report", "monthly report"]
    for _ in range(2):
        for job in jobs:
            job.run(datetime.now(UTC))
    written = reports(service)
    assert [(report.until - report.since).days for report in written[:3]] == [1, 7, 31]
    assert [report.since for report in written[3:]] == [report.until for report in written[:3]]


def test_a_report_that_was_written_is_not_written_again_for_the_same_time(service: Service) -> None:
    """The power was cut after it, and before the word that its job had ended."""
    due = datetime.now(UTC)
    for _ in range(2):
        report_jobs(service)[0].run(due)
    assert len(reports(service)) == 1


def test_a_folder_that_is_away_is_not_made_anew(tmp_path: Path) -> None:
    """What is written in the place of a share is hidden as soon as the share is back, and its night is lost."""
    settings = Settings(data_dir=tmp_path / "data", report=ReportSettings(folder=tmp_path / "share" / "reports"))
    with open_service(settings) as service:
        report_now(service)
        (tmp_path / "share").rename(tmp_path / "unplugged")
        (tmp_path / "share").mkdir()
        with pytest.raises(FileNotFoundError, match="is away: mount it, or make it anew"):
            report_now(service)
        assert list((tmp_path / "share").iterdir()) == []
        assert len(reports(service)) == 1


def test_a_kind_without_a_time_is_never_written(tmp_path: Path) -> None:
    """Whoever wants no weekly report leaves its time empty."""
    settings = Settings(data_dir=tmp_path / "data", report=ReportSettings(weekly="", monthly=""))
    with open_service(settings) as opened:
        assert [job.kind for job in report_jobs(opened)] == ["nightly report"]


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
    [
        ({"timezone": "Nairobi"}, "IANA name"),
        ({"pictures": -1}, "greater"),
        ({"colour": 1}, "Extra"),
        ({"weekly": "on Mondays"}, "minute hour day month weekday"),
        ({"language": "tlh"}, "'en', 'fr'"),
    ],
)
def test_a_wrong_setting_is_named(setting: dict[str, object], message: str) -> None:
    """A time zone that does not exist, a negative number and an unknown key are errors that say so."""
    with pytest.raises(ValidationError, match=f"(?s){next(iter(setting))}.*{message}"):
        ReportSettings.model_validate(setting)


def test_the_report_loads_no_model() -> None:
    """``trapline report`` must answer on a small box at once: neither TensorFlow nor pandas is imported for it."""
    check = "import sys, watcher.reports.writing; sys.exit(bool({'tensorflow', 'keras', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False, cwd=Path(__file__).parents[2]).returncode == 0
