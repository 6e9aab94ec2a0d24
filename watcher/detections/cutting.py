"""Animals are cut out of the pictures in which a detector saw them, for the model to look at them closely.

Whenever a box and its picture have met, the file is read once more, whichever of the two came first.
"""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from db import store
from db.queries.detections import Uncut, uncut
from db.types import printable
from watcher.data_folder import product
from watcher.intake import DECODE_SECONDS, result_of
from watcher.prepare import Cutting, cut
from watcher.service import Service

log = logging.getLogger(__name__)

TOGETHER = 32  # pictures a transaction


def cut_out(
    service: Service, root: Path, pool: ProcessPool, *, stopping: Callable[[], bool] = lambda: False
) -> Iterator[int]:
    """Cut out what waits below an inbox and yield the number of pictures, some at a time.

    What cannot be read now waits on.
    """
    folder, last, size = service.folder(root).root, 0, 0
    while not stopping():
        with service.ledger.read() as session:
            waiting = uncut(session, str(folder), after=last, limit=TOGETHER)
        if not waiting:
            return
        size = size or service.picture_size
        yield _cut_some(service, folder, pool, waiting, size)
        last = waiting[-1].media_id


def _cut_some(service: Service, root: Path, pool: ProcessPool, waiting: list[Uncut], size: int) -> int:
    kept = [{region: product("kept", of.sha256, str(size), region) for region, _ in of.boxes} for of in waiting]
    futures = [
        pool.schedule(
            cut,
            args=[
                Cutting(
                    path=os.path.join(os.fsencode(root), of.path),  # noqa: PTH118  # bytes, which pathlib has not
                    signature=of.signature,
                    orientation=of.orientation,
                    targets={service.data.root / paths[region]: box for region, box in of.boxes},
                    size=size,
                    max_pixels=service.max_pixels,
                )
            ],
            timeout=DECODE_SECONDS,
        )
        for of, paths in zip(waiting, kept, strict=True)
    ]
    outcomes = [_outcome(future, of.path) for future, of in zip(futures, waiting, strict=True)]
    with service.ledger.write() as session:
        for of, paths, is_cut in zip(waiting, kept, outcomes, strict=True):
            if is_cut:
                store.cut_out(session, of.media_id, paths)
    return sum(outcomes)


def _outcome(future: ProcessFuture[bool], path: bytes) -> bool:
    """Tell whether a picture was cut; what went wrong is said, and the picture waits on."""
    try:
        outcome = result_of(future)
    except ProcessExpired as error:
        outcome = error
    if isinstance(outcome, Exception):
        log.warning("the animals in %s cannot be cut out now (%s): it is tried again", printable(path), outcome)
        return False
    return outcome
