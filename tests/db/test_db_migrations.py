import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from ledger_builders import answer, take
from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session

from db.detected import region_of
from db.engine import MIGRATIONS, Ledger, LedgerError, open_ledger
from db.models import Base, Deployment, Detection, JobRun, Media, Observation, Prediction, Report, Sighting
from db.types import Detected, ReportKind

HEAD = max(path.name[:4] for path in MIGRATIONS.glob("versions/0*.py"))
NEXT = f"""
from alembic import op
import sqlalchemy as sa

revision, down_revision = "9999", "{HEAD}"

def upgrade():
    with op.batch_alter_table("media", recreate="always") as media:
        media.add_column(sa.Column("colour", sa.Text(), nullable=True))
"""


DAY = "2026-11-24"
SAID = {"media_id": 1, "region": 0, "decision": "answered", "distance": 0.1, "gradcam": "g", "predicted_at": DAY}
MODEL = {"demo": 0, "metrics": "{}", "first_used_at": DAY}
SECOND: list[tuple[str, dict[str, Any]]] = [
    ("model", MODEL | {"id": 1, "version": "m1", "classes": '["lion", "rhino"]'}),
    ("model", MODEL | {"id": 2, "version": "m2", "classes": '["rhino"]'}),
    (
        "media",
        {
            "id": 1, "sha256": "a", "picture_hash": "a", "phash": "a", "flat": 0, "format": "JPEG", "width": 1,
            "height": 1, "orientation": 1, "bytes": 1, "encoding": "x", "integrity": "sound", "time_status": "ok",
            "time_source": "exif", "exif": "{}", "kept": "k", "received_at": DAY,
        },
    ),
    (
        "prediction",
        SAID | {
            "id": 1, "model_id": 1, "label": "lion", "probability": 0.75, "stacked": "[0.75, 0.25]",
            "probabilities": '{"one": [0.95, 0.05], "two": [0.65, 0.35]}',
        },
    ),
    (
        "prediction",
        SAID | {
            "id": 2, "model_id": 2, "label": "rhino", "probability": 1, "stacked": "[1.0]", "probabilities": "{}",
        },
    ),
    ("report", {"id": 1, "path": "a", "since": "2026-11-23", "until": DAY, "written_at": DAY, "nightly": 1}),
    ("report", {"id": 2, "path": "b", "since": DAY, "until": "2026-11-25", "written_at": DAY, "nightly": 0}),
    ("job_run", {"id": 1, "kind": "report", "period": DAY, "started_at": DAY}),
]  # fmt: skip


DETECTED = {"file_id": 1, "root": "/inbox", "path": b"A/1.JPG", "media_id": 1}
BOX = DETECTED | {"category": "animal", "confidence": 0.5, "x": 0.1, "y": 0.25, "width": 0.5, "height": 0.5}
SIXTH: list[tuple[str, dict[str, Any]]] = [
    *((table, row | ({"margin": 1, "disagreement": 0} if table == "prediction" else {})) for table, row in SECOND[:5]),
    (
        "detections_file",
        {
            "id": 1, "root": "/inbox", "place": "p", "signature": "s", "threshold": 0.2, "detector": "md",
            "pictures": 2, "at": DAY,
        },
    ),
    ("detection", BOX | {"id": 1, "region": 1}),
    ("detection", BOX | {"id": 2, "region": 2}),
    ("detection", DETECTED | {"id": 3, "path": b"A/2.JPG", "region": 0, "category": "nothing"}),
    (
        "observation",
        {
            "id": 1, "media_id": 1, "region": 0, "decision": "answered", "observation_type": "animal", "taxa": "[]",
            "redlist_version": "v", "classification_method": "machine", "classified_by": "m1", "stale": 0,
            "captured_local": DAY, "captured_at": DAY, "time_source": "exif", "counted": 1,
        },
    ),
]  # fmt: skip


@contextmanager
def opened(path: Path, migrations: Path = MIGRATIONS) -> Iterator[Ledger]:
    ledger = open_ledger(path, migrations)
    yield ledger
    ledger.close()


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A ledger with an answered picture in it, closed."""
    path = tmp_path / "ledger.db"
    with opened(path) as ledger, ledger.write() as session:
        answer(session, take(session, "A/1.JPG", "one"))
    return path


def earlier(tmp_path: Path, since: str) -> Path:
    """Give the migrations of an earlier Trapline, which has none of these (a pattern of names)."""
    folder = tmp_path / "earlier"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__", since))
    return folder


def insert(session: Session, table: str, row: dict[str, Any]) -> None:
    """Add a row to a table as it was then."""
    marks = ", ".join(f":{column}" for column in row)
    session.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"), row)


def later(tmp_path: Path, migration: str) -> Path:
    """Give the migrations of a later Trapline, which has one more."""
    folder = tmp_path / "later"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_later.py").write_text(migration)
    return folder


def test_a_fresh_ledger_is_what_the_models_say(ledger: Ledger) -> None:
    """All migrations together give the tables, columns, indices and constraints of the models, and no others."""
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_every_constraint_has_a_name(ledger: Ledger) -> None:
    """A later migration on SQLite can change only what it can name."""
    tables = inspect(ledger.engine)
    for table in Base.metadata.tables:
        named = [
            tables.get_pk_constraint(table),
            *tables.get_foreign_keys(table),
            *tables.get_unique_constraints(table),
        ]
        assert all(constraint["name"] for constraint in named), table


def test_opening_again_changes_nothing(filled: Path) -> None:
    """A ledger of this version is opened as it is, and no backup is made."""
    before = filled.read_bytes()
    with opened(filled) as ledger, ledger.read() as session:
        assert session.scalars(select(Media.kept)).all() == ["kept/one.jpg"]
    assert filled.read_bytes() == before
    assert [path.name for path in filled.parent.iterdir()] == ["ledger.db"]


def test_several_may_open_a_new_ledger_at_once(tmp_path: Path) -> None:
    """The daemon and a short command that start together make one ledger."""
    with ThreadPoolExecutor(4) as threads:
        for ledger in threads.map(open_ledger, [tmp_path / "ledger.db"] * 4):
            with ledger.read() as session:
                assert session.scalars(text("SELECT version_num FROM alembic_version")).all() == [HEAD]
            ledger.close()


def test_a_ledger_of_a_newer_version_is_refused(filled: Path) -> None:
    """An older Trapline says to upgrade, and touches nothing."""
    with opened(filled) as ledger, ledger.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = filled.read_bytes()
    with pytest.raises(LedgerError, match=r"ledger\.db was written by a newer Trapline \(schema 9999\): upgrade"):
        open_ledger(filled)
    assert filled.read_bytes() == before


def test_a_filled_ledger_is_backed_up_and_migrated(filled: Path, tmp_path: Path) -> None:
    """A table that others refer to is copied with its rows; the ledger as it was lies beside it."""
    with opened(filled, later(tmp_path, NEXT)) as ledger, ledger.read() as session:
        assert session.execute(text("SELECT kept, colour FROM media")).all() == [("kept/one.jpg", None)]
        assert session.scalar(text("SELECT count(*) FROM observation JOIN media ON media.id = media_id")) == 1
    (saved,) = tmp_path.glob("ledger-before-9999-*.db")
    with opened(saved) as ledger, ledger.read() as session:
        assert session.scalars(select(Media.kept)).all() == ["kept/one.jpg"]


def test_foreign_keys_hold_again_after_a_migration(filled: Path, tmp_path: Path) -> None:
    """They are off while tables are copied and at no other time."""
    with opened(filled, later(tmp_path, NEXT)) as ledger, ledger.read() as session:
        assert session.scalar(text("PRAGMA foreign_keys")) == 1


def test_a_migration_that_would_break_references_is_undone(filled: Path, tmp_path: Path) -> None:
    """All of it or nothing: the ledger still opens with the Trapline that wrote it."""
    breaking = later(tmp_path, NEXT + '    op.execute("DELETE FROM media")\n')
    with pytest.raises(LedgerError, match=r"ledger\.db stays as it was.*3 broken references"):
        open_ledger(filled, breaking)
    with opened(filled) as ledger, ledger.read() as session:
        assert session.scalars(select(Media.kept)).all() == ["kept/one.jpg"]


def test_a_migration_that_fails_is_undone(filled: Path, tmp_path: Path) -> None:
    """A crash in the middle leaves the schema as it was."""
    failing = later(tmp_path, NEXT + "    raise ZeroDivisionError\n")
    with pytest.raises(ZeroDivisionError):
        open_ledger(filled, failing)
    with opened(filled) as ledger, ledger.read() as session:
        assert session.scalars(select(Media.kept)).all() == ["kept/one.jpg"]


def test_a_ledger_of_the_first_version_learns_shares_and_folders(tmp_path: Path) -> None:
    """Its signatures named the device, which changes with each mount: without it, no known file is read again."""
    with opened(tmp_path / "ledger.db", earlier(tmp_path, "000[2-9]*")) as ledger, ledger.write() as session:
        for row, path in enumerate([b"A/100RECNX/1.JPG", b"loose.JPG"]):
            session.execute(
                text(
                    "INSERT INTO sighting (id, root, path, path_text, generation, signature, file_time, station, state,"
                    " attempts, seen_at) VALUES (:row, '/inbox', :path, '', 1, '65024:77:1000:1:2', '2026-11-24', 'A',"
                    " 'rejected', 0, '2026-11-24')"
                ),
                {"row": row, "path": path},
            )
    with opened(tmp_path / "ledger.db") as ledger, ledger.read() as session:
        rows = session.execute(select(Sighting.folder, Sighting.share, Sighting.signature).order_by(Sighting.id)).all()
        assert [tuple(row) for row in rows] == [(b"A/100RECNX", "", "77:1000:1:2"), (b"", "", "77:1000:1:2")]


def test_a_ledger_of_the_second_version_learns_kinds_tokens_and_doubts(tmp_path: Path) -> None:
    """Reports keep their windows, each with a token that no corrections name; predictions say how unsure they were."""
    with opened(tmp_path / "ledger.db", earlier(tmp_path, "000[3-9]*")) as ledger, ledger.write() as session:
        for table, row in SECOND:
            insert(session, table, row)
    with opened(tmp_path / "ledger.db") as ledger, ledger.read() as session:
        reports = session.scalars(select(Report).order_by(Report.id)).all()
        assert [(each.kind, each.free_bytes, each.events) for each in reports] == [
            (ReportKind.NIGHTLY, None, {}),
            (ReportKind.ASKED, None, {}),
        ]
        assert [each.until.day for each in reports] == [24, 25]
        assert len({each.token for each in reports}) == 2
        assert not any(re.fullmatch("[0-9a-f]{32}", each.token) for each in reports)
        said = {each.label: (each.margin, each.disagreement) for each in session.scalars(select(Prediction))}
        assert said["lion"] == pytest.approx((0.5, 0.15))
        assert said["rhino"] == (1, 0)
        assert session.scalars(select(JobRun.missed)).all() == [0]


def test_a_ledger_of_the_third_version_keeps_its_deployments(tmp_path: Path) -> None:
    """What the table said beside was not kept then; it comes when the table is read again."""
    with opened(tmp_path / "ledger.db", earlier(tmp_path, "000[4-9]*")) as ledger, ledger.write() as session:
        session.execute(
            text(
                "INSERT INTO deployment (id, key, station, latitude, clock_offset, captive)"
                " VALUES (1, 'k', 'A', 1.5, 60, 1)"
            )
        )
    with opened(tmp_path / "ledger.db") as ledger, ledger.read() as session:
        (row,) = session.scalars(select(Deployment)).all()
        assert (row.station, row.latitude, row.clock_offset, row.captive) == ("A", 1.5, 60, True)
        assert (row.name, row.camera_height, row.bait, row.groups) == (None, None, None, None)


def test_a_ledger_of_the_sixth_version_names_its_boxes_and_what_stands_beside_its_answers(tmp_path: Path) -> None:
    """A box that a detector named twice is one; every picture has one answer, which stands for it."""
    with opened(tmp_path / "ledger.db", earlier(tmp_path, "000[7-9]*")) as ledger, ledger.write() as session:
        for table, row in SIXTH:
            insert(session, table, row)
        session.execute(text("UPDATE media SET answered_by = 1"))
    with opened(tmp_path / "ledger.db") as ledger, ledger.read() as session:
        boxes = session.scalars(select(Detection).order_by(Detection.id)).all()
        assert [(each.id, each.kept, each.answered_by) for each in boxes] == [(1, None, None), (3, None, None)]
        assert [each.region for each in boxes] == [region_of(Detected.ANIMAL, (0.1, 0.25, 0.5, 0.5)), 0]
        (seen,) = session.scalars(select(Observation)).all()
        assert (seen.region, seen.leads, seen.prediction_id) == (0, True, 1)
        (said, _) = session.scalars(select(Prediction).order_by(Prediction.id)).all()
        assert (said.box, said.kept) == (None, None)
        stale = "SELECT sql FROM sqlite_master WHERE name = 'ix_observation_stale'"
        assert "WHERE stale = 1" in session.scalars(text(stale)).one()
