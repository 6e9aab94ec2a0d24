"""A look through files that the ledger knows, beside a bare walk: that part of the intake's benchmark."""

import os
import sys
import time
from contextlib import closing
from datetime import UTC, datetime

from db.engine import open_ledger
from db.models import Media, Sighting
from db.types import State
from watcher.inbox.lookout import Lookout
from watcher.inbox.scan import Folder, seen, walk
from watcher.inbox.settle import Settler
from watcher.inbox.share import share_of

IN_A_FOLDER, IN_A_STATION = 1000, 10_000
TIMES = 5
MOST_RATIO = 3.0


def looked_through(house, say, *, files):
    """Make files, record them as taken, look and walk turn and turn about; give what is wrong."""
    _make(house.inbox, files)
    house.data.mkdir()
    with closing(open_ledger(house.data / "trapline.db")) as ledger:
        folder = Folder(house.inbox)
        faults = [] if (recorded := _record(ledger, folder)) == files else [f"{recorded} of {files} were recorded"]
        lookout, found, opened, walks, looks = Lookout(ledger, folder, Settler(0.0)), [], [], [], []
        sys.addaudithook(lambda event, about: opened.append(str(about[0])) if event == "open" else None)
        for number in range(TIMES):
            walks.append(_timed(lambda: _walk(str(house.inbox))))
            looks.append(_timed(lambda now=number: found.extend(lookout.look_through(now))))
    read = [path for path in opened if path.startswith(f"{house.inbox}/")]
    ratio = min(looks) / min(walks)
    say(f"{len(read):8}    files opened and {len(found)} to be read in {TIMES} looks through {files} known files")
    say(f"{min(walks):10.2f} s a bare walk with the stat of each file, best of {TIMES}")
    say(f"{min(looks):10.2f} s a look, best of {TIMES}, turn and turn about")
    say(f"{ratio:10.2f}   times as long, at most {MOST_RATIO}")
    faults += [f"{path} was opened" for path in read] + [f"{each.file.path!r} is to be read" for each in found]
    return faults + ([] if ratio <= MOST_RATIO else [f"a look takes {ratio:.1f} times as long as a walk"])


def _make(root, files):
    for number in range(files):
        folder = root / f"station-{number // IN_A_STATION:02}" / f"{number // IN_A_FOLDER:03}EK113"
        if number % IN_A_FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"IMG_{number:06}.JPG").touch()


def _record(ledger, folder):
    """Write every file below the folder into the ledger as taken; give how many there are."""
    now, share = datetime.now(UTC), share_of(folder.root)
    files = [
        seen(folder, os.path.join(listing.folder, entry.name), entry.stat(), share)  # noqa: PTH118  # bytes
        for listing in walk(folder)
        for entry in listing.files
    ]
    media = Media(
        sha256="0" * 64, picture_hash="", phash="", flat=False, format="JPEG", width=1, height=1, orientation=1,
        bytes=0, encoding="", integrity="sound", time_status="missing", time_source="", exif={}, kept="",
        received_at=now,
    )  # fmt: skip
    with ledger.write() as session:
        session.add(media)
        session.flush()
        session.add_all(
            Sighting(
                root=file.root, share=file.share, folder=file.folder, path=file.path, path_text=os.fsdecode(file.path),
                signature=file.signature, file_time=file.file_time, station=file.station, state=State.TAKEN,
                seen_at=now, media_id=media.id,
            )
            for file in files
        )  # fmt: skip
    return len(files)


def _walk(folder):
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _walk(entry.path)
            else:
                entry.stat(follow_symlinks=False)


def _timed(work):
    begin = time.monotonic()
    work()
    return time.monotonic() - begin
