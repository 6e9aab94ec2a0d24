"""The system's own limits, lowered for a while."""

from contextlib import contextmanager
from pathlib import Path

from needs import skip_or_fail

INOTIFY = Path("/proc/sys/fs/inotify")


@contextmanager
def inotify_limit(name, value):
    """Lower a limit of the whole machine's and put it back, whatever happens."""
    limit = INOTIFY / name
    before = limit.read_text()
    limit.write_text(str(value))
    try:
        yield
    finally:
        limit.write_text(before)


def need_limits():
    """Skip the test where the limits of inotify cannot be written."""
    limit = INOTIFY / "max_queued_events"
    try:
        limit.write_text(limit.read_text())
    except OSError:
        skip_or_fail("limits", "the limits of inotify cannot be lowered here")
