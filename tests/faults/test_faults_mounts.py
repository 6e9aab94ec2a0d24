"""Disks that are unmounted, mounted again and swapped under the daemon."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from daemon import TESTS
from needs import skip_or_fail


@pytest.mark.alone  # it says within which time work goes on
def test_a_disk_that_comes_and_goes_loses_no_row_and_is_not_taken_for_another(tmp_path):
    """Work goes on within a scan period; an empty folder in its place is offline, another disk is another."""
    if not Path("/dev/loop-control").exists():
        skip_or_fail("mounts", "a disk cannot be mounted without loop devices")
    run(TESTS / "benchmarks/bench_intake.py", "mounts", "--cycles", "2", "--at", tmp_path)


def test_a_share_below_an_inbox_may_be_lost_and_come_back(tmp_path):
    """Such as a card below ``/media``: its files are its own, neither missing nor taken for the inbox' files."""
    run(TESTS / "faults/mounted_below.py", tmp_path)


def run(script, *arguments):
    """Run a script to its good end, as root in a mount namespace of its own."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        skip_or_fail("mounts", "nothing can be mounted here")
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", sys.executable, script, *arguments],
        env=os.environ | {"PYTHONPATH": f"{TESTS.parent}:{TESTS}"}, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
