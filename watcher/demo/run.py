"""``trapline demo``: from nothing to a report, offline, on drawings."""

from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path

from rich.console import Console

from db.queries.answers import file_answers
from ml.artifacts import promote
from ml.backbones import ENSEMBLES, WeightsMissing
from training.dataset import class_folders
from training.fit import fit
from training.prepare import Job
from training.settings import TrainingSettings
from watcher.config import Settings
from watcher.demo.world import OTHER, Drawn, Kind, draw_dataset, draw_inbox
from watcher.process import process
from watcher.reports.writing import report_now
from watcher.service import Service, open_service

LESSON_SEED, INBOX_SEED = 1, 2026  # other drawings of the same world
PICTURES = 24  # a class to learn from
UNTRAINED = 7  # draws the backbones' weights where ImageNet's cannot be had


def run(folder: Path, *, ensemble: str, settings: Settings, console: Console) -> Path:
    """Draw, train, answer, report, all inside ``folder``; give the report's path.

    ``ensemble`` is ``starter`` or ``reference``; the latter gets untrained backbones where there is no network.
    """
    folder = folder.resolve()
    settings = settings.model_copy(update={"data_dir": folder / "data", "inbox": (folder / "inbox",), "stations": None})
    with open_service(settings) as service, service.data.exclusively():
        console.print(f"[bold]1[/] drawing station folders in {folder / 'inbox'}", soft_wrap=True)
        midnight = datetime.combine(datetime.now(UTC), time(), UTC)  # a world a day: run again, it is the same
        drawn = draw_inbox(folder / "inbox", until=midnight, seed=INBOX_SEED)
        draw_dataset(folder / "lessons", seed=LESSON_SEED, pictures=PICTURES)
        console.print("[bold]2[/] training the demo model on other drawings of the same world")
        _train(service, folder, ensemble, console)
        console.print("[bold]3[/] answering the pictures")
        process(service, [folder / "inbox"], again=False, console=console)
        right, animals = _rightly_named(service, folder / "inbox", drawn)
        console.print(f"{right} of {animals} drawn animals are called by their name")
        console.print("[bold]4[/] writing the report")
        path = report_now(service)
    console.print(f"\nThe report of the demo model is here; open it in a browser:\n{path}", soft_wrap=True)
    return path


def _rightly_named(service: Service, inbox: Path, drawn: list[Drawn]) -> tuple[int, int]:
    """Count the drawn animals whose most probable label is theirs, and all of them."""
    with service.ledger.read() as session:
        labels = {row.path: row.label for row in file_answers(session, [str(inbox)], str(service.data.root))}
    animals = [each for each in drawn if each.kind is Kind.ANIMAL and each.label != OTHER]
    return sum(labels[str(inbox / each.path)] == each.label for each in animals), len(animals)


def _train(service: Service, folder: Path, ensemble: str, console: Console) -> None:
    weights = service.settings.model.weights_folder
    job = Job(
        name="demo",
        created=datetime.now(UTC).date(),
        backbones=ENSEMBLES[ensemble],
        settings=TrainingSettings(ensemble=ensemble, views=("mirror",)),  # drawings have no nights as cameras do
        cache=service.data.root / "cache" / "features",
        weights_folder=weights,
    )
    lessons = class_folders(folder / "lessons")
    try:
        fitted = fit(lessons, job, models=service.data.models, console=console)
        console.print("the backbones have their ImageNet weights")
    except WeightsMissing as error:
        console.print(f"{error}\nso the backbones are untrained here (seed {UNTRAINED})", soft_wrap=True)
        fitted = fit(lessons, replace(job, untrained_seed=UNTRAINED), models=service.data.models, console=console)
    promote(service.data.models, fitted.folder.name)
