"""What every training begins with: pictures → clean examples → splits → features of the frozen backbones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml import graph
from ml.arrays import Floats
from ml.labels import SPECIES
from training import features
from training.corrections import Correction, corrected
from training.dataset import ClassFolder, Dataset, read
from training.record import reasons
from training.settings import TrainingSettings
from training.splits import Split, split_up


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be trained, and with what."""

    name: str
    created: date
    backbones: tuple[str, ...]
    settings: TrainingSettings
    cache: Path  # of features
    weights_folder: Path | None = None
    untrained_seed: int | None = None  # draws the backbones' weights in place of ImageNet's
    corrections: Sequence[Correction] = field(default=())
    study: str | None = None  # URL of the tuning whose best settings are to be used

    @property
    def untrained(self) -> dict[str, int]:
        """Backbone → the seed of its drawn weights, as ``ml.graph.build`` takes it."""
        return {} if self.untrained_seed is None else dict.fromkeys(self.backbones, self.untrained_seed)

    @property
    def size(self) -> int:
        """The side of the pictures that these backbones are fed, in pixels."""
        return graph.picture_size(self.backbones)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Pictures ready to learn from."""

    dataset: Dataset
    split: Split
    features: list[Floats]  # of each backbone, float16 (n, views, features); the first view is the picture as it is
    weights_sha256: dict[str, str]  # of each backbone


def prepare(folders: Sequence[ClassFolder], job: Job, *, console: Console) -> Prepared:
    """Read, clean, split and run the pictures in ``folders``; what there is is told on ``console``.

    Raises ``DatasetError`` and ``WeightsMissing``.
    """
    joined = graph.build(job.backbones, weights_folder=job.weights_folder, untrained=job.untrained)
    dataset = corrected(read(folders, size=job.size, console=console), job.corrections)
    split = split_up(dataset, job.settings)
    console.print(_overview(dataset, split))
    if unseen := [label for label in SPECIES if label not in split.classes]:
        console.print(f"there are no pictures of {', '.join(unseen)}: this model will never answer with them")
    pooled = features.pooled(
        dataset.examples, joined, size=job.size, views=job.settings.views, cache=job.cache, console=console
    )
    return Prepared(dataset, split, pooled, joined.weights_sha256)


def counts(split: Split) -> dict[str, tuple[int, int]]:
    """Return label → pictures to learn from, pictures held out."""
    inside = Counter(split.labels[split.training].tolist())
    outside = Counter(split.labels[~split.training].tolist())
    return {label: (inside[place], outside[place]) for place, label in enumerate(split.classes)}


def _overview(dataset: Dataset, split: Split) -> Table:
    table = Table("class", "training", "held out", title="What is learned from")
    for label, (training, held_out) in counts(split).items():
        table.add_row(label, str(training), str(held_out))
    for reason, count in reasons(dataset.left_out).items():
        table.add_row(f"[dim]left out: {escape(reason)}[/dim]", str(count), "")
    return table
