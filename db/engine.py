"""The door to the ledger: SQLite with the pragmas a station needs, migrated to this version's schema when opened."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

# WAL needs shared memory, which network file systems do not give.
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph"})


class LedgerError(RuntimeError):
    """The ledger cannot be opened; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """An open ledger. Give it to whoever reads or writes; it is safe to share between threads."""

    engine: Engine

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open one short write transaction: committed at the end of the block, rolled back on an error.

        It begins with ``BEGIN IMMEDIATE``, so what was read in it still holds when it writes.
        """
        with _explained(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a consistent view for reading; it never waits for a writer."""
        reader = self.engine.execution_options(trapline_reader=True)
        with _explained(), Session(reader, expire_on_commit=False) as session:
            yield session
            session.rollback()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the disk does to SQLite (full, locked, read-only) into words."""
    try:
        yield
    except OperationalError as error:
        raise LedgerError(
            f"the ledger cannot be used now ({error.orig}): free the disk or end what holds it"
        ) from error


def open_ledger(path: Path) -> Ledger:
    """Open the ledger at ``path``, made or migrated where needed (a filled one is backed up beside itself first).

    Raises
    ------
    LedgerError
        It lies on a network mount, is damaged, or was written by a newer Trapline.

    """
    kind = _file_system(path.parent)
    if kind in NETWORK_FILE_SYSTEMS:
        raise LedgerError(
            f"{path.parent} is on a network mount ({kind}), where SQLite loses data: set data_dir to a local disk"
        )
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    try:
        _migrate(engine, path)
    except (DatabaseError, sqlite3.DatabaseError) as error:
        engine.dispose()
        cause = getattr(error, "orig", None) or error
        raise LedgerError(f"{path} cannot be used ({cause}): free the disk, or put a backup in its place") from error
    except LedgerError:
        engine.dispose()
        raise
    return Ledger(engine)


def backup(source: Path, target: Path) -> None:
    """Copy a ledger in use, by SQLite's online backup; ``target`` appears only when it is whole."""
    part = target.with_name(f".{target.name}.part")
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(part)) as copy:
        live.backup(copy)
    part.replace(target)


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transactions begin too late and lose updates: SQLAlchemy's "begin" event opens them instead.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    reader = connection.get_execution_options().get("trapline_reader", False)
    connection.exec_driver_sql("BEGIN" if reader else "BEGIN IMMEDIATE")


def _migrate(engine: Engine, path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return
    if current is not None:
        if current not in {script.revision for script in scripts.walk_revisions()}:
            raise LedgerError(f"{path} was written by a newer Trapline (schema {current}): upgrade Trapline")
        backup(path, path.with_name(f"{path.stem}-before-{head}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _check_foreign_keys(connection)


def _check_foreign_keys(connection: Connection) -> None:
    broken: list[Any] = list(connection.execute(text("PRAGMA foreign_key_check")))
    if broken:
        raise LedgerError(
            f"the migration would leave {len(broken)} broken references; nothing was changed: restore a backup"
        )


def _file_system(folder: Path) -> str:
    """Give the kind of the mount that holds ``folder`` (Linux; elsewhere the empty string)."""
    mounts = Path("/proc/self/mountinfo")
    if not mounts.exists():
        return ""
    best, kind = "", ""
    target = str(folder.resolve())
    for line in mounts.read_text().splitlines():
        fields, _, source = line.partition(" - ")
        point = fields.split()[4].encode().decode("unicode_escape")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, source.split()[0]
    return kind
