"""What a test may be skipped for. Not in ``conftest.py``: of several modules of that name only one can be imported."""

import os

import pytest


def skip_or_fail(thing: str, reason: str) -> None:
    """Skip for want of ``thing``, or fail where the runner says that this machine has it (``TRAPLINE_MUST_RUN``)."""
    if thing in os.environ.get("TRAPLINE_MUST_RUN", "").split():
        pytest.fail(f"{reason} (and this machine should have it)")
    pytest.skip(reason)
