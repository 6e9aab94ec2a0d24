"""The study: what tuning may change, and the memory of what it tried, from which a killed run goes on.

Optuna keeps every trial in a database. What a trial tries depends on the seed and on the trials that ended before it,
and on nothing else: each has a sampler of its own, seeded by their number, and a trial that was killed counts for
nothing. So a study that was interrupted becomes what it would have been. One process at a time works on a study.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.settings import TrainingSettings
from training.views import PLAIN, VIEWS

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

SECONDS = "seconds"
"""The attribute of a trial that says how long it took."""
OTHER_VIEWS = tuple(name for name in VIEWS if name != PLAIN)
# What a trial does not change and its value depends on; other values of these make another study.
_FIXED = ("ensemble", "seed", "folds", "held_out", "doubt", "batch_size", "epochs", "patience")


class StudyError(RuntimeError):
    """A study that is not there or whose database cannot be opened; the message says what to do."""


def storage_in(runs: Path) -> str:
    """Return the URL of the database in ``runs``, a folder that is made: studies are there unless another is named."""
    from sqlalchemy import URL

    runs.mkdir(parents=True, exist_ok=True)
    return URL.create("sqlite", database=str(runs / "tuning.sqlite")).render_as_string()


def name_of(fingerprint: str, weights_sha256: Mapping[str, str], settings: TrainingSettings) -> str:
    """Name the study of the pictures with this ``fingerprint``, these backbones and what ``settings`` fix."""
    fixed = " ".join(f"{name}={getattr(settings, name)}" for name in _FIXED)
    key = hashlib.sha256(f"{fingerprint} {' '.join(weights_sha256.values())} {fixed}".encode()).hexdigest()
    return f"{settings.ensemble}-{fingerprint[:12]}-{settings.seed}-{key[:12]}"


def open_study(storage: str, name: str) -> "Study":
    """Open the study ``name``, or begin it; less is better. A trial is pruned that does worse than the median did."""
    from optuna import create_study
    from optuna.pruners import MedianPruner

    return create_study(storage=_opened(storage), study_name=name, load_if_exists=True, pruner=MedianPruner())


def next_trial(study: "Study", settings: TrainingSettings) -> "Trial":
    """Ask what to try next: first the settings as they are, then what TPE makes of the trials so far.

    A setting beyond the bounds is tried at the bound.
    """
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    for killed in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(killed.number, state=TrialState.FAIL)
    before, space = ended(study), _space()
    defaults = _parameters(settings, space)
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if not waiting and all(trial.params != defaults for trial in before):
        study.enqueue_trial(defaults)
    study.sampler = TPESampler(seed=settings.seed + len(before))
    return study.ask(dict(space))


def changed(settings: TrainingSettings, parameters: Mapping[str, Any]) -> TrainingSettings:
    """Return ``settings`` with what a trial tries."""
    return settings.model_copy(update=_changes(parameters))


def ended(study: "Study") -> "list[FrozenTrial]":
    """Return the trials that were completed or pruned, in order."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def best(study: "Study") -> dict[str, Any]:
    """Return the settings that the best trial changes, by name; ``StudyError`` where none was completed."""
    completed = [(trial.value, trial.number) for trial in ended(study) if trial.state.name == "COMPLETE"]
    if not completed:
        raise StudyError("no trial of this study was completed: run `trapline train tune` on the pictures again")
    _, number = min((value, number) for value, number in completed if value is not None)
    return _changes(study.trials[number].params)


def table(study: "Study") -> list[dict[str, Any]]:
    """Return for each trial that ended its number, state, value (nan: pruned), seconds and parameters."""
    return [
        {
            "number": number,
            "state": trial.state.name.lower(),
            "value": trial.value if trial.state.name == "COMPLETE" else float("nan"),
            "seconds": trial.user_attrs[SECONDS],
            **trial.params,
        }
        for number, trial in enumerate(ended(study))
    ]


def found_best(storage: str, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what the study ``name`` in ``storage`` found best, as ``best`` does, and its trials, as ``table`` does.

    Raises ``StudyError`` where there is no such study, or no trial of it was completed.
    """
    from optuna import load_study

    try:
        study = load_study(storage=_opened(storage), study_name=name)
    except KeyError as error:
        raise StudyError(
            "these pictures were never tuned with these backbones, folds and seed: run `trapline train tune` first"
        ) from error
    return best(study), table(study)


def _opened(storage: str) -> "RDBStorage":
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.storages.RDBStorage(storage)
    except (SQLAlchemyError, ImportError) as error:
        raise StudyError(f"the database that studies are kept in cannot be opened: {error}") from error


def _space() -> "dict[str, IntDistribution | FloatDistribution | CategoricalDistribution]":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    return {
        "hidden": IntDistribution(0, 512, step=64),  # 0: a linear head
        "dropout": FloatDistribution(0, 0.7),
        "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
        "weight_decay": FloatDistribution(1e-5, 1e-1, log=True),
        "label_smoothing": FloatDistribution(0, 0.2),
        "balance": FloatDistribution(0, 1),
        "stack_strength": FloatDistribution(1e-2, 1e4, log=True),
        "dimensions": IntDistribution(64, 1024, log=True),
        **{_switch(name): CategoricalDistribution((False, True)) for name in OTHER_VIEWS},
    }


def _switch(view: str) -> str:
    return f"view_{view}"


def _parameters(
    settings: TrainingSettings, space: "Mapping[str, IntDistribution | FloatDistribution | CategoricalDistribution]"
) -> dict[str, Any]:
    """Return the point of ``space`` at which ``settings`` are."""
    parameters: dict[str, Any] = {_switch(name): name in settings.views for name in OTHER_VIEWS}
    for name in space.keys() - parameters.keys():
        bounds: Any = space[name]
        inside = min(max(getattr(settings, name), bounds.low), bounds.high)
        parameters[name] = round(inside / 64) * 64 if name == "hidden" else inside
    return parameters


def _changes(parameters: Mapping[str, Any]) -> dict[str, Any]:
    switches = {_switch(name): name for name in OTHER_VIEWS}
    views = tuple(view for switch, view in switches.items() if parameters[switch])
    return {name: value for name, value in parameters.items() if name not in switches} | {"views": views}
