from collections.abc import Iterator
from pathlib import Path

import pytest

from db.engine import Ledger, open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of its own, with nothing in it."""
    opened = open_ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()
