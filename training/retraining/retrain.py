"""Retraining, the whole job top-down: reviewed pictures in, a challenger against the champion, the gate, a promotion.

It may be killed at any instant. Until its last step, the switch of the store's pointer, the champion serves on and
nothing but files of its own was written. A second start with the same champion and the same labels finds the features
cached and the folder of the first run, takes its date from there, and so comes to the same model, bit for bit. Two
runs never work at once: each holds the lock ``runs/retraining.lock`` while it lives, the second waits for the first
and then sees what came of it: a verdict on the same pictures is not given twice, and what a promoted challenger has
learned is no longer new. So nothing is promoted twice, whoever started the second run, and whatever became of the
process that started the first. A model that a person promoted meanwhile stays.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from rich.console import Console

from db import redlist
from db.engine import open_ledger
from db.queries.reviewed import Reviewed, reviewed
from ml.arrays import Floats
from ml.artifacts import ArtifactError, Model, current, load, promote
from training import precision, rows
from training.learn import log_probabilities
from training.retraining import challenger, field
from training.retraining.challenge import Material, challenge, material, opinion
from training.retraining.doubts import Batch, doubts
from training.retraining.gate import Verdict, judge
from training.retraining.newcomers import newcomers_of
from training.retraining.outcome import Outcome, conclude, concluded, remember, switched
from training.rows import Rows
from training.settings import RetrainingSettings, TrainingSettings

_LOCK = "retraining.lock"


@dataclass(frozen=True, slots=True)
class Places:
    """Where a station keeps what retraining reads and writes."""

    data: Path  # kept pictures lie below it
    ledger: Path
    models: Path
    weights_folder: Path | None = None

    @property
    def runs(self) -> Path:
        """The folder of all runs."""
        return self.models.parent / "runs"


@dataclass(frozen=True, slots=True)
class _Known:
    """What a retraining begins with."""

    champion: Model
    stored: Rows
    reviews: list[Reviewed]


def retrain(places: Places, settings: RetrainingSettings, *, today: date, console: Console) -> Outcome:
    """Train a challenger on what people reviewed since, and let the gate decide whether it takes the champion's place.

    Raises ``ArtifactError``, ``DatasetError``, ``LedgerError``, ``WeightsMissing`` and ``WeightsDamaged``.
    """
    with _alone(places.runs, console):
        champion = load(current(places.models))
        known = _Known(champion, rows.read(champion), _reviews(places))
        outcome = _nothing_to_do(known, settings)
        if outcome is None:
            folder = _folder(places.runs, known, settings, today)
            outcome = _said_before(places.models, folder) or _run(places, settings, known, folder, console)
        remember(places.runs, outcome)
    console.print(str(outcome), markup=False, highlight=False, soft_wrap=True)
    return outcome


@contextmanager
def _alone(runs: Path, console: Console) -> Iterator[None]:
    """Hold the lock of retraining, waiting for another that works now; the system frees it when the holder dies."""
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("another retraining works here: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _reviews(places: Places) -> list[Reviewed]:
    ledger = open_ledger(places.ledger)
    try:
        with ledger.read() as session:
            return reviewed(session)
    finally:
        ledger.close()


def _nothing_to_do(known: _Known, settings: RetrainingSettings) -> Outcome | None:
    """Count the labels that the champion has not learned; None where there are enough."""
    classes, stored = known.champion.card.classes, known.stored
    learned = {content: classes[label] for content, label in zip(stored.contents, stored.labels, strict=True)}
    new = sum(
        not field.is_reserved(each.deployment, settings.reserved)
        and learned.get(each.sha256) != (label := field.as_class(each.label, classes))
        and label is not None
        for each in known.reviews
    )
    if new >= settings.reviews:
        return None
    reason = f"there are {new} new labels to learn from, and a retraining waits for {settings.reviews}"
    return _outcome(known.champion, reason)


def _outcome(champion: Model, reason: str) -> Outcome:
    return Outcome(finished=datetime.now(UTC), champion=champion.version, reasons=(reason,))


def _folder(runs: Path, known: _Known, settings: RetrainingSettings, today: date) -> Path:
    """Return the folder of this run: the one that an earlier, killed start with the same input made, or a new one."""
    said = [[each.sha256, each.label, each.reviewer, each.deployment, sorted(each.agreeing)] for each in known.reviews]
    wanted = settings.model_dump(mode="json", exclude={"reviews"})
    files = [_files(dataset) for dataset in settings.datasets]
    seen = json.dumps([known.champion.version, said, wanted, files])
    key = hashlib.sha256(seen.encode()).hexdigest()[:8]
    folder = next(iter(sorted(runs.glob(f"retrain-*-{key}"))), runs / f"retrain-{today}-{key}")
    folder.mkdir(exist_ok=True)
    return folder


def _files(dataset: Path) -> list[tuple[str, int]]:
    """List names and sizes of the files of a data set: cheap, and other pictures make another list."""
    files = (path for path in dataset.rglob("*") if path.is_file())
    return sorted((str(path.relative_to(dataset)), path.stat().st_size) for path in files)


def _said_before(models: Path, folder: Path) -> Outcome | None:
    """Return a verdict on the same pictures again, without the promotion: a person may have taken that back.

    But where a kill came between the verdict and the promotion, that is made up for.
    """
    verdict = concluded(folder)
    if verdict is None:
        return None
    if verdict.promoted and verdict.challenger and not switched(models, since=folder):
        promote(models, verdict.challenger)
        return verdict
    reason = f"the same pictures were judged on {verdict.finished:%Y-%m-%d}, see {folder.name}"
    return verdict.model_copy(update={"promoted": False, "reasons": (reason, *verdict.reasons)})


def _run(places: Places, settings: RetrainingSettings, known: _Known, folder: Path, console: Console) -> Outcome:
    from ml.ensemble import Ensemble
    from ml.model_graph import model_graph

    champion, stored, reviews = known.champion, known.stored, known.reviews
    graph = model_graph(champion, places.weights_folder)
    classes, size, trained_as = champion.card.classes, champion.card.picture_size, _settings(champion)
    pictures = field.read(reviews, places.data, classes=classes, reserved=settings.reserved, size=size)
    newcomers, left_out = newcomers_of(
        pictures, settings.datasets, classes=classes, names=trained_as.class_names, size=size, console=console
    )
    if not newcomers:
        return _outcome(champion, "none of the reviewed pictures can be read")
    cache = places.models.parent / "cache" / "features"
    reduced = challenger.reduced(newcomers, champion, graph, views=trained_as.views, cache=cache, console=console)
    of = material(stored, newcomers, reduced, classes)
    with console.status("training the challenger"):
        fought = challenge(champion, of, trained_as)
    with console.status("asking for a second opinion on the labels"):
        said = opinion(champion, of, trained_as)
    batch, places_of = _batch(champion, stored, of, reviews, said)
    found = doubts(batch)
    verdict = judge(fought.exams, classes, redlist=redlist.load(), objections=found.objections, seed=trained_as.seed)
    run = replace(
        challenger.on_record(champion, of, fought, created=_date(folder), left_out=left_out),
        notes=challenger.notes(verdict, fought.exams, batch, found, classes),
    )
    saved = challenger.save(places.models, run, fought, champion)
    asked = Ensemble(load(saved), graph)
    precision.count(
        saved,
        [each.example.path for each in newcomers],
        weights_folder=places.weights_folder,
        cache=places.models.parent / "runtime",
        console=console,
    )
    challenger.write(folder, run, ensemble=asked, found=found, batch=batch, of=[newcomers[at] for at in places_of])
    return _finish(places, folder, champion, saved.name, verdict)


def _settings(champion: Model) -> TrainingSettings:
    """Return how the champion was trained: so is the challenger, and what differs is what they learned from."""
    try:
        return TrainingSettings.model_validate(champion.card.settings)
    except ValidationError as error:
        raise ArtifactError(
            f"{champion.folder} was trained with settings that this version of Trapline does not know: train it again"
        ) from error


def _batch(
    champion: Model, stored: Rows, of: Material, reviews: Sequence[Reviewed], said: Floats
) -> tuple[Batch, list[int]]:
    """Return the labels that are new since the champion was made, and their places among the newcomers.

    New are those learned from now, those of pictures that it learned under another label, and in the field test, of
    which no model keeps anything, those given on the day it was made or later.
    """
    by_content = {each.sha256: each for each in reviews}
    told = [by_content.get(each.content) if each.reviewed else None for each in of.newcomers]
    places = [
        place
        for place, review in enumerate(told)
        if review is not None
        and (
            of.folds[place] >= 0
            or (of.known[place] >= 0 and stored.labels[of.known[place]] != of.labels[place])
            or (of.test[place] and review.at.date() >= champion.card.created)
        )
    ]
    plain = [part[places, 0] for part in of.features]
    answers = champion.stack.log_probabilities(log_probabilities(champion.heads, plain))
    limits = champion.card.thresholds
    sure = (np.exp(answers.max(axis=1)) >= limits.confidence) & (champion.familiar.distance(plain) <= limits.distance)
    sure &= of.known[places] < 0  # it only repeats the label that it learned, which a person corrects now
    chosen = [review for place in places if (review := told[place]) is not None]
    return (
        Batch(
            pictures=tuple(each.file for each in chosen),
            labels=of.labels[places],
            reviewers=tuple(each.reviewer for each in chosen),
            confirmed=np.array([len(each.agreeing) > 1 for each in chosen], np.bool_),
            opinion=said[places],
            champion=answers,
            sure=sure,
        ),
        places,
    )


def _date(folder: Path) -> date:
    """Return the day on which this run was first started: a resumed one makes the same model."""
    return date.fromisoformat(folder.name.removeprefix("retrain-")[:10])


def _finish(places: Places, folder: Path, champion: Model, version: str, verdict: Verdict) -> Outcome:
    """Write the verdict, then promote the challenger if it may be: a killed run is not judged again, only ended."""
    reasons, promoted = verdict.reasons, verdict.promote
    if promoted and current(places.models) != champion.folder:
        reasons = ("another model was promoted while the challenger was trained, and stays", *reasons)
        promoted = False
    outcome = Outcome(
        finished=datetime.now(UTC),
        champion=champion.version,
        challenger=version,
        promoted=promoted,
        reasons=reasons,
        figures=asdict(verdict),
    )
    conclude(folder, outcome)
    if promoted:
        promote(places.models, version)
    return outcome
