"""One look at a folder tree: which files are there, and by what each is known to have changed."""

import logging
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from db.store import SeenFile
from db.types import printable
from watcher.inbox.share import share_of, shares_down_to

log = logging.getLogger(__name__)

# Half-written or foreign things, by what makes them: names are compared in lower case.
IGNORED = re.compile(
    rb"""
      \..*                        # hidden: rsync's and ours while they are written, macOS' ._*, .stfolder, .nfs
    | .*\.(part|filepart|partial|tmp|temp|crdownload|download|opdownload|!ut|!qb)   # browsers, WinSCP, torrent clients
    | ~.*                         # Windows' and Syncthing's own
    | thumbs\.db | desktop\.ini | ehthumbs.*\.db | autorun\.inf         # Windows
    | @eadir | \#recycle | @recycle | @recently-snapshot | lost\+found  # NAS boxes
    | \$recycle\.bin | system\ volume\ information | \#snapshot         # Windows, NAS boxes
    | .*\.(thm|ctg|dat|lrv|mrk|xmp|aae)   # index files of cameras, and what software says of a picture beside it
    | stations\.csv | .*\.json    # Trapline's own words and detection results
    """,
    re.VERBOSE | re.DOTALL,
)
_LAST_SECOND = 253_402_300_799.0  # of the year 9999; a file system may hold any number
KNOWN_FOLDERS = frozenset({b"corrections"})
# 100RECNX, 101EK113, 100_BTCF: the counter folders that cameras make (DCF), and their parent.
COUNTER_FOLDER = re.compile(r"dcim|\d{3}[a-z0-9_]{5}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Folder:
    """A root to look at, and what in it is neither a station nor a picture."""

    root: Path
    excluded: Collection[Path] = ()


@dataclass(slots=True)
class Listing:
    """One folder below the root, as the system listed it.

    Of what could not be read nothing is known, neither that it is there nor that it is gone.
    """

    folder: bytes  # below the root; empty: the root itself
    share: str  # what it lies on: shares may be mounted below the root too
    files: list[os.DirEntry[bytes]] = field(default_factory=list)  # regular ones, those to be ignored among them
    error: OSError | None = None


def walk(folder: Folder, below: bytes = b"", *, deep: bool = True) -> Iterator[Listing]:
    """List the root, or one folder below it, and the folders in it if ``deep``; links are never followed.

    Raises
    ------
    OSError
        The folder itself cannot be read.

    """
    if any(_is_foreign(name) for name in below.split(b"/") if name):
        return
    root, excluded = os.fsencode(folder.root), {os.fsencode(path) for path in folder.excluded}
    place = os.path.join(root, below) if below else root  # noqa: PTH118  # bytes, which pathlib has not
    if any(place == path or place.startswith(path + b"/") for path in excluded):
        return
    share, device = shares_down_to(folder.root, below)
    waiting = [(place, share, device)]
    while waiting:
        place, share, outer = waiting.pop()
        listing = Listing(place[len(root) :].strip(b"/"), share)
        try:
            device = os.stat(place).st_dev  # noqa: PTH116  # bytes, which pathlib has not
            if device != outer:
                listing.share = share_of(Path(os.fsdecode(place)))
            inner = list(_sort_out(listing, place, excluded))
        except OSError as error:
            if listing.folder == below:
                raise
            listing.error = error
        else:
            waiting += [(path, listing.share, device) for path in inner if deep]
        yield listing


def folders_in(folder: Folder, below: bytes = b"") -> list[bytes]:
    """Give the names of the folders at the root or in one below it, as far as pictures are sought in them.

    Raises
    ------
    OSError
        The folder cannot be read.

    """
    place = os.path.join(os.fsencode(folder.root), below)  # noqa: PTH118  # bytes, which pathlib has not
    excluded = {os.fsencode(path) for path in folder.excluded}
    return [os.path.basename(path) for path in _sort_out(Listing(below, ""), place, excluded)]  # noqa: PTH119


def seen(folder: Folder, path: bytes, stat: os.stat_result, share: str) -> SeenFile:
    """Describe a file that is to be looked at more closely."""
    return SeenFile(
        root=str(folder.root),
        path=path,
        signature=signature(stat),
        file_time=datetime.fromtimestamp(min(max(0.0, stat.st_mtime), _LAST_SECOND), UTC),
        station=station_of(folder.root, path),
        share=share,
        device=stat.st_dev,
    )


def signature(stat: os.stat_result) -> str:
    """Give what changes when a file does, and stays when its share is mounted anew."""
    return f"{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}"


def is_ignored(name: bytes) -> bool:
    """Tell whether a file of this name is half-written, foreign or Trapline's own."""
    return IGNORED.fullmatch(name.lower()) is not None


def station_of(root: Path, path: bytes) -> str:
    """Give the station of a file: the first folder below the root, or the root's own name."""
    folders = folders_of(path)
    return folders[0] if folders and not COUNTER_FOLDER.fullmatch(folders[0]) else root.name


def folders_of(path: bytes) -> list[str]:
    """Give the folders of a path below the root, printable."""
    return printable(path).split("/")[:-1]


def _sort_out(listing: Listing, place: bytes, excluded: Collection[bytes]) -> Iterator[bytes]:
    """Put the files of a folder into its listing and yield the folders, but for what is excluded."""
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.path in excluded:
                continue
            if entry.is_file(follow_symlinks=False):
                listing.files.append(entry)
            elif entry.is_dir(follow_symlinks=False) and not _is_foreign(entry.name):
                yield entry.path


def _is_foreign(name: bytes) -> bool:
    return is_ignored(name) or name.lower() in KNOWN_FOLDERS
