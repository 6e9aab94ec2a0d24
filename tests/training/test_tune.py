"""Tuning tries the settings as they are, then others, and remembers what it tried whatever happens to it."""

import io
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples_of
from hypothesis import strategies as st
from optuna.trial import TrialState
from rich.console import Console

from training.dataset import Dataset, class_folders
from training.lesson import Lesson
from training.prepare import Job, Prepared
from training.record import STACK
from training.settings import TrainingSettings
from training.splits import Split
from training.tuning.study import (
    OTHER_VIEWS,
    SECONDS,
    StudyError,
    best,
    changed,
    ended,
    found_best,
    name_of,
    next_trial,
    open_study,
    storage_in,
    table,
)
from training.tuning.tune import Budget, as_tuned, learned_with, search, tune

SETTINGS = TrainingSettings(folds=2, epochs=8, hidden=0, dropout=0, learning_rate=0.05, batch_size=32, dimensions=64)
TRIALS = 13  # the first ten are drawn blindly: with more, what was tried before has a say


IN_MEMORY = "sqlite://"


def tried(killed=frozenset()):
    """What becomes of a study when the trials of these numbers are begun and never ended."""
    study = open_study(IN_MEMORY, "study")
    while len(ended(study)) < TRIALS:
        trial = next_trial(study, SETTINGS)
        asked = trial.params
        loss = abs(asked["dropout"] - 0.3) + asked["learning_rate"] + asked["view_crop"]
        trial.report(loss, 0)
        if trial.number in killed:
            continue
        trial.set_user_attr(SECONDS, 1.0)
        study.tell(trial, None if trial.should_prune() else loss, TrialState(2 if trial.should_prune() else 1))
    return study


@pytest.fixture(scope="module")
def whole():
    """A study that nothing interrupted."""
    return tried()


@examples_of(max_examples=5, deadline=None)
@given(st.sets(st.integers(0, 20)))
def test_a_study_that_is_interrupted_becomes_what_it_would_have_been(whole, killed):
    """Trials that were begun and never ended leave no trace in what is tried later, nor in what is best."""
    study = tried(killed)
    assert str(table(study)) == str(table(whole))
    assert best(study) == best(whole)


def test_the_settings_as_they_are_come_first(whole):
    """The first trial changes nothing, so that what tuning gains is known."""
    assert changed(SETTINGS, whole.trials[0].params) == SETTINGS
    assert [each["number"] for each in table(whole)] == list(range(TRIALS))


def test_other_defaults_are_tried_as_well():
    """Where a study is gone on with from other settings, those are next; bounds hold for what is beyond them."""
    study = open_study(IN_MEMORY, "study")
    first = next_trial(study, SETTINGS)
    first.set_user_attr(SECONDS, 1.0)
    study.tell(first, 0.5)
    other = SETTINGS.model_copy(update={"weight_decay": 0.0, "hidden": 4096, "views": ("crop", "strip")})
    trial = next_trial(study, other)
    assert changed(SETTINGS, trial.params).views == ("crop", "strip")
    assert changed(SETTINGS, trial.params).hidden == 512
    assert 0 < changed(SETTINGS, trial.params).weight_decay < 1e-4


def test_trials_worse_than_the_median_are_pruned(whole):
    """A pruned trial has no value, and is not the best."""
    states = {each["state"] for each in table(whole)}
    assert states == {"complete", "pruned"}
    assert all(np.isnan(each["value"]) == (each["state"] == "pruned") for each in table(whole))
    values = [each["value"] for each in table(whole)]
    assert changed(SETTINGS, whole.trials[int(np.nanargmin(values))].params) == SETTINGS.model_copy(update=best(whole))


def test_what_a_value_depends_on_makes_another_study():
    """Pictures, weights, folds and seed; not the precision that is asked of answers."""
    weights = {"a": "00"}
    name = name_of("fingerprint", weights, SETTINGS)
    others = [
        name_of("other", weights, SETTINGS),
        name_of("fingerprint", {"a": "11"}, SETTINGS),
        *(name_of("fingerprint", weights, SETTINGS.model_copy(update=each)) for each in ({"folds": 3}, {"seed": 1})),
    ]
    assert len({name, *others}) == 5
    assert name_of("fingerprint", weights, SETTINGS.model_copy(update={"precision": 0.5, "hidden": 64})) == name


def test_a_study_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path):
    """Without a study, without a completed trial, and without the database."""
    with pytest.raises(StudyError, match="train tune"):
        found_best(storage_in(tmp_path), "never")
    next_trial(open_study(storage_in(tmp_path), "begun"), SETTINGS)
    with pytest.raises(StudyError, match="train tune"):
        found_best(storage_in(tmp_path), "begun")
    with pytest.raises(StudyError, match="cannot be opened"):
        open_study(f"sqlite:///{tmp_path}/nowhere/tuning.sqlite", "study")


@pytest.mark.parametrize(
    ("budget", "used"),
    [
        (Budget(trials=26), 0.5),
        (Budget(minutes=0.26), 13 / 60 / 0.26),
        (Budget(trials=26, minutes=100), 0.5),
        (Budget(trials=100, minutes=0.1), 13 / 6),
    ],
)
def test_the_budget_is_used_by_number_or_by_time(whole, budget, used):
    """Whichever comes first; every trial of the study took a second."""
    assert budget.used(ended(whole)) == pytest.approx(used)


@pytest.fixture
def lesson():
    """Features of one backbone (40, views, 8); all but the plain view and the crop are not to be looked at."""
    random = np.random.default_rng(5)
    labels, every = np.arange(40) % 2, np.ones(40, np.bool_)
    features = random.normal(2 * labels[:, None, None], 1, (40, 1 + len(OTHER_VIEWS), 8)).astype(np.float16)
    features[:, [1 + place for place, name in enumerate(OTHER_VIEWS) if name != "crop"]] = np.nan
    split = Split(("lion", "panda"), labels, np.arange(40), every, np.arange(40) // 2 % 2, ~every)
    return Lesson(Prepared(Dataset((), ()), split, [features], {"one": "00"}), [features], labels, every)


@pytest.mark.parametrize("views", [(), ("crop",)])
def test_only_the_views_that_are_named_are_learned_from(lesson, views):
    """The others might be nonsense."""
    learned = learned_with(SETTINGS.model_copy(update={"views": views}), lesson)
    assert 0 < loss_of(learned.stacked, lesson.labels) < np.log(2)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:Fixed parameter")
def test_a_trial_counts_what_is_trusted(lesson, console):
    """Labels that are not believed have no say in a trial's value; one that comes to nothing is pruned."""
    settings = SETTINGS.model_copy(update={"views": ()})
    wrong = np.arange(40) < 4
    doubted = replace(lesson, trusted=~wrong, labels=np.where(wrong, 1 - lesson.labels, lesson.labels))
    study = open_study(IN_MEMORY, "study")
    search(study, doubted, settings, Budget(trials=1), console=console)
    said = learned_with(settings, doubted).stacked[~wrong]
    assert table(study)[0]["value"] == pytest.approx(loss_of(said, lesson.labels[~wrong]), abs=1e-6)
    study.enqueue_trial(study.trials[0].params | {"learning_rate": 1e30})
    search(study, doubted, settings, Budget(trials=2), console=console)
    assert [each["state"] for each in table(study)] == ["complete", "pruned"]


def test_tuning_pictures(draw, backbones, settings, tmp_path):
    """From folders to figures: held-out pictures have no part in it, and a second run has nothing left to do.

    What was found best is what a training with the study begins with.
    """
    draw(tmp_path / "data" / "Train", pictures=6)
    draw(tmp_path / "data" / "Test", seed=2, pictures=2)
    folders = class_folders(tmp_path / "data")
    quick = settings.model_copy(update={"epochs": 3, "hidden": 0})
    job = Job("tune", date(2026, 11, 24), backbones, quick, tmp_path / "cache", untrained_seed=7)
    job = replace(job, study=storage_in(tmp_path / "runs"))
    said = Console(file=io.StringIO(), width=200)
    with pytest.raises(StudyError, match="train tune"):
        as_tuned(folders, job, console=said)
    tuned = tune(folders, job, budget=Budget(trials=2), console=said)
    assert [each["number"] for each in tuned.trials] == [0, 1]
    assert {path.relative_to(tmp_path / "data").parts[0] for path in tuned.defaults.paths} == {"Train"}
    assert len(tuned.defaults.paths) == len(tuned.tuned.paths) == 24
    losses = [loss_of(each.log_probabilities[STACK], each.labels) for each in (tuned.defaults, tuned.tuned)]
    values = [each["value"] for each in tuned.trials]
    assert losses == pytest.approx([values[0], np.nanmin(values)], abs=1e-6)
    assert f"{losses[0]:.4f} → {losses[1]:.4f}" in said.file.getvalue()

    prepared, best_job, again = as_tuned(folders, job, console=said)
    assert str(again.trials) == str(tuned.trials)
    assert best_job.settings == quick.model_copy(update=tuned.best)
    assert {part.shape[1] for part in prepared.features} == {1 + len(best_job.settings.views)}


def loss_of(log_probabilities, labels):
    return -log_probabilities[np.arange(len(labels)), labels].mean()
