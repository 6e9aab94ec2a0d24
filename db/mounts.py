"""What is mounted where, as Linux says it in ``/proc/self/mountinfo`` (proc(5)); elsewhere nothing is known."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the table."""

    device: int  # as ``st_dev`` of what lies on it
    point: str
    kind: str  # such as ext4, nfs4 or fuse.sshfs
    source: str  # such as /dev/sda1 or server:/share


def mount_table() -> str:
    """Give the mounts of this process."""
    return _TABLE.read_text("utf-8", "surrogateescape") if _TABLE.exists() else ""


def mount_of(folder: Path, table: str) -> Mount | None:
    """Give the mount that holds ``folder``, by its path alone: a share that hangs is not touched."""
    best = None
    for mount in _mounts(table):
        # of two on one point the later hides the earlier
        if folder.is_relative_to(mount.point) and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def mount_with(device: int, table: str) -> Mount | None:
    """Give a mount of this device."""
    return next((mount for mount in _mounts(table) if mount.device == device), None)


def mounts_below(folder: Path, table: str) -> Iterator[Mount]:
    """Yield what is mounted somewhere below ``folder``."""
    yield from (mount for mount in _mounts(table) if folder in Path(mount.point).parents)


def _mounts(table: str) -> Iterator[Mount]:
    # split at the kernel's own separators only: names may hold whatever else is a blank or a line's end to Python
    for line in filter(None, table.split("\n")):
        left, _, right = line.partition(" - ")
        fields, (kind, source) = left.split(" "), right.split(" ")[:2]
        major, minor = fields[2].split(":")
        yield Mount(os.makedev(int(major), int(minor)), _plain(fields[4]), kind, _plain(source))


def _plain(field: str) -> str:
    """Undo the escapes of blanks and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)
