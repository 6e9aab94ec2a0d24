"""From detection results to the ledger: what was seen of each picture, in short transactions that can be repeated.

A file says of a picture what it said when it was last read: one that is deleted leaves its words behind, as a picture
leaves its answer.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from uuid import uuid4

from sqlalchemy.orm import Session

from db import store
from db.detected import region_of
from db.models import Detection, DetectionsFile
from db.observe import refresh
from db.queries.detections import met_in, refused_in, taken_with_waiting_words
from db.types import Detected
from watcher.detections.document import DetectionsError, Picture, Results, parse
from watcher.detections.files import found_in, read, signatures
from watcher.reviews.files import Found
from watcher.service import Service

TOGETHER = 200  # pictures a transaction
_READER = uuid4().hex  # this process: what another began to read, that ended with it
_TOO_MUCH = (
    "Trapline broke off while it read it, perhaps for want of memory: write smaller files of results, or copy it "
    "there again to have it read once more"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: of how many pictures it was believed, or why it is refused."""

    place: str  # its path, printable
    pictures: int
    refused: str | None = None


def look(service: Service, root: Path, *, patient: bool = True) -> Iterator[Outcome]:
    """Take in the new and changed detection results below an inbox, and yield what became of each.

    Any other JSON is passed over. Where ``patient``, a file that changed in the last ``settle_seconds`` waits. One that
    is refused is remembered with the reason, until it changes or goes; one that cannot be read now is tried at each
    look, and all are read again when the threshold changes. Of an inbox that is away nothing is known.
    """
    folder = service.folder(root)
    try:
        present = list(found_in(folder))
    except OSError:
        return
    _give_waiting_words(service, folder.root)
    with service.ledger.read() as session:
        met = met_in(session, str(folder.root))
    gone = {each.place for each in met if each.refused is not None} - {file.place for file in present}
    if gone:
        with service.ledger.write() as session:
            store.forget_refused_detections(session, gone)
    threshold, settle_seconds = service.settings.detections.threshold, service.settings.intake.settle_seconds
    begun = {(each.place, each.signature): each.detector for each in met if each.refused == ""}
    known = {(each.place, each.signature) for each in met if each.threshold == threshold} - begun.keys()
    trouble = {each.place: each.refused for each in met if not each.signature}
    for file in present:
        if (file.place, file.signature) in known or (patient and file.is_moving(settle_seconds)):
            continue
        if begun.get((file.place, file.signature), _READER) == _READER:
            outcome = _looked_at(service, folder.root, file, trouble.get(file.place))
        else:
            outcome = _refused(service, folder.root, file, signed=file.signature, why=_TOO_MUCH)
        if outcome is not None:
            yield outcome


def refused_now(service: Service, session: Session) -> list[Outcome]:
    """Give the files in the inboxes that were refused when they were last looked at."""
    roots = (str(root.resolve()) for root in service.settings.inbox)
    return [Outcome(place, 0, why) for root in roots for place, why in refused_in(session, root)]


def _give_waiting_words(service: Service, root: Path) -> None:
    """Let no word wait beside the file it is of, which was away or in the making when the word was read."""
    with service.ledger.read() as session:
        paths = taken_with_waiting_words(session, str(root))
    for start in range(0, len(paths), TOGETHER):
        now = signatures(root, paths[start : start + TOGETHER])
        with service.ledger.write() as session:
            refresh(session, store.give_waiting_words(session, str(root), now), service.redlist)


def _looked_at(service: Service, root: Path, file: Found, trouble: str | None) -> Outcome | None:
    """Take in a file and remember what became of it; None where that is no news.

    ``trouble``: why it could not be read at the last look.
    """
    try:
        content = read(file.path)
        with service.ledger.write() as session:  # what ends this process is not to end the next one too
            begun = _row(service, root, file, signed=file.signature, refused="")
            begun.detector = _READER
            store.detections_file(session, begun)
        results = parse(content, str(file.path.parent), service.settings.detections.threshold)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = f"it cannot be read ({error.strerror}): mend that, and it is tried again"
        return None if why == trouble else _refused(service, root, file, signed="", why=why)
    except MemoryError:
        return _refused(service, root, file, signed=file.signature, why=_TOO_MUCH)
    except DetectionsError as error:
        return _refused(service, root, file, signed=file.signature, why=str(error))
    _take(service, root, file, results)
    return Outcome(file.place, len(results.pictures)) if results else None


def _refused(service: Service, root: Path, file: Found, *, signed: str, why: str) -> Outcome:
    with service.ledger.write() as session:
        store.detections_file(session, _row(service, root, file, signed=signed, refused=why))
    return Outcome(file.place, 0, why)


def _take(service: Service, root: Path, file: Found, results: Results | None) -> None:
    """Record what a file says; of one that is something else (None), that it was looked at."""
    with service.ledger.write() as session:
        file_id = store.detections_file(session, _row(service, root, file, signed="", results=results))
    inside = PurePosixPath(os.path.relpath(file.path.parent, root))
    pictures = results.pictures if results else ()
    for start in range(0, len(pictures), TOGETHER):
        some = {os.fsencode(inside / each.path): _detections(each) for each in pictures[start : start + TOGETHER]}
        now = signatures(root, some)
        with service.ledger.write() as session:
            refresh(session, store.detected(session, file_id, str(root), some, now), service.redlist)
    with service.ledger.write() as session:
        store.detections_read(session, file_id, file.signature)


def _detections(picture: Picture) -> Sequence[Detection]:
    if not picture.boxes:
        return [Detection(region=0, category=Detected.NOTHING)]
    # the surest last, so that of the same box twice that one stays
    boxes = {region_of(box.category, box.corner): box for box in sorted(picture.boxes, key=lambda box: box.confidence)}
    return [
        Detection(
            region=region,
            category=box.category,
            confidence=box.confidence,
            x=box.x,
            y=box.y,
            width=box.width,
            height=box.height,
        )
        for region, box in boxes.items()
    ]


def _row(
    service: Service,
    root: Path,
    file: Found,
    *,
    signed: str,
    results: Results | None = None,
    refused: str | None = None,
) -> DetectionsFile:
    return DetectionsFile(
        root=str(root),
        place=file.place,
        signature=signed,
        threshold=service.settings.detections.threshold,
        detector=results.detector if results else "",
        pictures=len(results.pictures) if results else 0,
        refused=refused,
        at=datetime.now(UTC),
    )
