"""A daemon with a constant answer, quick to settle and to look again."""

import pytest
from daemon import House

QUICK = {
    "TRAPLINE_INTAKE__SETTLE_SECONDS": "0.4",
    "TRAPLINE_INTAKE__SCAN_MINUTES": "0.05",
    "TRAPLINE_INTAKE__POLL_SECONDS": "1",
    "TRAPLINE_INTAKE__DECODE_WORKERS": "1",
}


@pytest.fixture
def house(tmp_path):
    """A place for a daemon, its inbox empty."""
    (tmp_path / "inbox").mkdir()
    return House(tmp_path, variables=QUICK)
