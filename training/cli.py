"""``python -m training …``: the training commands, with plain options; ``trapline train`` is the same app.

Whoever mounts it puts a function that gives ``Defaults`` into the context's ``obj``: it is called when a command runs.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from typer import Argument, BadParameter, Context, Option

from db.engine import LedgerError
from ml.artifacts import STARTER, ArtifactError, current, promote
from ml.backbones import ENSEMBLES, WeightsDamaged, WeightsMissing
from training.dataset import ClassFolder, DatasetError, class_folders
from training.settings import RetrainingSettings, TrainingSettings
from training.tuning.study import StudyError

if TYPE_CHECKING:
    from training.corrections import Correction
    from training.prepare import Job

app = typer.Typer(help="Train and judge models.", no_args_is_help=True, add_completion=False)

Datasets = Annotated[
    list[Path],
    Argument(help="Folders of class folders (panda, lion, …, other), or of train/ and test/ with those below."),
]
Weights = Annotated[Path | None, Option(help="Folder with the backbones' weight files.")]
Cache = Annotated[Path | None, Option(help="Where features are cached; else in a folder beside OUT.")]
Out = Annotated[Path | None, Option(help="The folder in which models are kept; else the configured one.")]
EnsembleName = Annotated[str | None, Option("--ensemble", help="reference or starter.")]
Folds = Annotated[int | None, Option(help="How often the training pictures are split to validate.")]
Doubt = Annotated[bool | None, Option(help="Correct or leave out labels that the folds find wrong.")]
Corrections = Annotated[Path | None, Option(help="labels.csv of `explore`, with a person's verdicts filled in.")]
Study = Annotated[str | None, Option(help="URL of the database of trials; else a file beside OUT.")]
Untrained = Annotated[int | None, Option(help="Draw the backbones' weights, to try things out.")]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where no option says otherwise."""

    settings: TrainingSettings
    models: Path | None = None
    weights: Path | None = None
    retraining: RetrainingSettings = field(default_factory=RetrainingSettings)
    data: Path | None = None
    ledger: Path | None = None


@app.command()
def explore(
    context: Context,
    datasets: Datasets,
    *,
    out: Annotated[Path | None, Option(help="The folder for explore.html and its tables; else among the runs.")] = None,
    cleaned: Annotated[Path | None, Option("--clean", help="Write the cleaned set to this new folder.")] = None,
    suspects: Annotated[bool, Option(help="Look for wrong labels; that takes the longest.")] = True,
    weights: Weights = None,
    cache: Cache = None,
) -> None:
    """Look at labelled pictures: what is there, what is twice, what looks wrong. Nothing of them is changed."""
    from training.exploring import look
    from training.exploring.explore import Finder

    defaults = _defaults(context)
    out = out or (defaults.models.parent / "runs" / "explore" if defaults.models else Path("explore"))
    features = cache or (defaults.models or out).parent / "cache" / "features"
    job = look.Job(
        datasets=tuple(datasets),
        out=out,
        seed=defaults.settings.seed,
        finder=Finder(ENSEMBLES["starter"], features, weights or defaults.weights) if suspects else None,
        cleaned=cleaned,
        names=defaults.settings.class_names,
    )
    with _errors_in_words():
        look.look(job, console=Console())


@app.command()
def fit(
    context: Context,
    datasets: Datasets,
    *,
    out: Out = None,
    ensemble: EnsembleName = None,
    seed: Annotated[int | None, Option(help="The same seed and pictures give the same model.")] = None,
    folds: Folds = None,
    hidden: Annotated[int | None, Option(help="Units of the heads' hidden layer; 0: none.")] = None,
    precision: Annotated[float | None, Option(help="Share of answers that shall be right.")] = None,
    doubt: Doubt = None,
    fine_tune: Annotated[bool | None, Option(help="Let the backbones' top blocks learn as well.")] = None,
    tuned: Annotated[bool, Option("--tuned", help="With the best settings that `tune` found.")] = False,
    study: Study = None,
    corrections: Corrections = None,
    name: Annotated[str, Option(help="The first part of the model's version.")] = "model",
    weights: Weights = None,
    untrained_seed: Untrained = None,
    cache: Cache = None,
    promoted: Annotated[bool, Option("--promote", help="Make it the current model.")] = False,
) -> None:
    """Train a model on labelled pictures and keep it in OUT; what no option says is as configured."""
    from ml.ensemble import Ensemble
    from training import fit as fitting
    from training import precision as counting
    from training.judging import page

    defaults, models = _defaults(context), _models(context, out)
    said = {
        "ensemble": ensemble, "seed": seed, "folds": folds, "hidden": hidden,
        "precision": precision, "doubt": doubt, "fine_tune": fine_tune,
    }  # fmt: skip
    with _errors_in_words():
        job = replace(
            _job(
                name,
                models,
                _settings(defaults, said),
                weights=weights or defaults.weights,
                untrained_seed=untrained_seed,
                cache=cache,
            ),
            corrections=_verdicts(corrections, defaults),
            study=_study(study, models) if tuned or study else None,
        )
        fitted = fitting.fit(_folders(datasets, defaults), job, models=models, console=Console(), compared=True)
        folder = models.parent / "runs" / fitted.folder.name
        page.write(fitted.run, folder, ensemble=Ensemble.load(fitted.folder, job.weights_folder))
        counting.count(
            fitted.folder,
            fitted.run.paths,
            weights_folder=job.weights_folder,
            cache=models.parent / "runtime",
            console=Console(),
        )
        typer.echo(f"The model is in {fitted.folder}\nThe page is {folder / 'report.html'}")
        if promoted:
            promote(models, fitted.folder.name)


@app.command()
def tune(
    context: Context,
    datasets: Datasets,
    *,
    trials: Annotated[int | None, Option(min=1, help="Stop after so many; 50, where no minutes are given.")] = None,
    minutes: Annotated[float | None, Option(min=0, help="Stop when trials took so long.")] = None,
    out: Out = None,
    ensemble: EnsembleName = None,
    seed: Annotated[int | None, Option(help="The same seed and pictures give the same trials.")] = None,
    folds: Folds = None,
    doubt: Doubt = None,
    corrections: Corrections = None,
    study: Study = None,
    weights: Weights = None,
    untrained_seed: Untrained = None,
    cache: Cache = None,
) -> None:
    """Try which settings do best on labelled pictures, for `fit --tuned`; what was tried before is not tried again."""
    from training.tuning import tune as tuning

    defaults, models = _defaults(context), _models(context, out)
    with _errors_in_words():
        settings = _settings(defaults, {"ensemble": ensemble, "seed": seed, "folds": folds, "doubt": doubt})
        job = _job(
            "tune", models, settings, weights=weights or defaults.weights, untrained_seed=untrained_seed, cache=cache
        )
        tuning.tune(
            _folders(datasets, defaults),
            replace(job, study=_study(study, models), corrections=_verdicts(corrections, defaults)),
            budget=tuning.Budget(trials if trials or minutes else 50, minutes),
            console=Console(),
        )


@app.command()
def evaluate(
    context: Context,
    datasets: Datasets,
    *,
    model: Annotated[Path | None, Option(help="The model's folder; else the current one, or the starter.")] = None,
    out: Annotated[Path | None, Option(help="The folder for report.html and metrics.json; else none is made.")] = None,
    weights: Weights = None,
) -> None:
    """Answer every picture with a model, as the daemon would, and compare with the labels."""
    from ml.ensemble import Ensemble
    from training.judging import evaluate as judging
    from training.judging import page

    defaults = _defaults(context)
    with _errors_in_words():
        folders = _folders(datasets, defaults)
        folder = model or (current(defaults.models) if defaults.models else STARTER)
        ensemble = Ensemble.load(folder, weights or defaults.weights)
        run = judging.judge(folders, ensemble, console=Console())
        if out:
            page.write(run, out, ensemble=ensemble)
            typer.echo(f"The page is {out / 'report.html'}")


@app.command()
def retrain(
    context: Context,
    *,
    data: Annotated[Path | None, Option(help="The folder with the kept pictures; else the configured one.")] = None,
    ledger: Annotated[Path | None, Option(help="The ledger with the reviews; else the configured one.")] = None,
    models: Annotated[Path | None, Option(help="The folder in which models are kept; else the configured one.")] = None,
    reviews: Annotated[int | None, Option(help="With fewer new labels than this nothing is done.")] = None,
    reserved: Annotated[float | None, Option(help="Share of deployments whose pictures only test models.")] = None,
    datasets: Annotated[
        list[Path] | None, Option("--dataset", help="Labelled pictures to learn from as well; may be given repeatedly.")
    ] = None,
    weights: Weights = None,
) -> None:
    """Train a challenger on what people reviewed, and promote it where the gate finds it better."""
    from training.retraining.retrain import Places
    from training.retraining.retrain import retrain as run

    defaults = _defaults(context)
    places = {"data": data or defaults.data, "ledger": ledger or defaults.ledger, "models": models or defaults.models}
    named = {name: path for name, path in places.items() if path is not None}
    if missing := [f"--{name}" for name in places if name not in named]:
        raise BadParameter("say where the data folder, the ledger and the models are", param_hint=", ".join(missing))
    said = {"reviews": reviews, "reserved": reserved, "datasets": datasets or None}
    with _errors_in_words():
        settings = RetrainingSettings.model_validate(
            defaults.retraining.model_dump(include=set(RetrainingSettings.model_fields))
            | {name: value for name, value in said.items() if value is not None}
        )
        where = Places(**named, weights_folder=weights or defaults.weights)
        run(where, settings, today=datetime.now(UTC).date(), console=Console())


@app.command()
def starter(
    pictures: Annotated[Path, Argument(help="The folder of real pictures (see training/starter.py for its layout).")],
    *,
    out: Annotated[Path, Option(help="The folder that shall be the starter model.")] = STARTER,
    cache: Annotated[Path, Option(help="Where features are cached.")] = Path(".cache/features"),
    runs: Annotated[Path, Option(help="Where the page goes.")] = Path(".cache/runs"),
    without_valid: Annotated[bool, Option("--without-valid", help="Hold out Valid, to be judged by it.")] = False,
) -> None:
    """Train the starter model that ships with Trapline."""
    from training import starter as recipe

    with _errors_in_words():
        recipe.make(pictures, out=out, cache=cache, runs=runs, without_valid=without_valid, console=Console())


def _defaults(context: Context) -> Defaults:
    return context.obj() if context.obj else Defaults(TrainingSettings())


def _models(context: Context, out: Path | None) -> Path:
    models = out or _defaults(context).models
    if models is None:
        raise BadParameter("name the folder in which models are kept", param_hint="--out")
    return models


def _settings(defaults: Defaults, said: Mapping[str, object]) -> TrainingSettings:
    given = {name: value for name, value in said.items() if value is not None}
    return TrainingSettings.model_validate(
        defaults.settings.model_dump(include=set(TrainingSettings.model_fields)) | given
    )


def _folders(datasets: list[Path], defaults: Defaults) -> list[ClassFolder]:
    return [folder for dataset in datasets for folder in class_folders(dataset, defaults.settings.class_names)]


def _verdicts(file: Path | None, defaults: Defaults) -> "tuple[Correction, ...]":
    from training import corrections

    return corrections.read(file, defaults.settings.class_names) if file else ()


def _study(url: str | None, models: Path) -> str:
    from training.tuning.study import storage_in

    return url or storage_in(models.parent / "runs")


def _job(
    name: str,
    models: Path,
    settings: TrainingSettings,
    *,
    weights: Path | None,
    untrained_seed: int | None,
    cache: Path | None,
) -> "Job":
    from training.prepare import Job

    return Job(
        name=name,
        created=datetime.now(UTC).date(),
        backbones=ENSEMBLES[settings.ensemble],
        settings=settings,
        cache=cache or models.parent / "cache" / "features",
        weights_folder=weights,
        untrained_seed=untrained_seed,
    )


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """Say what a user can mend in one line, and end with 2."""
    try:
        yield
    except (DatasetError, ArtifactError, LedgerError, StudyError, WeightsMissing, WeightsDamaged) as error:
        typer.echo(str(error), err=True)
    except ValidationError as error:
        for each in error.errors():
            typer.echo(f"{'.'.join(map(str, each['loc']))}: {each['msg']}", err=True)
    else:
        return
    raise typer.Exit(2)
