"""Corrections files on disk: which are there, and what they hold, whatever somebody may have put in their place."""

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from db.types import printable
from watcher.inbox.scan import signature
from watcher.reviews.document import CorrectionsError

MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Found:
    """A file as the system lists it."""

    path: Path
    place: str  # the path, printable
    signature: str
    changed: tuple[float, float]  # seconds since 1970: its content, and whatever else is known of it

    def is_moving(self, seconds: float) -> bool:
        """Tell whether it has changed so recently that it may still be written; a time to come says nothing."""
        now = time.time()
        return any(0 <= now - changed < seconds for changed in self.changed)


def found_in(folder: Path) -> Iterator[Found]:
    """Find what is called ``*.json`` in a folder of an inbox, by name; a link to a folder is not followed.

    Raises
    ------
    OSError
        The inbox is away.

    """
    folder.parent.stat()
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        # hidden: half-copied, or macOS' own; some phones add .txt to what they do not know
        if path.name.lower().endswith((".json", ".json.txt")) and not path.name.startswith("."):
            try:
                yield found(path)
            except FileNotFoundError:
                continue  # gone since it was listed


def found(path: Path) -> Found:
    """Describe one file; a link is not followed. Raises ``OSError``."""
    is_now = path.lstat()
    return Found(path, printable(os.fsencode(path)), signature(is_now), (is_now.st_mtime, is_now.st_ctime))


def read(path: Path) -> bytes:
    """Read a file that may be anything: never through a link, and no more than a corrections file may hold.

    Raises
    ------
    CorrectionsError
        It is no regular file, or larger than 1 MiB.
    OSError
        It cannot be read now.

    """
    if not stat.S_ISREG(path.lstat().st_mode):  # opening a device may do something
        raise CorrectionsError("it is a link, a folder or a device: put the file itself there")
    content = content_of(path, MOST_BYTES)
    if content is None:
        raise CorrectionsError("it is no file any more: put the file itself there")
    if len(content) > MOST_BYTES:
        raise CorrectionsError("it is larger than 1 MiB, so no corrections file: take it out of there")
    return content


def content_of(path: Path, most: int) -> bytes | None:
    """Read a file that may be something else by now: None where it is no regular one; a byte over ``most`` at most.

    A link is not followed, and nothing waits for a writer. Raises ``OSError``.
    """
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(opened, "rb") as file:
        return file.read(most + 1) if stat.S_ISREG(os.fstat(opened).st_mode) else None
