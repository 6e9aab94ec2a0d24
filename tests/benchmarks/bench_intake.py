"""Can the daemon be flooded, starved of events, killed or unmounted without losing or doubling a file?

Each command makes its own files, runs the real daemon with a constant answer in the model's place, prints what it
measured and ends with 1 where a bound is broken: ``python tests/benchmarks/bench_intake.py soak --files 100000``.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))

from daemon import House
from flood import soaked, unwatched
from kills import killing
from known_files import looked_through
from limits import inotify_limit
from mounts import Mounts

QUEUED, WATCHED, FOLDERS = 64, 150, 300  # limits of inotify, and folders beyond them
QUICK = {
    "TRAPLINE_INTAKE__SETTLE_SECONDS": "0.2",
    "TRAPLINE_INTAKE__SCAN_MINUTES": "0.05",
    "TRAPLINE_INTAKE__POLL_SECONDS": "2",
}

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)
say = Console(highlight=False, soft_wrap=True, markup=False).print
Where = Annotated[Path | None, typer.Option(help="Where files, data folder and log may lie for the time of the run.")]
Seed = Annotated[int, typer.Option(help="Of everything that is drawn.")]
SEED = 20261124


@app.command()
def soak(files: int = 100_000, stations: int = 10, processes: int = 4, seed: Seed = SEED, at: Where = None) -> None:
    """Let files come in five ways at once, stop the daemon in the middle of it, and start it again."""
    with _house(at) as house:
        faults = soaked(house, say, files=files, stations=stations, processes=processes, seed=seed)
    _end(faults)


@app.command()
def limits(files: int = 20_000, processes: int = 4, seed: Seed = SEED, at: Where = None) -> None:
    """Take away most of the queue of events, then most of the watches; for root, and the whole machine's meanwhile."""
    say(f"a queue of {QUEUED} events")
    with inotify_limit("max_queued_events", QUEUED), _house(at) as house:
        faults = soaked(house, say, files=files, stations=10, processes=processes, seed=seed)
        overflows = house.log.count("events were lost")
        say(f"{overflows:8}    times events were lost")
        faults += [] if overflows else ["no events were lost, so nothing was tried"]
    say(f"{WATCHED} watches for {FOLDERS} folders")
    with inotify_limit("max_user_watches", WATCHED), _house(at) as house:
        faults += unwatched(house, say, folders=FOLDERS, files=files // 10, seed=seed)
    _end(faults)


@app.command()
def kills(files: int = 2000, kills: int = 200, seed: Seed = SEED, at: Where = None) -> None:
    """SIGKILL the daemon at drawn instants while files come, and let the last one finish."""
    say(f"seed {seed}, {kills} kills, {files} files")
    with _house(at, **QUICK) as house:
        killed = killing(house, files=files, kills=kills, seed=seed)
        waiting = sum(taken < files * (number + 1) // kills for number, taken in enumerate(killed.taken))
        say(f"{waiting:8}    kills while files waited to be taken, {kills - waiting} after the last of them was")
        say(f"{killed.seconds:10.1f} s from the last start until all was done")
        said = house.trapline("doctor", "--check")
    say(said)
    _end(killed.faults + [line for line in said.splitlines() if line.startswith("wrong")])


@app.command()
def mounts(cycles: int = 100, seed: Seed = SEED, at: Where = None) -> None:
    """Unmount and mount a watched disk while files are copied onto it; swap it for another and for an empty folder."""
    if os.environ.get("OWN_MOUNTS") != "yes":  # so that no mount outlives this run, nor is seen by others
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
        raise typer.Exit(subprocess.call(command, env=os.environ | {"OWN_MOUNTS": "yes"}))
    with _house(at, **QUICK) as house, Mounts(house, seed) as tried:
        resumed = tried.cycle(cycles)
        say(f"{cycles:8}    times unmounted and mounted again, {tried.files} files copied meanwhile")
        say(f"{statistics.median(resumed):10.1f} s from a mount until a new file is taken, at most {max(resumed):.1f}")
        faults = tried.faults + tried.swap()
    _end(faults)


@app.command()
def rescan(files: int = 100_000, at: Where = None) -> None:
    """Look through files that are known, beside a bare walk of the same tree."""
    with _house(at) as house:
        faults = looked_through(house, say, files=files)
    _end(faults)


@contextmanager
def _house(at: Path | None, **variables: str) -> Iterator[House]:
    """Give a place for a run and take it away in the end."""
    folder = Path(tempfile.mkdtemp(prefix="trapline-", dir=at))
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    try:
        yield House(folder, variables=variables)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end(faults: list[str]) -> None:
    """Say what is wrong, and end."""
    for fault in faults[:20]:
        say(f"WRONG {fault}")
    say(f"{len(faults)} faults" if faults else "every bound holds")
    raise typer.Exit(int(bool(faults)))


if __name__ == "__main__":
    app()
