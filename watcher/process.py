"""``trapline process``: the pipeline once over some folders, with progress, a summary and a table of answers."""

import csv
import io
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass
from itertools import chain
from pathlib import Path

from pebble import ProcessPool
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from db.exchange.tables import FORMULA
from db.queries.answers import COLUMNS, file_answers
from db.queries.pending import count_pending
from db.queries.status import Totals, totals
from db.types import State
from ml.files import write_atomically
from ml.runtime import prepare
from watcher.detections.cutting import cut_out
from watcher.detections.files import found_in
from watcher.detections.taking import look
from watcher.inbox.lookout import Lookout
from watcher.inbox.scan import Folder
from watcher.inbox.settle import Settled, Settler
from watcher.intake import Intake, assign_deployments, decode_pool, derive_stale
from watcher.pipeline import Pipeline
from watcher.service import Service
from watcher.stations import Stations, astray, fit, loose_ends


class FolderError(ValueError):
    """A folder cannot be processed; the message says why."""


@dataclass(frozen=True, slots=True)
class Processed:
    """What a run did."""

    roots: tuple[str, ...]
    left_out: tuple[str, ...]  # what could not be looked at, in words
    read: int
    answered: int
    seconds: float
    totals: Totals

    @property
    def complete(self) -> bool:
        """Whether every file has an answer."""
        files = self.totals.files
        return not (self.left_out or self.totals.pending or files.get(State.REJECTED) or files.get(State.RETRY))


def process(service: Service, folders: list[Path], *, again: bool, console: Console) -> Processed:
    """Take every file below ``folders`` that is new or changed, and answer every media among them.

    ``again`` answers anew what an older model answered. Interrupted at any point, the same call goes on from there.

    Raises
    ------
    FolderError
        A folder is not there, cannot be read, or is the data folder itself.

    """
    begin = time.monotonic()
    roots = tuple(dict.fromkeys(str(_checked(folder, service)) for folder in folders))
    lookouts = [Lookout(service.ledger, service.folder(Path(root)), Settler(0.0), patient=False) for root in roots]
    files = [file for lookout in lookouts for file in lookout.look_through(0.0)]
    left_out = tuple(line for lookout in lookouts for line in _left_out(lookout))
    tables = [(each.folder, service.stations(each.folder.root)) for each in lookouts if not each.root.away]
    listed = {str(folder.root): stations.listed for folder, stations in tables}
    for root, rows in listed.items():
        assign_deployments(service.ledger, root, rows, service.redlist)
    for line in (*left_out, *_said_of(tables)):
        console.print(line, soft_wrap=True, markup=False)
    if files or _waiting(service, roots, again=again) or any(_has_results(service, root) for root in roots):
        prepare(service.settings.model)  # before there are other threads, since TensorFlow is muffled while it loads
    with (
        _progress(console) as progress,
        decode_pool(service.settings.intake.decode_workers) as pool,
        ThreadPoolExecutor(1) as thread,
    ):
        reading = progress.add_task("Reading", total=len(files))
        intake = service.intake(pool, service.settings.intake.decode_workers, listed.__getitem__)
        stopping = threading.Event()

        def take() -> list[str]:
            _take_all(intake, files, stopping, lambda count: progress.advance(reading, count))
            return list(_take_detections(service, roots, pool, stopping))

        taking = thread.submit(take)
        try:
            answered = _answer_meanwhile(service, taking, roots, again=again, progress=progress)
        finally:
            stopping.set()
    for line in taking.result():
        console.print(line, soft_wrap=True, markup=False)
    derive_stale(service.ledger, service.redlist)
    with service.ledger.read() as session:
        seconds = time.monotonic() - begin
        return Processed(roots, left_out, len(files), answered, seconds, totals(session, roots))


def write_answers(service: Service, roots: Iterable[str], path: Path) -> None:
    """Write one row a file as CSV (UTF-8, RFC 4180), whole or not at all.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    with service.ledger.read() as session:
        for answer in file_answers(session, roots, str(service.data.root)):
            table.writerow(["'" + cell if cell.startswith(FORMULA) else cell for cell in astuple(answer)])
    write_atomically(path, text.getvalue().encode())


def _checked(folder: Path, service: Service) -> Path:
    root = folder.resolve()
    if not root.is_dir():
        raise FolderError(f"{folder} is not a folder: name the folder that holds the pictures")
    if not os.access(root, os.R_OK | os.X_OK):
        raise FolderError(f"{folder} cannot be read: give yourself the right to read it")
    if root.is_relative_to(service.data.root):
        raise FolderError(f"{folder} lies in Trapline's own data folder: name the folder that holds the pictures")
    return root


def _left_out(lookout: Lookout) -> Iterator[str]:
    root = lookout.folder.root
    if lookout.root.away:
        yield f"{root}: {lookout.root.away}; its files stay as they are in the ledger"
    yield from (f"{root}/{path} is left out ({why})" for path, why in lookout.root.unreadable.items())


def _said_of(tables: list[tuple[Folder, Stations]]) -> Iterator[str]:
    """Say what is wrong with the tables of deployments, and what they leave open."""
    yield from dict.fromkeys(fault for _, stations in tables for fault in stations.faults)
    fits = [fit(folder, stations) for folder, stations in tables]
    yield from chain(astray(fits), loose_ends(fits))


def _has_results(service: Service, root: str) -> bool:
    """Tell whether there may be what makes pictures wait for the model again."""
    try:
        return any(True for _ in found_in(service.folder(Path(root))))
    except OSError:
        return False


def _take_detections(
    service: Service, roots: Iterable[str], pool: ProcessPool, stopping: threading.Event
) -> Iterator[str]:
    """Take what detectors saw, once the ledger knows the pictures that are there now; say what is refused."""
    for root in roots:
        for each in look(service, Path(root), patient=False):
            if each.refused:
                yield f"{each.place} is refused: {each.refused}"
        sum(cut_out(service, Path(root), pool, stopping=stopping.is_set))


def _waiting(service: Service, roots: Iterable[str], *, again: bool) -> int:
    with service.ledger.read() as session:
        return count_pending(session, unless_by="" if again else None, roots=roots)


def _take_all(intake: Intake, files: list[Settled], stopping: threading.Event, advance: Callable[[int], None]) -> None:
    for batch in intake.take(file for file in files if not stopping.is_set()):
        advance(len(batch))


def _answer_meanwhile(
    service: Service, taking: Future[list[str]], roots: tuple[str, ...], *, again: bool, progress: Progress
) -> int:
    """Answer what the intake brings until it has brought everything; give how many answers that were."""
    pipeline = Pipeline(service.ledger, service.data, service.redlist, service.settings.model)
    answering = progress.add_task("Answering", total=None)
    answered = 0
    finished = False
    try:
        while not finished:
            finished = taking.done()  # asked before the ledger is, so that nothing slips between
            progress.update(answering, total=answered + _waiting(service, roots, again=False))
            for count in pipeline.answer_pending(reanswer=again, roots=roots):
                answered += count
                progress.update(answering, completed=answered)
            if not finished:
                time.sleep(0.2)
    finally:
        pipeline.close()
    progress.update(answering, total=answered)
    return answered


class _Rate(ProgressColumn):
    """Images a second since the task began."""

    def render(self, task: Task) -> Text:
        """Show the rate, or nothing before there is one."""
        return Text(f"{task.finished_speed or task.speed:.1f} images/s" if task.speed else "")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    )
