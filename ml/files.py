"""Files that are whole or absent, even after a power cut."""

import os
import secrets
from pathlib import Path

PART = ".part"
"""The suffix of a file that is being written; one that a killed process left behind is nobody's."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` has it whole or is what it was; folders above are made. Raises ``OSError``.

    The temporary name is short and not made from the target's, which may be as long as names can be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{secrets.token_hex(8)}{PART}"
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make a rename inside ``folder`` last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
