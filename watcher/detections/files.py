"""Files of detection results on disk: which are there, and what they hold, whatever may lie in their place."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from watcher.detections.document import DetectionsError
from watcher.inbox.scan import Folder, signature, walk
from watcher.reviews.files import Found, content_of, found

MOST_BYTES = 32 * 2**20  # more than a hundred thousand pictures


def found_in(folder: Folder) -> Iterator[Found]:
    """Find what is called ``*.json`` in an inbox, by path; links are not followed, a folder that is closed is left out.

    Raises
    ------
    OSError
        The inbox is away.

    """
    paths = [
        Path(os.fsdecode(entry.path))
        for listing in walk(folder)
        for entry in listing.files
        if entry.name.lower().endswith(b".json") and not entry.name.startswith(b".")  # hidden: half-copied, or foreign
    ]
    for path in sorted(paths):
        try:
            yield found(path)
        except OSError:
            continue  # gone since it was listed, or the share blinked


def read(path: Path) -> bytes:
    """Read a file that may be another by now, and no more than results may hold.

    Raises
    ------
    DetectionsError
        It is no regular file, or larger than 32 MiB.
    OSError
        It cannot be read now.

    """
    content = content_of(path, MOST_BYTES)
    if content is None:
        raise DetectionsError("it is no file any more: put the file itself there")
    if len(content) > MOST_BYTES:
        raise DetectionsError("it is larger than 32 MiB: write one file of results for each station")
    return content


def signatures(root: Path, paths: Iterable[bytes]) -> dict[bytes, str]:
    """Give the signatures of those files below ``root`` that are there and can be asked about; links are not followed.

    The paths may be anybody's.
    """
    found: dict[bytes, str] = {}
    for path in paths:
        try:
            found[path] = signature(os.lstat(os.path.join(os.fsencode(root), path)))  # noqa: PTH118  # bytes
        except OSError:
            continue
    return found
