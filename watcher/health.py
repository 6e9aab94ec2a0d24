"""How is it? ``trapline status`` (what happens now) and ``trapline doctor`` (what is wrong, and how to mend it)."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from pebble import ProcessExpired

from db.check import faults, originals, products
from db.engine import LedgerError
from db.queries.corrections import count_corrections
from db.queries.detections import count_detected
from db.queries.status import at_two_deployments, failed_jobs, last_report, models_used, rejected, stations, totals
from db.redlist import RedListError
from db.types import State
from ml import machine
from ml.artifacts import ArtifactError, answering, current
from ml.backbones import WeightsDamaged
from ml.runtime import OutOfMemory, RuntimeMissing, agreements, choose, measure, open_ensemble, prepare
from training.retraining.outcome import last
from watcher.config import ConfigError, Settings, load_settings
from watcher.data_folder import DataFolder, DataFolderError
from watcher.detections.taking import refused_now as detections_refused
from watcher.inbox.scan import signature
from watcher.intake import DECODE_SECONDS, decode_pool
from watcher.reviews import refused_now
from watcher.service import Service, open_service
from watcher.stations import Fit, StationsError, astray, fit, loose_ends

LOW_DISK = 500 * 2**20
SILENT_SECONDS = 60  # a daemon that says nothing for this long hangs
MEASURED_SECONDS = 10.0  # all runtimes together
SLOW_SECONDS = 600.0  # what a look through a large share may take


def status(service: Service) -> dict[str, Any]:
    """Give what ``trapline status --json`` prints; ``problems`` is empty where all is well."""
    with service.ledger.read() as session:
        total, report = totals(session), last_report(session)
        state = {
            "daemon": _daemon(service.data),
            "model": answering(service.data.models).version,
            "model_problem": answering(service.data.models).problem,
            "files": {kind.value: total.files.get(kind, 0) for kind in State},
            "media": total.media,
            "pending": total.pending,
            "animals_pending": total.animals,
            "copies": total.copies,
            "at_two_deployments": at_two_deployments(session),
            "stale": total.stale,
            "decisions": {decision.value: count for decision, count in total.decisions.items()},
            "stations": [
                asdict(sign) | {"last_seen": sign.last_seen.isoformat(timespec="seconds")} for sign in stations(session)
            ],
            "rejected": [asdict(file) for file in rejected(session)],
            "corrections": count_corrections(session),
            "corrections_refused": [
                {"path": file.place, "reason": file.refused} for file in refused_now(service, session)
            ],
            "detections": count_detected(session),
            "detections_refused": [
                {"path": file.place, "reason": file.refused} for file in detections_refused(service, session)
            ],
            "models": dict(models_used(session)),
            "failed_jobs": failed_jobs(session),
            "report": report.path if report else None,
            "retraining": _retraining(service.data),
            "free_bytes": shutil.disk_usage(service.data.root).free,
        }
    problems = _problems(state)
    if service.settings.inbox and not state["daemon"]:
        problems.append("no daemon runs, so nothing new is noticed: start trapline watch")
    return state | {"problems": [problem.replace("\n", "; ") for problem in problems]}


def lines(state: dict[str, Any]) -> Iterator[str]:
    """Give the same for a person to read."""
    daemon, files = state["daemon"], state["files"]
    yield f"daemon    {'runs' if daemon else 'does not run'}"
    on = f" on {daemon['device']}" if daemon and daemon.get("device") else ""
    yield f"model     {state['model']}{on}"
    yield f"files     {files['taken']} taken, {files['rejected']} rejected, {files['missing']} missing"
    yield f"files     {files['retry']} cannot be read now and are tried again"
    yield f"pictures  {state['media']}, of which {state['copies']} are copies and {state['pending']} wait for an answer"
    if state["animals_pending"]:
        yield f"animals   {state['animals_pending']} that a detector saw wait for a closer look"
    if daemon:
        yield from chain.from_iterable(map(_inbox_lines, daemon["inboxes"]))
        yield from _stations_lines(_fits(daemon["inboxes"]))
        yield from (f"next      {kind} at {time}" for kind, time in daemon["next"].items())
    if state["at_two_deployments"]:
        yield f"pictures  {state['at_two_deployments']} lie at two stations (a card in the wrong folder?)"
    yield from (f"station   {sign['station']}: last file {sign['last_seen']}" for sign in state["stations"])
    yield from (f"rejected  {file['path']}: {file['reason']}" for file in state["rejected"])
    if (others := files["rejected"] - len(state["rejected"])) > 0:
        yield f"rejected  and {others} before these: the report names those of its time"
    yield f"corrections  {state['corrections']} taken"
    yield from (f"corrections  {file['path']} refused: {file['reason']}" for file in state["corrections_refused"])
    if state["detections"]:
        yield f"detections  of {state['detections']} pictures"
    yield from (f"detections  {file['path']} refused: {file['reason']}" for file in state["detections_refused"])
    yield f"report    {state['report'] or 'none yet'}"
    if state["retraining"]:
        yield f"retrained {state['retraining']['finished']}: {state['retraining']['says']}"
    yield f"disk      {state['free_bytes'] / 2**30:.1f} GiB free"
    yield from (f"PROBLEM   {problem}" for problem in state["problems"])


def _inbox_lines(inbox: dict[str, Any]) -> Iterator[str]:
    root = inbox["root"]
    looked = f"looked through {inbox['looked_at']}" if inbox["looked_at"] else "not looked through yet"
    yield f"inbox     {root}: {looked}, every {inbox['scan_seconds']:.0f} s"
    yield f"inbox     {root}: {inbox['unsettled']} files have not come to rest"
    if inbox["earlier"]:
        yield f"inbox     {root} holds another share than before: {inbox['earlier']} files of the earlier one stay"
    yield from (f"growing   {root}/{path} has been written for more than an hour" for path in inbox["growing"])
    if inbox["events_asked_for_anew"]:
        yield f"events    of {root} stopped {inbox['events_asked_for_anew']} times and were asked for anew"


def _stations_lines(fits: list[Fit]) -> Iterator[str]:
    yield from (f"stations  {line}" for line in dict.fromkeys(map(_listed, fits)))
    yield from (f"stations  {line}" for line in loose_ends(fits))


def _listed(fit: Fit) -> str:
    return f"{fit.table}: deployments listed: {fit.deployments}"


def _fits(inboxes: list[dict[str, Any]]) -> list[Fit]:
    return [Fit(**inbox["stations"]) for inbox in inboxes if inbox.get("stations")]


def _inbox_problems(inbox: dict[str, Any]) -> Iterator[str]:
    root = inbox["root"]
    if inbox["away"]:
        yield f"{root} is offline ({inbox['away']}): mount it, or take it out of inbox"
    yield from (f"{root}/{path} is left out ({why}): mend it" for path, why in inbox["unreadable"].items())
    since = inbox["looking_since"]
    if since and _seconds_since(since) > SLOW_SECONDS + 3 * inbox["scan_seconds"]:
        yield f"{root} is being looked through since {since}: the share hangs, or is very slow"
    if inbox["folders_heard"] is not None and inbox["folders_heard"] < inbox["folders"]:
        yield (
            f"events come from {inbox['folders_heard']} of {inbox['folders']} folders of {root}, so all are looked "
            "through more often: raise fs.inotify.max_user_watches and max_user_instances (sysctl)"
        )


def _seconds_since(time: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()


def _daemon(data: DataFolder) -> dict[str, Any] | None:
    """Give what the daemon last said of itself; None where none runs."""
    if not data.in_use():
        return None
    try:
        said: dict[str, Any] = json.loads(data.heartbeat.read_text())
    except (OSError, ValueError):
        return {"process": None, "silent_seconds": 0, "inboxes": [], "next": {}}
    return said | {"silent_seconds": round(_seconds_since(said["at"]))}


def _retraining(data: DataFolder) -> dict[str, Any] | None:
    """Give when the last retraining ended and what came of it; None where there was none."""
    outcome = last(data.runs)
    return {"finished": outcome.finished.isoformat(), "says": str(outcome)} if outcome else None


def _problems(state: dict[str, Any]) -> list[str]:
    daemon = state["daemon"] or {}
    found = list(chain.from_iterable(map(_inbox_problems, daemon.get("inboxes", []))))
    found += astray(_fits(daemon.get("inboxes", [])))
    if state["model_problem"]:
        found.append(state["model_problem"])
    found += [f"the last {kind} failed: {failure}" for kind, failure in state["failed_jobs"].items()]
    found += [f"{part}: {error}" for part, error in daemon.get("failures", {}).items()]
    if daemon.get("silent_seconds", 0) > SILENT_SECONDS:
        found.append(f"the daemon (process {daemon['process']}) is silent: restart it")
    if state["free_bytes"] < LOW_DISK:
        found.append(f"only {state['free_bytes'] >> 20} MiB are free in the data folder: free the disk")
    if state["files"]["retry"]:
        found.append(f"files cannot be read now ({state['files']['retry']}) and are tried again: check the share")
    if state["corrections_refused"]:
        found.append(
            f"corrections are refused ({len(state['corrections_refused'])}): do what is said of each, or delete it"
        )
    if state["detections_refused"]:
        found.append(
            f"detection results are refused ({len(state['detections_refused'])}): do what is said of each, or delete it"
        )
    if state["pending"] and not daemon:
        found.append(f"pictures wait for an answer ({state['pending']}) and no daemon runs: start trapline watch")
    return found


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, and whether it is well."""

    name: str
    well: bool
    says: str


def doctor(config: Path | None, *, thorough: bool, seconds: float = MEASURED_SECONDS) -> Iterator[Check]:
    """Check configuration, folders, ledger, model and device, one after another; each says how to mend it.

    ``thorough``: compares the ledger with itself, its products and the original files, byte for byte. ``seconds``: how
    long the runtimes are measured, all together.
    """
    try:
        settings = load_settings(config)
        prepare(settings.model)
        machine.prepare()  # before there are threads, since TensorFlow is muffled while it loads
    except (ConfigError, RuntimeMissing) as error:
        yield Check("configuration", well=False, says=str(error))
        return
    yield Check("configuration", well=True, says="every key is known and right")
    yield from (_inbox(root) for root in settings.inbox)
    if not settings.inbox:
        yield Check("inbox", well=True, says="none configured: trapline process works, trapline watch needs one")
    yield _disk(settings.data_dir)
    if settings.report.folder is not None:
        yield _reports(settings.report.folder)
    try:
        new = not DataFolder(settings.data_dir).ledger.exists()
        with open_service(settings) as service:
            says = f"{service.data.ledger}{' (made now)' if new else ''}"
            yield Check("data folder and ledger", well=True, says=says)
            yield from _stations(service)
            if thorough:
                yield from _compare(service)
    except (DataFolderError, LedgerError, RedListError) as error:
        yield Check("data folder and ledger", well=False, says=str(error))
    yield _decoding()
    yield from _model(settings, seconds)


def _inbox(root: Path) -> Check:
    name = f"inbox {root}"
    if not root.is_dir():
        return Check(name, well=False, says="is not there: mount the share, or correct inbox")
    if not os.access(root, os.R_OK | os.X_OK):
        return Check(name, well=False, says="cannot be read: give the daemon's user the right to read it")
    return Check(name, well=True, says="readable")


def _stations(service: Service) -> Iterator[Check]:
    """Check the tables of deployments, each against the folders of its inboxes that are there."""
    fits, faults = [], []
    for root in filter(Path.is_dir, service.settings.inbox):
        try:
            stations = service.stations(root)
        except StationsError as error:
            faults += str(error).splitlines()
            continue
        faults += stations.faults
        fits.append(fit(service.folder(root), stations))
    wrong = dict.fromkeys([*faults, *astray(fits)])
    well = dict.fromkeys([*map(_listed, fits), *loose_ends(fits)])
    if fits or wrong:
        yield Check("stations", well=not wrong, says="; ".join(wrong or well))


def _reports(folder: Path) -> Check:
    """Look without making anything: a folder made in the place of a share would be taken for the share."""
    place = folder if folder.exists() else folder.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        says = f"{folder} cannot be written: mount it, or give the daemon's user the right to write there"
        return Check("reports", well=False, says=says)
    return Check("reports", well=True, says=f"are written to {folder}")


def _disk(folder: Path) -> Check:
    present = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(present).free
    says = f"{free / 2**30:.1f} GiB free" + ("" if free >= LOW_DISK else ": free the disk, or move data_dir")
    return Check("disk", well=free >= LOW_DISK, says=says)


def _decoding() -> Check:
    try:
        with decode_pool(1) as pool:
            pool.schedule(os.getpid, timeout=DECODE_SECONDS).result()
    except (OSError, ProcessExpired) as error:
        says = f"cannot be started ({error}): let this user read {sys.executable} and all that it links to"
        return Check("decode processes", well=False, says=says)
    return Check("decode processes", well=True, says="start, and answer")


def _model(settings: Settings, seconds: float) -> Iterator[Check]:
    data = DataFolder(settings.data_dir)
    try:
        folder = current(data.models)
        choice = choose(settings.model, agreements(folder))
        ensemble = open_ensemble(folder, settings.model, data.runtime)
        size = ensemble.model.card.picture_size
        ensemble.predict(np.zeros((1, size, size, 3), np.uint8))
        yield Check("model", well=True, says=f"{ensemble.model.version}: every hash is right, and it answers")
        yield Check("runtime", well=True, says=f"{ensemble.runs_on}: {choice.why}")
        speeds = measure(folder, settings.model, data.runtime, seconds=seconds)
        yield Check("speed", well=True, says=f"pictures a second, model alone: {', '.join(map(str, speeds))}")
    except (
        ArtifactError,
        OSError,
        OutOfMemory,
        RuntimeMissing,
        WeightsDamaged,
    ) as error:  # WeightsMissing too
        yield Check("model", well=False, says=str(error))


def _compare(service: Service) -> Iterator[Check]:
    with service.ledger.read() as session:
        wrong = faults(session, service.redlist)
        missing = [path for path in products(session) if not (service.data.root / path).is_file()]
        changed = [where for file in originals(session) if (where := _changed(*file))]
    yield _counted("ledger", wrong, "is sound", "restore a backup")
    yield _counted("products", missing, "are all there", "put the data folder's backup back")
    yield _counted("originals", changed, "are what the ledger says", "the files rot on their disk: copy them anew")


def _counted(name: str, found: list[str], well: str, mend: str) -> Check:
    if not found:
        return Check(name, well=True, says=well)
    return Check(name, well=False, says=f"{len(found)} at fault ({'; '.join(found[:3])}): {mend}")


def _changed(root: str, path: bytes, known: str, sha256: str) -> str | None:
    """Name an original whose bytes differ though the file was not touched; one that is away says nothing."""
    place = Path(root) / os.fsdecode(path)
    try:
        if signature(place.lstat()) != known or hashlib.sha256(place.read_bytes()).hexdigest() == sha256:
            return None
    except OSError:
        return None
    return str(place)
