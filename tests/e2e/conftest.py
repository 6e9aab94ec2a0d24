"""The real command, in processes of its own, on a drawn inbox and with the shipped starter model."""

import os
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from real_command import TRAPLINE

from watcher.demo.world import draw_inbox


@pytest.fixture(scope="session")
def drawn_inbox(tmp_path_factory):
    """The drawn world, small; tests copy it and never change it."""
    folder = tmp_path_factory.mktemp("world") / "inbox"
    drawn = draw_inbox(folder, until=datetime(2026, 11, 24, tzinfo=UTC), size=(320, 240))
    return folder, drawn


@pytest.fixture
def inbox(tmp_path, drawn_inbox):
    """A copy of the drawn inbox."""
    return shutil.copytree(drawn_inbox[0], tmp_path / "inbox")


@pytest.fixture
def ready(tmp_path, starter_cache):
    """A data folder in which the starter was made ready for this machine, as it is after the first run."""
    shutil.copytree(starter_cache, tmp_path / "data/runtime")


@pytest.fixture
def environment(tmp_path):
    """A data folder of its own and no configuration."""
    return {k: v for k, v in os.environ.items() if not k.startswith("TRAPLINE_")} | {
        "TRAPLINE_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": "200",
    }


@pytest.fixture
def trapline(tmp_path, environment):
    """Run a command to its end: ``trapline("status", code=1)`` gives the finished process."""

    def run(*arguments, code=0, **variables):
        done = subprocess.run(
            [*TRAPLINE, *map(str, arguments)],
            cwd=tmp_path,
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run
