"""``python -m training …``: the training commands, with plain options; ``trapline train`` is the same app.

Whoever mounts it puts a function that gives ``Defaults`` into the context's ``obj``: it is called when a command runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from typer import Argument, BadParameter, Context, Option

from ml.artifacts import STARTER, ArtifactError, current, promote
from ml.backbones import ENSEMBLES, WeightsDamaged, WeightsMissing
from training.dataset import DatasetError, class_folders
from training.settings import TrainingSettings

app = typer.Typer(help="Train and judge models.", no_args_is_help=True, add_completion=False)

Datasets = Annotated[
    list[Path],
    Argument(help="Folders of class folders (panda, lion, …, other), or of train/ and test/ with those below."),
]
Weights = Annotated[Path | None, Option(help="Folder with the backbones' weight files.")]
Cache = Annotated[Path | None, Option(help="Where features are cached; else in a folder beside OUT.")]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where no option says otherwise."""

    settings: TrainingSettings
    models: Path | None = None
    weights: Path | None = None


@app.command()
def fit(
    context: Context,
    datasets: Datasets,
    *,
    out: Annotated[Path | None, Option(help="The folder in which models are kept; else the configured one.")] = None,
    ensemble: Annotated[str | None, Option(help="reference or starter.")] = None,
    seed: Annotated[int | None, Option(help="The same seed and pictures give the same model.")] = None,
    folds: Annotated[int | None, Option(help="How often the training pictures are split to validate.")] = None,
    hidden: Annotated[int | None, Option(help="Units of the heads' hidden layer; 0: none.")] = None,
    precision: Annotated[float | None, Option(help="Share of answers that shall be right.")] = None,
    name: Annotated[str, Option(help="The first part of the model's version.")] = "model",
    weights: Weights = None,
    untrained_seed: Annotated[int | None, Option(help="Draw the backbones' weights, to try things out.")] = None,
    cache: Cache = None,
    promoted: Annotated[bool, Option("--promote", help="Make it the current model.")] = False,
) -> None:
    """Train a model on labelled pictures and keep it in OUT; what no option says is as configured."""
    from training import fit as fitting

    defaults = _defaults(context)
    models = out or defaults.models
    if models is None:
        raise BadParameter("name the folder in which models are kept", param_hint="--out")
    said = {"ensemble": ensemble, "seed": seed, "folds": folds, "hidden": hidden, "precision": precision}
    with _errors_in_words():
        settings = TrainingSettings.model_validate(
            defaults.settings.model_dump() | {name: value for name, value in said.items() if value is not None}
        )
        job = fitting.Job(
            name=name,
            created=datetime.now(UTC).date(),
            backbones=ENSEMBLES[settings.ensemble],
            settings=settings,
            cache=cache or models.parent / "cache" / "features",
            weights_folder=weights or defaults.weights,
            untrained_seed=untrained_seed,
        )
        folders = [folder for dataset in datasets for folder in class_folders(dataset)]
        fitted = fitting.fit(folders, job, models=models, console=Console())
        typer.echo(f"The model is in {fitted.folder}")
        if promoted:
            promote(models, fitted.folder.name)


@app.command()
def evaluate(
    context: Context,
    datasets: Datasets,
    *,
    model: Annotated[Path | None, Option(help="The model's folder; else the current one, or the starter.")] = None,
    weights: Weights = None,
) -> None:
    """Answer every picture with a model, as the daemon would, and compare with the labels."""
    from ml.ensemble import Ensemble
    from training import evaluate as judging

    defaults = _defaults(context)
    with _errors_in_words():
        folders = [folder for dataset in datasets for folder in class_folders(dataset)]
        folder = model or (current(defaults.models) if defaults.models else STARTER)
        judging.judge(folders, Ensemble.load(folder, weights or defaults.weights), console=Console())


@app.command()
def starter(
    pictures: Annotated[Path, Argument(help="The folder of real pictures (see training/starter.py for its layout).")],
    *,
    out: Annotated[Path, Option(help="The folder that shall be the starter model.")] = STARTER,
    cache: Annotated[Path, Option(help="Where features are cached.")] = Path(".cache/features"),
) -> None:
    """Train the starter model that ships with Trapline."""
    from training import starter as recipe

    with _errors_in_words():
        recipe.make(pictures, out=out, cache=cache, console=Console())


def _defaults(context: Context) -> Defaults:
    return context.obj() if context.obj else Defaults(TrainingSettings())


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """Say what a user can mend in one line, and end with 2."""
    try:
        yield
    except (DatasetError, ArtifactError, WeightsMissing, WeightsDamaged) as error:
        typer.echo(str(error), err=True)
    except ValidationError as error:
        for each in error.errors():
            typer.echo(f"{'.'.join(map(str, each['loc']))}: {each['msg']}", err=True)
    else:
        return
    raise typer.Exit(2)
