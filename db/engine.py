"""The door to the ledger, migrated to this version's schema when opened.

It is SQLite with the pragmas a station needs; PostgreSQL where a project keeps one for many stations.
"""

import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from db.mounts import mount_of, mount_table

MIGRATIONS = Path(__file__).parent / "migrations"
# WAL needs shared memory, which network file systems do not give.
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph"})
BUSY_SECONDS = 10  # a writer is waited for this long
WRITER = 0x74726170  # names the lock of PostgreSQL that whoever writes to the ledger holds


class LedgerError(RuntimeError):
    """The ledger cannot be opened or used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """An open ledger. Give it to whoever reads or writes; it is safe to share between threads."""

    engine: Engine
    # Before SQLite 3.51.3 a commit may be lost that races the checkpoint of another connection.
    _writing: Lock = field(default_factory=Lock, repr=False)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open one short write transaction: committed at the end of the block, rolled back on an error.

        Only one is open at a time, whoever asks, so what was read in it still holds when it writes.
        """
        with (
            self._writing,
            _explained(self.engine),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a consistent view for reading; it never waits for a writer."""
        reader = self.engine.execution_options(trapline_reader=True)
        with _explained(self.engine), Session(reader, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_ledger(path: Path, migrations: Path = MIGRATIONS) -> Ledger:
    """Open the ledger at ``path``, made or migrated where needed (a filled one is backed up beside itself first).

    Raises
    ------
    LedgerError
        It lies on a network mount, is damaged, or was written by a newer Trapline.

    """
    folder = path.resolve().parent
    mount = mount_of(folder, mount_table())
    if mount is not None and mount.kind in NETWORK_FILE_SYSTEMS:
        raise LedgerError(
            f"{folder} is on a network mount ({mount.kind}), where SQLite loses data: set data_dir to a local disk"
        )
    _migrate(path, migrations)
    return Ledger(_engine(path, foreign_keys="ON"))


def open_ledger_at(url: URL, migrations: Path = MIGRATIONS) -> Ledger:
    """Open the ledger in a PostgreSQL database, made or migrated where needed; backups are the server's business.

    Raises
    ------
    LedgerError
        The database cannot be reached, or was written by a newer Trapline.

    """
    engine = create_engine(url)
    event.listen(engine, "begin", _begin_in_postgresql)
    try:
        _upgrade(engine, migrations)
    except OperationalError as error:
        why = str(error.orig).splitlines()[0]
        raise LedgerError(f"{engine.url} cannot be opened ({why}): start the server, or mend the URL") from error
    finally:
        engine.dispose()
    return Ledger(engine)


def backup(source: Path, target: Path) -> None:
    """Copy a ledger in use, by SQLite's online backup; ``target`` appears only when it is whole.

    Raises
    ------
    LedgerError
        ``source`` is missing or damaged, or there is no room for ``target``.

    """
    # the temporary name is not made from the target's, which may be as long as names can be
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as live,
            closing(sqlite3.connect(part)) as copy,
        ):
            live.backup(copy)
            damage = [row[0] for row in copy.execute("PRAGMA quick_check(1)") if row[0] != "ok"]
        if damage:
            raise LedgerError(f"{source} is damaged ({damage[0]}): put an older backup in its place")
        part.replace(target)
    except sqlite3.DatabaseError as error:
        raise LedgerError(f"{source} cannot be copied to {target} ({error}): free the disk, or name another") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    """Turn what happens to SQLite's file (full, locked, read-only, damaged) into words."""
    try:
        yield
    except DatabaseError as error:
        code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if type(error) not in {DatabaseError, OperationalError} or code == sqlite3.SQLITE_ERROR:
            raise  # a broken constraint or a wrong statement is a fault of the program
        raise LedgerError(
            f"{engine.url.database} cannot be used now ({error.orig}): free the disk, end what holds the file, "
            "or put a backup in its place"
        ) from error


def _engine(path: Path, *, foreign_keys: str) -> Engine:
    def set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transactions begin too late and lose updates: SQLAlchemy's "begin" event opens them instead.
        connection.isolation_level = None
        for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "synchronous=FULL", f"foreign_keys={foreign_keys}"):
            connection.execute(f"PRAGMA {pragma}")
        _use_wal(connection)

    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait by itself where several switch a new file at once."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _begin(connection: Connection) -> None:
    reader = connection.get_execution_options().get("trapline_reader", False)
    connection.exec_driver_sql("BEGIN" if reader else "BEGIN IMMEDIATE")


def _begin_in_postgresql(connection: Connection) -> None:
    """Do as SQLite does: a reader sees one moment, and a writer waits for the one before."""
    reader = connection.get_execution_options().get("trapline_reader", False)
    connection.exec_driver_sql(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
        if reader
        else f"SELECT pg_advisory_xact_lock({WRITER})"
    )


def _migrate(path: Path, migrations: Path) -> None:
    # SQLite changes a table by copying and dropping it, which foreign keys would forbid; they are checked at the end.
    engine = _engine(path, foreign_keys="OFF")
    try:
        with _explained(engine):
            _upgrade(engine, migrations, path)
    finally:
        engine.dispose()


def _upgrade(engine: Engine, migrations: Path, path: Path | None = None) -> None:
    """Migrate to the newest schema; a ledger that is a file, at ``path``, is backed up before and checked after."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with engine.execution_options(trapline_reader=True).connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return
    if current is not None:
        if current not in {script.revision for script in scripts.walk_revisions()}:
            name = path or engine.url
            raise LedgerError(f"{name} was written by a newer Trapline (schema {current}): upgrade Trapline")
        if path is not None:
            backup(path, path.with_name(f"{path.stem}-before-{head}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all() if path is not None else []
        if broken:
            raise LedgerError(
                f"{path} stays as it was, since its migration would leave {len(broken)} broken references: "
                "use the Trapline that wrote it, or put an older backup in its place"
            )
