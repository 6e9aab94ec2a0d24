"""Tuning: which settings of heads, stack and views do best out of fold, on cached features: a trial takes seconds.

The held-out pictures have no part in it. What is tried, and how a killed run goes on,
is in ``training/tuning/study.py``.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ml.arrays import Floats, Ints
from training import lesson as lessons
from training.dataset import ClassFolder
from training.judging.intervals import ACCURACY, Statistic, paired
from training.learn import Learned, learn
from training.lesson import Lesson
from training.prepare import Job, Prepared, prepare
from training.record import STACK, Judged, Tuned
from training.settings import TrainingSettings
from training.tuning import study as studies

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop: at so many trials, or after so many minutes of trials, those of earlier runs included."""

    trials: int | None = None
    minutes: float | None = None

    def used(self, trials: Sequence["FrozenTrial"]) -> float:
        """Return the share that ``trials`` used up; 1 or more: all of it."""
        by_number = len(trials) / self.trials if self.trials else 0.0
        seconds = sum(trial.user_attrs[studies.SECONDS] for trial in trials)
        return max(by_number, seconds / 60 / self.minutes if self.minutes else 0.0)


def tune(folders: Sequence[ClassFolder], job: Job, *, budget: Budget, console: Console) -> Tuned:
    """Try settings on the pictures in ``folders`` until the ``budget`` is used; the job says where the study is kept.

    What came of it is told on ``console``. Raises ``DatasetError``, ``WeightsMissing`` and ``StudyError``.
    """
    lesson, name = _in_every_view(folders, job, console)
    study = studies.open_study(_storage(job), name)
    search(study, lesson, job.settings, budget, console=console)
    with console.status("the settings as they are, and the best, once more"):
        tuned = _tuned(lesson, job.settings, studies.best(study), studies.table(study))
    _tell(tuned, job.settings, console)
    return tuned


def as_tuned(folders: Sequence[ClassFolder], job: Job, *, console: Console) -> tuple[Prepared, Job, Tuned]:
    """Prepare ``folders`` for the settings that the study which the job names found best for them.

    Returns the pictures in the views of these settings, the job with these settings, and what was tried. Raises
    ``StudyError`` where they were not tuned, and what ``prepare`` raises.
    """
    lesson, name = _in_every_view(folders, job, console)
    changes, trials = studies.found_best(_storage(job), name)
    with console.status("the settings as they are, and the best, out of fold"):
        tuned = _tuned(lesson, job.settings, changes, trials)
    settings = job.settings.model_copy(update=changes)
    return _in_views(lesson.prepared, settings.views), replace(job, settings=settings), tuned


def search(study: "Study", lesson: Lesson, settings: TrainingSettings, budget: Budget, *, console: Console) -> None:
    """Run trials until the ``budget`` is used, those included that the study remembers."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("the settings as they are", total=1.0)
        while (used := budget.used(studies.ended(study))) < 1:
            progress.update(bar, completed=used, description=_so_far(study))
            _try_next(study, lesson, settings)
        progress.update(bar, completed=1, description=_so_far(study))


def _try_next(study: "Study", lesson: Lesson, settings: TrainingSettings) -> None:
    from optuna import TrialPruned
    from optuna.trial import TrialState

    trial, started = studies.next_trial(study, settings), time.monotonic()
    value, state = None, TrialState.PRUNED
    try:
        learned = learned_with(studies.changed(settings, trial.params), lesson, partial(_hear, trial))
        trusted, labels = learned.stacked[lesson.trusted], lesson.labels[lesson.trusted]
        value, state = _figure(LOG_LOSS, trusted, labels), TrialState.COMPLETE
    except TrialPruned:
        pass
    trial.set_user_attr(studies.SECONDS, round(time.monotonic() - started, 3))
    study.tell(trial, value, state)


def learned_with(
    settings: TrainingSettings, lesson: Lesson, on_fold: Callable[[int, float], None] | None = None
) -> Learned:
    """Learn from ``lesson``, whose features are in every view there is, from the views that ``settings`` name."""
    return learn(
        [part[:, _places(settings.views)] for part in lesson.features],
        lesson.labels,
        lesson.folds,
        classes=lesson.split.classes,
        settings=settings,
        trusted=lesson.trusted,
        on_fold=on_fold,
    )


def _hear(trial: "Trial", fold: int, log_loss: float) -> None:
    """Report a fold, and end the trial where it does worse than the median did, or came to nothing."""
    from optuna import TrialPruned

    trial.report(log_loss, fold)
    if trial.should_prune() or not np.isfinite(log_loss):
        raise TrialPruned


def _so_far(study: "Study") -> str:
    trials = studies.table(study)
    completed = [each["value"] for each in trials if not np.isnan(each["value"])]
    if not completed:
        return "the settings as they are"
    gained = f"log-loss {completed[0]:.4f} → {min(completed):.4f}"
    return f"{len(trials)} trials, the last in {trials[-1][studies.SECONDS]:.0f} s; {gained}"


def _in_every_view(folders: Sequence[ClassFolder], job: Job, console: Console) -> tuple[Lesson, str]:
    """Return what is learned from, in all the views that there are, and the name of its study.

    Labels are doubted in the views that the settings name: once, so that every trial has the same.
    """
    every = replace(job, settings=job.settings.model_copy(update={"views": studies.OTHER_VIEWS}))
    prepared = prepare(folders, every, console=console)
    lesson = lessons.lesson(_in_views(prepared, job.settings.views), job.settings)
    name = studies.name_of(prepared.dataset.fingerprint, prepared.weights_sha256, job.settings)
    features = [part[prepared.split.training] for part in prepared.features]
    return replace(lesson, prepared=prepared, features=features), name


def _in_views(prepared: Prepared, views: Sequence[str]) -> Prepared:
    return replace(prepared, features=[part[:, _places(views)] for part in prepared.features])


def _places(views: Sequence[str]) -> list[int]:
    """Return where among all views the plain one and ``views`` are."""
    return [0, *(1 + studies.OTHER_VIEWS.index(name) for name in views)]


def _storage(job: Job) -> str:
    if job.study is None:
        raise studies.StudyError("tuning needs the URL of a database to keep its study in")
    return job.study


def _tuned(
    lesson: Lesson, settings: TrainingSettings, changes: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]
) -> Tuned:
    """Learn once more with the settings as they are and the best, to compare them picture by picture."""
    defaults, best = (
        lessons.out_of_fold(lesson, learned_with(each, lesson))
        for each in (settings, settings.model_copy(update=dict(changes)))
    )
    return Tuned(defaults, best, trials, changes)


def _tell(tuned: Tuned, settings: TrainingSettings, console: Console) -> None:
    for name, value in tuned.best.items():
        console.print(f"{name}: {getattr(settings, name)} → {value}", highlight=False)
    for title in _FIGURES:
        console.print(_gain(title, tuned.defaults, tuned.tuned, seed=settings.seed), highlight=False)
    console.print("the same pictures with `trapline train fit --tuned` give a model with the best settings")


def _gain(title: str, before: Judged, after: Judged, *, seed: int) -> str:
    statistic, style = _FIGURES[title]
    said, says = before.log_probabilities[STACK], after.log_probabilities[STACK]
    first, second = (_figure(statistic, each, before.labels) for each in (said, says))
    gained = paired(said, says, before.labels, before.groups, statistic=statistic, seed=seed)
    return (
        f"out-of-fold {title}: {first:{style}} → {second:{style}}, "
        f"a difference of {gained.value:+{style}} (95 % interval {gained.low:+{style}} to {gained.high:+{style}})"
    )


def _figure(statistic: Statistic, answers: Floats, labels: Ints) -> float:
    return float(statistic.value(statistic.counts(answers, labels).sum(axis=0)))


def _losses(answers: Floats, labels: Ints) -> Floats:
    losses = -answers[np.arange(len(labels)), labels]
    return np.stack([np.ones(len(labels)), losses], axis=1)


def _mean(sums: Floats) -> Floats:
    mean: Floats = sums[..., 1] / sums[..., 0]
    return mean


LOG_LOSS = Statistic(_losses, _mean)
"""The figure that tuning makes small: the mean over the pictures of minus the log-probability of the label."""
_FIGURES = {"log-loss": (LOG_LOSS, ".4f"), "accuracy": (ACCURACY, ".2%")}
