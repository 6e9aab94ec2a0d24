"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, reached by a socket, gone at the end."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from needs import skip_or_fail
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from db.engine import open_ledger_at

PATIENCE = 60  # seconds that a server may take to start
# Nothing needs to last longer than the tests.
UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Server:
    """A running server; its databases come and go with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new_database(self) -> URL:
        """Make an empty database and give its URL."""
        name = f"t{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def new_ledger(self) -> URL:
        """Make a database with an empty ledger, copied from one that was migrated once, and give its URL."""
        name = f"t{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {self._blank}")
        return self._url(name)

    @cached_property
    def _blank(self) -> str:
        url = self.new_database()
        open_ledger_at(url).close()
        return str(url.database)

    def execute(self, statement: str) -> None:
        """Run a statement in the database that every server has."""
        engine = create_engine(self._url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))

    def _url(self, name: str) -> URL:
        query = {"host": str(self._folder)}
        return URL.create("postgresql+psycopg", username="trapline", database=name, query=query)


@contextmanager
def running() -> Iterator[Server]:
    """Start a server and stop it at the end; skip where this machine has none."""
    binaries = _binaries()
    # the socket's name must be short, and the server's user must be able to come to it
    with TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as name:
        folder, user = Path(name), _unprivileged()
        if user:
            shutil.chown(folder, **user)
        _make(binaries, folder / "data", user)
        settings = {"listen_addresses": "", "unix_socket_directories": name} | UNSAFE
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", folder / "data", *options], stdout=log, stderr=log, cwd=folder, **user
            )
        try:
            _wait_until_it_answers(Server(folder), process, folder / "log")
            yield Server(folder)
        finally:
            process.send_signal(signal.SIGINT)  # at once, whoever is connected
            process.wait(PATIENCE)


def _binaries() -> Path:
    """Find the programs: Debian does not put them on the path."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: int(path.parts[-3]), default=None)
    if newest is None:
        skip_or_fail("postgresql", "there is no PostgreSQL here to keep a ledger in")
    return newest.parent


def _unprivileged() -> dict[str, str | int]:
    """Give whom to run as: a server refuses to run as root."""
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid}


def _make(binaries: Path, data: Path, user: dict[str, Any]) -> None:
    subprocess.run(
        [
            binaries / "initdb", "--pgdata", data, "--username", "trapline", "--auth", "trust", "--no-sync",
            "--encoding", "UTF8", "--locale", "C",
        ],
        check=True, capture_output=True, cwd=data.parent, **user,
    )  # fmt: skip


def _wait_until_it_answers(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            server.execute("SELECT 1")
        except OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from error
            time.sleep(0.05)
        else:
            return
