"""The command as a user types it, and the table it writes."""

import csv
import sys

TRAPLINE = [sys.executable, "-m", "watcher"]


def answers(path):
    """The rows of a table of answers."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
