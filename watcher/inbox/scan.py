"""One look at a folder tree: which files are there that could be pictures, and their stat signatures."""

import logging
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from db.store import SeenFile
from db.types import printable

log = logging.getLogger(__name__)

# Half-written or foreign things, by what makes them: names are compared in lower case.
IGNORED = re.compile(
    rb"""
      \..*                        # hidden: rsync's and ours while they are written, macOS' ._*, .DS_Store, .stfolder
    | .*\.(part|filepart|partial|tmp|temp|crdownload|download|!ut|!qb)   # browsers, WinSCP, torrent clients
    | ~.*                         # Windows' and Syncthing's own
    | thumbs\.db | desktop\.ini | ehthumbs.*\.db                        # Windows
    | @eadir | \#recycle | @recycle | lost\+found | \$recycle\.bin | system\ volume\ information  # NAS boxes, Windows
    | .*\.(thm|ctg|dat)           # camera index files
    | stations\.csv | .*\.json    # Trapline's own words and detection results
    """,
    re.VERBOSE | re.DOTALL,
)
KNOWN_FOLDERS = frozenset({b"corrections"})
# 100RECNX, 101EK113, 100_BTCF: the counter folders that cameras make (DCF), and their parent.
COUNTER_FOLDER = re.compile(r"dcim|\d{3}[a-z0-9_]{5}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Folder:
    """A root to look at and the folders in it that are none of its stations."""

    root: Path
    excluded: Collection[Path] = ()


def scan(folder: Folder, below: bytes | None = None, unreadable: list[bytes] | None = None) -> Iterator[SeenFile]:
    """Yield the regular files below the root (or below one folder in it), by path; links are never followed.

    What lies below and cannot be read is logged, and its path below the root appended to ``unreadable``: of that
    nothing is known, neither that it is there nor that it is gone.

    Raises
    ------
    OSError
        The folder itself cannot be read.

    """
    root = os.fsencode(folder.root)
    excluded = {os.fsencode(path) for path in folder.excluded}
    inside = (below or root)[len(root) :].strip(b"/")
    if any(IGNORED.fullmatch(name.lower()) or name.lower() in KNOWN_FOLDERS for name in inside.split(b"/") if name):
        return
    if any((below or root).startswith(path + b"/") or below == path for path in excluded):
        return
    entries = sorted(os.scandir(below or root), key=lambda entry: entry.name)
    yield from _walk(entries, root, excluded, [] if unreadable is None else unreadable)


def signature(stat: os.stat_result) -> str:
    """Give what changes when a file does."""
    return f"{stat.st_dev}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}"


def station_of(root: Path, path: bytes) -> str:
    """Give the station of a file: the first folder below the root, or the root's own name."""
    folders = folders_of(path)
    return folders[0] if folders and not COUNTER_FOLDER.fullmatch(folders[0]) else root.name


def folders_of(path: bytes) -> list[str]:
    """Give the folders of a path below the root, printable."""
    return printable(path).split("/")[:-1]


def _walk(
    entries: list[os.DirEntry[bytes]], root: bytes, excluded: set[bytes], unreadable: list[bytes]
) -> Iterator[SeenFile]:
    for entry in entries:
        if IGNORED.fullmatch(entry.name.lower()) or entry.path in excluded:
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                if entry.name.lower() not in KNOWN_FOLDERS:
                    inner = sorted(os.scandir(entry.path), key=lambda e: e.name)
                    yield from _walk(inner, root, excluded, unreadable)
            elif entry.is_file(follow_symlinks=False):
                yield _seen(entry, root)
        except FileNotFoundError:
            continue  # gone since it was listed
        except OSError as error:
            log.warning("%s is left out for now: %s", os.fsdecode(entry.path), error.strerror)
            unreadable.append(_below(entry.path, root))


def _seen(entry: os.DirEntry[bytes], root: bytes) -> SeenFile:
    stat = entry.stat(follow_symlinks=False)
    path = _below(entry.path, root)
    return SeenFile(
        root=os.fsdecode(root),
        path=path,
        signature=signature(stat),
        file_time=datetime.fromtimestamp(stat.st_mtime, UTC),
        station=station_of(Path(os.fsdecode(root)), path),
    )


def _below(path: bytes, root: bytes) -> bytes:
    return path[len(root) :].lstrip(b"/")
