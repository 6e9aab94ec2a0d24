"""The command ``explore``, top-down: pictures → facts → suspects → page and tables → cleaned set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ml import graph
from training import corrections
from training.corrections import Correction
from training.dataset import class_folders
from training.exploring import page as explore_page
from training.exploring.clean import Fate, check, clean
from training.exploring.explore import Explored, Finder, explore, look_for_suspects, write_files

_SIZE = 320  # of the pictures where no backbone asks for another

PAGE, FILES, LABELS = "explore.html", "files.csv", "labels.csv"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be looked at, and where what was found goes."""

    datasets: tuple[Path, ...]
    out: Path
    seed: int
    finder: Finder | None = None  # None: wrong labels are not looked for
    cleaned: Path | None = None  # where the cleaned set is written
    names: Mapping[str, str] = field(default_factory=dict)  # the user's own, of classes


def look(job: Job, *, console: Console) -> Explored:
    """Do all of it; the data sets are read and never written. Raises ``DatasetError`` and ``WeightsMissing``.

    Verdicts that a person filled into the table of an earlier look at OUT are carried over.
    """
    folders = [folder for dataset in job.datasets for folder in class_folders(dataset, job.names)]
    labels = job.out / LABELS
    earlier = corrections.read(labels, job.names) if labels.exists() else ()
    if job.cleaned:
        check(job.cleaned, job.datasets)
    explored = explore(folders, size=graph.picture_size(job.finder.backbones) if job.finder else _SIZE, console=console)
    console.print(_overview(explored))
    suspects = None
    if job.finder:
        suspects = look_for_suspects(explored, job.finder, seed=job.seed, console=console)
        corrections.write(labels, corrections.carried_over(suspects, earlier))
    write_files(explored, job.out / FILES)
    explore_page.write(explored, suspects, job.out / PAGE)
    if job.cleaned:
        _tell_cleaned(clean(explored, job.cleaned, console=console), job.cleaned, console)
    _tell(suspects, job.out, console)
    return explored


def _overview(explored: Explored) -> Table:
    numbers = explore_page.numbers(explored)
    splits = sorted({each.split for each in explored.files})
    table = Table("class", *(split or "pictures" for split in splits), title="What there is")
    for label, counts in explore_page.by_class(explored).items():
        table.add_row(label, *(str(counts[split]) for split in splits))
    table.add_section()
    rows = {
        "cannot be read": numbers.unreadable,
        "only in part": numbers.torn,
        "copies: same bytes": numbers.same_bytes,
        "copies: same picture": numbers.same_picture,
        "copies: re-exports": numbers.reexports,
        "under several labels": numbers.disputed,
        "groups of near-duplicates": numbers.near,
        "held out with a twin": numbers.twins,
    }
    for what, count in rows.items():
        table.add_row(f"[dim]{what}[/dim]", str(count))
    return table


def _tell_cleaned(fates: Sequence[Fate], out: Path, console: Console) -> None:
    kept = sum(each.became == "kept" for each in fates)
    console.print(
        f"{kept} of {len(fates)} files are in {out}, and manifest.csv says what became of each", soft_wrap=True
    )


def _tell(suspects: Sequence[Correction] | None, out: Path, console: Console) -> None:
    if suspects is not None:
        console.print(f"{len(suspects)} pictures look wrong; they are in {out / LABELS}, to be judged", soft_wrap=True)
    console.print(f"The page is {out / PAGE}", soft_wrap=True)
