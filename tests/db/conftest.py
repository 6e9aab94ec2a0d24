from collections.abc import Iterator
from pathlib import Path

import pytest
from blank_ledger import new_ledger
from postgres import Server, running

from db.engine import Ledger, open_ledger_at


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of its own, with nothing in it."""
    opened = new_ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server for the tests that need one."""
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def either_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger in each database that one can be kept in."""
    if request.param == "sqlite":
        opened = new_ledger(tmp_path / "ledger.db")
    else:
        opened = open_ledger_at(request.getfixturevalue("postgresql").new_ledger())
    yield opened
    opened.close()
