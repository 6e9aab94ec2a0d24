"""The whole of one training, top-down: prepared pictures → settings → labels to trust → model → figures → folder."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ml import artifacts, graph
from ml.arrays import Floats
from training import lesson as lessons
from training import rows
from training.dataset import ClassFolder
from training.finetuning.finetune import FineTuned, fine_tune
from training.judging import model_card
from training.judging.evaluate import by_class, comparison, in_words, metrics, verdicts
from training.learn import Learned, conclude, learn, remember
from training.lesson import Lesson
from training.prepare import Job, counts, prepare
from training.record import STACK, Curve, Judged, Run, reasons, versions
from training.splits import plain_folds
from training.tuning import tune


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model: where it lies and what is on record of its training."""

    folder: Path
    run: Run


def fit(folders: Sequence[ClassFolder], job: Job, *, models: Path, console: Console, compared: bool = False) -> Fitted:
    """Train a model on ``folders`` and write it to ``models/<version>``; what happens is told on ``console``.

    ``compared``: train also in folds that ignore groups, for the record. The same pictures, settings and date give
    the same version. Raises ``DatasetError``, ``WeightsMissing``, and ``StudyError`` where the job names a study.
    """
    tuned = None
    if job.study is None:
        prepared = prepare(folders, job, console=console)
    else:
        prepared, job, tuned = tune.as_tuned(folders, job, console=console)
    with console.status("training the heads"):
        lesson = lessons.lesson(prepared, job.settings)
        learned = _learned(lesson, job)
        columns = {"pretrained": lessons.out_of_fold(lesson, learned)}
        curves: dict[str, Sequence[Curve]] = {"pretrained": learned.folds.curves}
        if compared:
            columns["plain"] = _without_groups(lesson, job)
    pooled, tops = [part[:, 0] for part in prepared.features], dict[str, bytes]()
    if job.settings.fine_tune:
        tuned_tops = _fine_tuned(lesson, learned, job, console)
        learned = _relearned(lesson, tuned_tops, job)
        pooled, tops = tuned_tops.pooled, tuned_tops.tops
        columns["retrained"] = lessons.out_of_fold(lesson, learned)
        curves["retrained"] = learned.folds.curves
    columns["testing"] = lessons.held_out(lesson, learned, pooled)
    card = _card(job, lesson, learned, columns)
    run = Run(card, columns, learned.thresholds, curves, prepared.dataset.left_out, tuned)
    folder = artifacts.save(
        models,
        card,
        heads=learned.heads,
        familiar=learned.familiar,
        features=rows.tensors(_rows(lesson, learned, columns, pooled, job), job.backbones),
        readme=model_card.write(run),
        tops=tops,
    )
    if job.settings.fine_tune:
        shutil.rmtree(_checkpoints(lesson, job), ignore_errors=True)  # the training that they are of is done
    _tell(run, console)
    return Fitted(folder, run)


def _learned(lesson: Lesson, job: Job) -> Learned:
    return learn(
        lesson.features,
        lesson.labels,
        lesson.folds,
        trusted=lesson.trusted,
        classes=lesson.split.classes,
        settings=job.settings,
    )


def _without_groups(lesson: Lesson, job: Job) -> Judged:
    """Judge in folds that ignore groups, as the reference was."""
    split = lesson.split
    names = [split.classes[label] for label in split.labels[split.training]]
    numbers = np.full(len(split.folds), -1)
    numbers[split.training] = plain_folds(names, count=job.settings.folds, seed=job.settings.seed)
    leaky = replace(lesson, prepared=replace(lesson.prepared, split=replace(split, folds=numbers)))
    return lessons.out_of_fold(leaky, _learned(leaky, job))


def _fine_tuned(lesson: Lesson, learned: Learned, job: Job, console: Console) -> FineTuned:
    return fine_tune(
        lesson.prepared.dataset.examples,
        lesson.split,
        learned.folds.heads,
        learned.heads,
        labels=lesson.labels,
        trusted=lesson.trusted,
        backbones=job.backbones,
        settings=job.settings,
        cache=job.cache,
        checkpoints=_checkpoints(lesson, job),
        weights_folder=job.weights_folder,
        untrained=job.untrained,
        views=job.settings.views,
        console=console,
    )


def _checkpoints(lesson: Lesson, job: Job) -> Path:
    """Give each training a folder of its own: what another left behind, or is at, is not touched."""
    what = f"{lesson.prepared.dataset.fingerprint} {job.settings.model_dump_json()}"
    return job.cache / "checkpoints" / hashlib.sha256(what.encode()).hexdigest()[:16]


def _relearned(lesson: Lesson, tops: FineTuned, job: Job) -> Learned:
    """Fit to the fine-tuned backbones what stands behind the heads."""
    inside = lesson.split.training
    learned_from = [part[inside][lesson.trusted] for part in tops.pooled]
    familiar = remember(tops.heads, learned_from, lesson.labels[lesson.trusted], job.settings)
    return conclude(
        tops.folds,
        tops.heads,
        familiar,
        lesson.labels,
        lesson.folds,
        trusted=lesson.trusted,
        classes=lesson.split.classes,
        settings=job.settings,
    )


def _card(job: Job, lesson: Lesson, learned: Learned, columns: dict[str, Judged]) -> artifacts.Card:
    return artifacts.Card(
        name=job.name,
        created=job.created,
        classes=lesson.split.classes,
        picture_size=job.size,
        preprocessing=graph.PREPROCESSING,
        backbones=lesson.prepared.weights_sha256,
        stack_weights=learned.stack.weights.tolist(),
        stack_bias=learned.stack.bias.tolist(),
        temperature=learned.stack.temperature,
        thresholds=learned.thresholds,
        metrics=metrics(columns, learned.thresholds),
        dataset=_facts(lesson),
        settings=job.settings.model_dump(mode="json"),
        versions=versions(),
    )


def _facts(lesson: Lesson) -> dict[str, Any]:
    dataset, split = lesson.prepared.dataset, lesson.split
    return {
        "fingerprint": dataset.fingerprint,
        "pictures": {label: {"training": inside, "held_out": out} for label, (inside, out) in counts(split).items()},
        "groups": len(np.unique(split.groups)),
        "left_out": reasons(dataset.left_out),
        "relabelled": int((lesson.labels != split.labels[split.training])[lesson.trusted].sum()),
        "not_trusted": int((~lesson.trusted).sum()),
    }


def _rows(
    lesson: Lesson, learned: Learned, columns: dict[str, Judged], pooled: Sequence[Floats], job: Job
) -> rows.Rows:
    """Keep the pictures that were learned from, and those held out, in the first dimensions, which vary most."""
    split = lesson.split
    labels, kept = split.labels.copy(), ~split.training
    labels[split.training], kept[split.training] = lesson.labels, lesson.trusted
    unseen = np.zeros((len(labels), len(split.classes)))
    unseen[split.training] = columns["retrained" if "retrained" in columns else "pretrained"].log_probabilities[STACK]
    unseen[~split.training] = columns["testing"].log_probabilities[STACK]
    contents, phashes = rows.hashes([lesson.prepared.dataset.examples[place] for place in np.flatnonzero(kept)])
    width = job.settings.stored_dimensions
    reduced = [head.reduction(part[kept])[:, :width] for head, part in zip(learned.heads, pooled, strict=True)]
    return rows.Rows(reduced, labels[kept], split.folds[kept], split.groups[kept], contents, phashes, unseen[kept])


def _tell(run: Run, console: Console) -> None:
    console.print(comparison(run.columns), by_class(run.columns["testing"]))
    for title in ("pretrained", "testing"):
        console.print(f"{title}: {in_words(verdicts(run.columns[title], run.thresholds))}")
