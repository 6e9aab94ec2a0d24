"""What a decode worker does with one file: read once, check, fingerprint, and keep the picture.

Where a detector saw animals in it, it is read once more and they are cut out.

It runs in a spawned process that may die without harm, so it imports nothing heavy and touches no ledger.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ml.files import write_atomically
from ml.images import Box, Integrity, Picture, Reason, Unreadable, crops, examine
from watcher.data_folder import product
from watcher.inbox.scan import signature

MAX_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file whose picture was read and kept."""

    picture: Picture
    kept: str  # below the data folder


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is at fault."""

    code: str
    reason: str
    incomplete: bool  # it may still grow


@dataclass(frozen=True, slots=True)
class Moved:
    """A file that changed while it was read; the next scan looks again."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A file that went before it was read, such as the temporary name of an upload."""


def prepare(  # noqa: PLR0917  # what a worker is told of a file
    path: bytes,
    expected: str,
    data_dir: str,
    size: int,
    max_pixels: int,
    final: bool,
) -> Prepared | Refused | Moved | Gone:
    """Turn one settled file into facts and a kept picture of ``size`` × ``size`` pixels.

    One of which only a part decodes may be a file of full size that is still being filled: unless ``final`` it is
    incomplete, and after that a suspect picture.

    Raises
    ------
    OSError
        The system is at fault (a share that is away, a full disk): to be tried again.

    """
    try:
        data = read_settled(path, expected)
        if data is None:
            return Moved()
        examined = examine(data, size=size, now=datetime.now(UTC), max_pixels=max_pixels)
    except FileNotFoundError:
        return Gone()
    except Unreadable as error:
        incomplete = error.reason in {Reason.EMPTY, Reason.TRUNCATED, Reason.CORRUPT}
        return Refused(code=error.reason.value, reason=str(error), incomplete=incomplete)
    if examined.picture.integrity is Integrity.SUSPECT and not final:
        return Refused(code="suspect", reason="only a part of it decodes cleanly", incomplete=True)
    kept = product("kept", examined.picture.sha256, str(size))
    if not (target := Path(data_dir) / kept).exists():
        write_atomically(target, examined.kept)
    return Prepared(picture=examined.picture, kept=kept)


@dataclass(frozen=True, slots=True)
class Cutting:
    """What is to be cut out of one picture: places (x, y, width and height as fractions) by where they are kept."""

    path: bytes
    signature: str
    orientation: int
    targets: Mapping[Path, Box]
    size: int
    max_pixels: int


def cut(task: Cutting) -> bool:
    """Write what is to be cut out of one picture; tell whether it was the file that was seen.

    It runs in a spawned process that may die without harm.

    Raises
    ------
    OSError, Unreadable
        The file cannot be read, or is none that can be read.

    """
    boxes = {target: box for target, box in task.targets.items() if not target.exists()}
    if not boxes:
        return True
    data = read_settled(task.path, task.signature)
    if data is None:
        return False
    found = crops(data, list(boxes.values()), orientation=task.orientation, size=task.size, max_pixels=task.max_pixels)
    for target, jpeg in zip(boxes, found, strict=True):
        write_atomically(target, jpeg)
    return True


def read_settled(path: bytes, expected: str) -> bytes | None:
    """Read a file whole; None where it is not, or no longer, the file that was seen.

    Raises
    ------
    OSError
        The system is at fault.
    Unreadable
        It is too large.

    """
    # O_NONBLOCK: a pipe that takes the file's place must not hang the worker
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode) or signature(before) != expected:
            return None
        if before.st_size > MAX_BYTES:
            raise Unreadable(Reason.TOO_LARGE, f"{before.st_size >> 20} MiB, the limit is {MAX_BYTES >> 20} MiB")
        data = file.read()
        return data if signature(os.fstat(descriptor)) == expected else None
