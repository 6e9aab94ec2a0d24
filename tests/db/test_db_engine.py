import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from os import geteuid
from pathlib import Path

import pytest
from ledger_builders import deployment
from needs import skip_or_fail
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from db import store
from db.engine import NETWORK_FILE_SYSTEMS, Ledger, LedgerError, backup, open_ledger
from db.models import Deployment
from db.mounts import mount_of

REPOSITORY = Path(__file__).resolve().parents[2]


def stations(ledger: Ledger) -> int:
    with ledger.read() as session:
        return session.scalar(select(func.count()).select_from(Deployment)) or 0


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)],
)
def test_every_connection_is_set_up_for_a_station_that_loses_power(
    ledger: Ledger, pragma: str, value: str | int
) -> None:
    """WAL, a sync at each commit, foreign keys and patience are in force for writers and readers alike."""
    with ledger.read() as reader, ledger.write() as writer:  # two connections at once
        assert reader.scalar(text(f"PRAGMA {pragma}")) == value
        assert writer.scalar(text(f"PRAGMA {pragma}")) == value


def test_four_threads_lose_no_update(tmp_path: Path) -> None:
    """What is read in a write transaction still holds when it writes, also beside another process (FAULTS M12)."""
    ledgers = [open_ledger(tmp_path / "ledger.db") for _ in range(2)]
    with ledgers[0].write() as session:
        number = store.deployment(session, deployment())

    def count(ledger: Ledger) -> None:
        for _ in range(50):
            with ledger.write() as session:
                session.get_one(Deployment, number).clock_offset += 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, ledgers * 2))
    with ledgers[0].read() as session:
        assert session.get_one(Deployment, number).clock_offset == 200
    for ledger in ledgers:
        ledger.close()


def test_an_error_in_a_transaction_undoes_all_of_it(ledger: Ledger) -> None:
    """A block that raises leaves no row behind."""

    def half_done() -> None:
        with ledger.write() as session:
            store.deployment(session, deployment())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_done()
    assert stations(ledger) == 0


def test_a_reader_sees_one_state_and_waits_for_no_writer(ledger: Ledger) -> None:
    """A view that was opened before a commit does not change with it."""
    with ledger.read() as reader:
        count = select(func.count()).select_from(Deployment)
        assert reader.scalar(count) == 0
        with ledger.write() as writer:
            store.deployment(writer, deployment())
            assert reader.scalar(count) == 0
        assert reader.scalar(count) == 0
    assert stations(ledger) == 1


def test_a_ledger_held_by_another_process_is_told_in_words(ledger: Ledger, tmp_path: Path) -> None:
    """A lock that does not go away is an error that names the file, and the next transaction works again."""
    with ledger.read() as session:
        session.execute(text("PRAGMA busy_timeout=0"))  # the only connection so far, and no patience in a test
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        pytest.raises(LedgerError, match=r"ledger\.db cannot be used now \(database is locked\)"),
        ledger.write() as session,
    ):
        store.deployment(session, deployment("never"))
    other.close()
    with ledger.write() as session:
        store.deployment(session, deployment())
    assert stations(ledger) == 1


def test_a_broken_constraint_is_no_fault_of_the_disk(ledger: Ledger) -> None:
    """A row that refers to nothing is refused, and as what it is: a fault of the program."""
    with pytest.raises(IntegrityError), ledger.write() as session:
        session.execute(text("INSERT INTO link (media_id, canonical_id, kind, status) VALUES (1, 2, 'x', 'y')"))


def test_a_time_without_a_zone_is_refused(ledger: Ledger) -> None:
    """A naive time would be read as UTC, whatever was meant."""
    with pytest.raises(StatementError, match="aware times only"), ledger.write() as session:
        store.deployment(session, deployment(start=datetime(2026, 1, 1)))  # noqa: DTZ001  # the fault in question


def test_texts_are_stored_without_nul_and_surrogates(ledger: Ledger) -> None:
    """What no encoder can write never fails a transaction, and is gone when it is read."""
    with ledger.write() as session:
        store.deployment(session, deployment("k", station="Fo\0rd\udcff ö"))
    with ledger.read() as session:
        assert session.scalar(select(Deployment.station)) == "Ford ö"


@pytest.mark.parametrize("name", ["a?b#c.db", "100%41.db", "späte Füchse.db"])
def test_a_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Characters that mean something in a URL mean nothing in a path."""
    ledger = open_ledger(tmp_path / name)
    with ledger.write() as session:
        store.deployment(session, deployment())
    ledger.close()
    backup(tmp_path / name, tmp_path / "copy.db")
    assert {path.name for path in tmp_path.iterdir()} == {name, "copy.db"}


MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/nas rw,relatime - cifs //nas/traps rw
31 22 0:41 / /mnt/nas/local rw - ext4 /dev/sdb1 rw
32 22 0:42 / /mnt/with\040space rw shared:7 master:2 - nfs4 nas:/traps rw
33 22 0:43 / /mnt/größe rw - fuse.sshfs nas: rw
34 22 0:44 / /auto rw - autofs systemd-1 rw
35 34 0:45 / /auto rw - nfs nas:/auto rw
""".strip()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/ranger/data", "ext4"),
        ("/mnt/nas", "cifs"),
        ("/mnt/nas/data", "cifs"),
        ("/mnt/nas/local/data", "ext4"),
        ("/mnt/nasty", "ext4"),
        ("/mnt/with space/data", "nfs4"),
        ("/mnt/größe/data", "fuse.sshfs"),
        ("/auto/data", "nfs"),
    ],
)
def test_a_network_mount_is_known_by_its_kind(folder: str, kind: str) -> None:
    """The innermost mount counts, and of two on one point the later; names are as the kernel escapes them."""
    mount = mount_of(Path(folder), MOUNTS)
    assert mount is not None
    assert mount.kind == kind
    assert (kind in NETWORK_FILE_SYSTEMS) == (kind != "ext4")


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Whatever lies in the ledger's place is never made anew over it."""
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all, " * 100)
    with pytest.raises(LedgerError, match=r"ledger\.db .*not a database.*backup"):
        open_ledger(path)
    assert path.read_bytes() == b"not a database at all, " * 100


def test_damage_inside_the_file_is_told_in_words(tmp_path: Path) -> None:
    """A page that rots is an error that says to take a backup, not a traceback; and no backup is made of it."""
    path = tmp_path / "ledger.db"
    ledger = open_ledger(path)
    with ledger.write() as session:
        for number in range(200):
            store.deployment(session, deployment(f"{number} {'x' * 200}"))
    ledger.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size * 3 // 4)  # behind what opening reads
        file.write(b"\xff" * (size - size * 3 // 4))
    ledger = open_ledger(path)
    with pytest.raises(LedgerError, match=r"ledger\.db .*malformed.*backup"), ledger.read() as session:
        session.scalars(select(Deployment)).all()
    ledger.close()
    with pytest.raises(LedgerError, match=r"ledger\.db (is damaged|cannot be copied)"):
        backup(path, tmp_path / "backup.db")
    assert {file.name for file in tmp_path.iterdir()} == {"ledger.db"}


FULL = """
from pathlib import Path
from sqlalchemy import text
from db import store
from db.engine import LedgerError, backup, open_ledger
from db.models import Deployment
here = Path("MOUNT")
ledger = open_ledger(here / "ledger.db")
def add(count, size):
    with ledger.write() as session:
        for number in range(count):
            store.deployment(session, Deployment(key=str(number), station="x" * size, clock_offset=0, captive=False))
add(5, 1)
(here / "filler").write_bytes(b"x" * 300_000)
def refused(act):
    try:
        act()
    except LedgerError as error:
        return str(error)
assert "full" in refused(lambda: add(500, 3000)) and "free the disk" in refused(lambda: add(500, 3000))
assert "free the disk" in refused(lambda: backup(here / "ledger.db", here / "backup.db"))
assert not list(here.glob("*backup*")) and not list(here.glob(".*"))
def state():
    with ledger.read() as session:
        return session.scalar(text("SELECT count(*) FROM deployment")), session.scalar(text("PRAGMA integrity_check"))
assert state() == (5, "ok"), state()
(here / "filler").unlink()
add(50, 10)
assert state() == (50, "ok"), state()
"""


def test_a_full_disk_costs_one_transaction(tmp_path: Path) -> None:
    """The write is refused in words and wholly undone, and works once there is room again (FAULTS M13, 46)."""
    if geteuid() != 0:
        skip_or_fail("root", "only root can mount a small disk")
    disk = "mount -t tmpfs -o size=1500k tmpfs"
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{disk} "$1" && exec "$2" -c "$3"', "sh", tmp_path, sys.executable,
         FULL.replace("MOUNT", str(tmp_path))],
        capture_output=True, text=True, check=False, cwd=REPOSITORY,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_a_backup_is_whole_while_the_ledger_is_in_use(ledger: Ledger, tmp_path: Path) -> None:
    """It holds what is committed, also what lies in the log still, and nothing of a transaction under way."""
    with ledger.write() as session:
        store.deployment(session, deployment("committed"))
    target = tmp_path / "backups" / "monday.db"
    target.parent.mkdir()
    target.write_bytes(b"an older backup")
    with ledger.write() as session:
        store.deployment(session, deployment("under way"))
        backup(tmp_path / "ledger.db", target)
    restored = open_ledger(target)
    with restored.read() as session:
        assert session.scalars(select(Deployment.key)).all() == ["committed"]
    restored.close()
    assert [path.name for path in target.parent.iterdir()] == ["monday.db"]


def test_a_backup_of_nothing_is_refused(tmp_path: Path) -> None:
    """A ledger that is not there is not made by backing it up."""
    with pytest.raises(LedgerError, match=r"none\.db cannot be copied"):
        backup(tmp_path / "none.db", tmp_path / "backup.db")
    assert list(tmp_path.iterdir()) == []
