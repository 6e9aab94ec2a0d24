"""The recipe of the starter model: which real pictures it learns from, and with which settings.

It needs a folder of pictures that are not part of Trapline, laid out so: ``danger_of_extinction/`` (Train and Valid,
class folders below), ``species/`` (class folders), ``field/`` (camera-trap pictures: african_elephant and other),
``other/``, ``other_species/`` and ``imagenet_sample/`` (none of the eleven). The model that ships learns from all of
them but a test of its own; the one that is judged by ``Valid`` learns from all but ``Valid``.
"""

import csv
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from ml.backbones import ENSEMBLES
from ml.ensemble import Ensemble
from training import precision
from training.dataset import ClassFolder, class_folders
from training.fit import fit
from training.judging import page
from training.prepare import Job
from training.settings import TrainingSettings

# A camera trap sees more other animals than the training set does, and each of them is a chance to be wrong: so a
# stricter precision than the default. Labels are learned as they are: to doubt them gained half a point on the
# pictures of other sources and lost as much on ``Valid``, whose labels are wrong in the same ways.
SETTINGS = TrainingSettings(ensemble="starter", precision=0.985, familiar=0.99, held_out=0.08)
# The pictures of ImageNet that show one of the eleven.
_SPECIES_OF_IMAGENET = frozenset(
    {
        "288_n02128385.jpg",  # leopard
        "290_n02128925.jpg",  # jaguar
        "386_n02504458.jpg",  # African elephant
        "388_n02510455.jpg",  # giant panda
    }
)


def make(pictures: Path, *, out: Path, cache: Path, runs: Path, without_valid: bool, console: Console) -> None:
    """Train the starter model on ``pictures``, put it in the place of the folder ``out`` and its page into ``runs``."""
    job = Job(
        name="starter",
        created=datetime.now(UTC).date(),
        backbones=ENSEMBLES["starter"],
        settings=SETTINGS,
        cache=cache,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".starter-", dir=out.parent) as beside:
        learned_from = folders(pictures, without_valid=without_valid)
        fitted = fit(learned_from, job, models=Path(beside), console=console, compared=True)
        folder = runs / fitted.folder.name
        page.write(fitted.run, folder, ensemble=Ensemble.load(fitted.folder))
        precision.count(
            fitted.folder, fitted.run.paths, weights_folder=None, cache=runs.parent / "runtime", console=console
        )
        if out.exists():
            out.rename(Path(beside) / "replaced")
        fitted.folder.rename(out)
    console.print(f"The starter model is in {out}\nThe page is {folder / 'report.html'}", soft_wrap=True)


def folders(pictures: Path, *, without_valid: bool) -> list[ClassFolder]:
    """Name the class folders of the recipe; those of other animals are all ``other``, whatever they are called.

    Foreign pictures of one source stay together, so that a fold is judged on sources that it does not know.
    """
    web = class_folders(pictures / "danger_of_extinction")
    others = [path for path in sorted((pictures / "other_species").iterdir()) if path.is_dir()]
    field = class_folders(pictures / "field")
    return [
        *(web if without_valid else (replace(folder, held_out=False) for folder in web)),
        *class_folders(pictures / "species"),
        *(replace(each, sources=_sources(pictures / "field")) if each.label == "other" else each for each in field),
        ClassFolder(pictures / "other", "other", sources=_sources(pictures / "other")),
        *(ClassFolder(path, "other") for path in others),
        ClassFolder(pictures / "imagenet_sample", "other", without=_SPECIES_OF_IMAGENET),
    ]


def _sources(folder: Path) -> dict[str, str]:
    """Read file name → repository from the folder's index."""
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        return {Path(row["file"]).name: row["source_repo"] for row in csv.DictReader(file)}
