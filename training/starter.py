"""The recipe of the starter model: which real pictures it learns from, and with which settings.

It needs a folder of pictures that are not part of Trapline, laid out so: ``danger_of_extinction/`` (Train and Valid,
class folders below), ``species/`` (class folders), ``field/`` (camera-trap pictures: african_elephant and other),
``other/``, ``other_species/`` and ``imagenet_sample/`` (none of the eleven). Valid is held out, all else learned from.
"""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from ml.backbones import ENSEMBLES
from training.dataset import ClassFolder, class_folders
from training.fit import Job, fit
from training.settings import TrainingSettings

# Larger batches than the default for speed. A stricter precision than the default: a camera trap sees more other
# animals than the training set does, and each of them is a chance to be wrong.
SETTINGS = TrainingSettings(ensemble="starter", batch_size=256, learning_rate=2e-3, precision=0.97)
# The pictures of ImageNet that show one of the eleven.
_SPECIES_OF_IMAGENET = frozenset(
    {
        "288_n02128385.jpg",  # leopard
        "290_n02128925.jpg",  # jaguar
        "386_n02504458.jpg",  # African elephant
        "388_n02510455.jpg",  # giant panda
    }
)


def make(pictures: Path, *, out: Path, cache: Path, console: Console) -> None:
    """Train the starter model on ``pictures`` and put it in the place of the folder ``out``."""
    job = Job(
        name="starter",
        created=datetime.now(UTC).date(),
        backbones=ENSEMBLES["starter"],
        settings=SETTINGS,
        cache=cache,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".starter-", dir=out.parent) as beside:
        fitted = fit(folders(pictures), job, models=Path(beside), console=console)
        shutil.rmtree(out, ignore_errors=True)
        fitted.folder.rename(out)
    console.print(f"The starter model is in {out}")


def folders(pictures: Path) -> list[ClassFolder]:
    """Name the class folders of the recipe; those of other animals are all ``other``, whatever they are called."""
    others = [path for path in sorted((pictures / "other_species").iterdir()) if path.is_dir()]
    return [
        *class_folders(pictures / "danger_of_extinction"),
        *class_folders(pictures / "species"),
        *class_folders(pictures / "field"),
        *(ClassFolder(path, "other") for path in [pictures / "other", *others]),
        ClassFolder(pictures / "imagenet_sample", "other", without=_SPECIES_OF_IMAGENET),
    ]
