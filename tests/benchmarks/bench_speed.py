"""How fast Trapline is, beside the tutorials' way, a competent one, and what the machine can do at most.

``python tests/benchmarks/bench_speed.py speed`` (or ``make bench``) draws its pictures and the reference ensemble's
weights, which need not be trained to be fast, and needs nothing but an installed Trapline; tf-keras-vis too is measured
where it is installed. Everything is measured in turns within the same run: trust the ratios, not the rates. It takes
about 8 GB of memory, since every way waits for its turn in a process of its own. ``memory`` runs the real daemon over
thousands of pictures. Both end with 1 where a bar is missed.
"""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))

import speed_tables as tables
from contenders import contending
from daemon import House
from drawn_reference import write_reference
from long_watch import watched
from peak import openvino_peak, tensorflow_peak
from photos import write_photos
from side_by_side import Trial, cores, measured
from stages import decoded
from visualised import is_installed

from ml.artifacts import STARTER, promote
from ml.runtime import openvino

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True, markup=False)
say = console.print
Where = Annotated[Path | None, typer.Option(help="Where pictures, models and answers may lie for the time of the run.")]
Quick = Annotated[bool, typer.Option("--quick", help="One round with few pictures, to see that all of it works.")]
Pictures = Annotated[int, typer.Option(help="In place of 20,000 with the starter and 2,000 with the reference.")]
COUNTS = {"reference": (8, 24, 64), "starter": (8, 24, 160)}  # pictures a round: textbook, competent, Trapline
FEW = {"reference": (2, 8, 16), "starter": (2, 8, 24)}
DECODED = 24
PICTURES = {"starter": 20_000, "reference": 2_000}


@app.command()
def speed(*, rounds: int = 3, quick: Quick = False, at: Where = None) -> None:
    """Measure every way with both ensembles: whole runs, stages, Grad-CAM, and the machine's peak."""
    bars = tables.Bars()
    with _somewhere(at) as home, ExitStack() as stack:
        say(_machine())
        trials = _trials(home, quick=quick)
        rounds = 1 if quick else rounds
        peaks = {"tensorflow": stack.enter_context(contending("TensorFlow's peak", tensorflow_peak))}
        if openvino.installed():
            peaks["openvino"] = stack.enter_context(contending("OpenVINO's peak", openvino_peak))
        for trial in trials:
            found = measured(trial, peaks, rounds, say)
            for table in (tables.end_to_end, tables.peaks, tables.stages):
                Console(width=170).print(table(trial, found, bars))
            console.print(tables.gradcams(trial, found))
        if not is_installed():
            say("tf-keras-vis is not installed, and was left out")
        few = home / "few"
        few.mkdir()
        for photo in trials[0].photos[:DECODED]:
            (few / photo.name).hardlink_to(photo)
        turns = [
            {workers: decoded(few, home / "decoded", workers) for workers in order}
            for order in ((1, 2), (2, 1)) * rounds  # neither always goes first
        ]
        say(tables.workers(turns, bars))
    _end(bars.missed)


@app.command()
def memory(*, pictures: Pictures = 0, at: Where = None) -> None:
    """Watch an inbox with the real daemon, thousands of pictures on end, and look at its memory each second."""
    say(_machine())
    missed = []
    with _somewhere(at) as home:
        models = _models(home)
        for runtime in ("tensorflow", "openvino") if openvino.installed() else ("tensorflow",):
            for name, (model, weights) in models.items():
                house = House(home / f"{name} {runtime}", variables={"TRAPLINE_MODEL__RUNTIME": runtime})
                house.folder.mkdir()
                house.data.mkdir()
                if weights:
                    house.variables["TRAPLINE_MODEL__WEIGHTS_FOLDER"] = str(weights)
                    (house.data / "models").symlink_to(model.parent)
                count = pictures or PICTURES[name]
                say(f"{name}, {runtime}, {count} pictures")
                missed += watched(house, say, pictures=count, runtime=runtime)
                shutil.rmtree(house.folder)
    _end(missed)


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = []
    for package in ("tensorflow", "keras", "openvino"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    processor = names[0] if names else platform.machine()
    return f"{cores()} cores, {processor}, {', '.join(versions)}, load {os.getloadavg()[0]:.1f} before"


def _trials(home: Path, *, quick: bool) -> list[Trial]:
    """Draw the pictures and the weights."""
    ways = [("tensorflow", "float32")]
    if openvino.installed():
        # whether TensorFlow has it in hardware too, it does not say
        both = ("float32", "bfloat16") if openvino.has_bfloat16() else ("float32",)
        ways = [(runtime, precision) for runtime in ("tensorflow", "openvino") for precision in both]
    counts = FEW if quick else COUNTS
    photos = write_photos(home / "photos", max(map(max, counts.values())))
    trials = []
    for name, (model, weights) in _models(home).items():
        few, some, many = counts[name]
        trials.append(Trial(name, model, weights, home, photos, ways, textbook=few, competent=some, own=many))
    return trials


def _models(home: Path) -> dict[str, tuple[Path, Path | None]]:
    """Give each ensemble's folder and that of its weights, where they are not installed."""
    weights = home / "weights"
    drawn = write_reference(weights, home / "models")
    promote(drawn.parent, drawn.name)
    return {"reference": (drawn, weights), "starter": (STARTER, None)}


@contextmanager
def _somewhere(at: Path | None) -> Iterator[Path]:
    """Give a folder for the run and take it away in the end; nothing is set but by this run."""
    for name in [name for name in os.environ if name.startswith("TRAPLINE_")]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="trapline-", dir=at))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end(missed: list[str]) -> None:
    for line in missed:
        say(f"MISSED {line}")
    say("every bar is reached" if not missed else f"{len(missed)} bars are missed")
    raise typer.Exit(int(bool(missed)))


if __name__ == "__main__":
    app()
