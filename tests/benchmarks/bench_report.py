"""Is a report written fast from a big ledger, and in little memory?

Each command fills a ledger with a generated season, lets ``trapline report`` write in a process of its own, prints what
it took and ends with 1 where a bar is missed: ``python tests/benchmarks/bench_report.py season``. Everything lies in a
temporary folder, which is removed in the end.
"""

import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))

from daemon import House
from process import TRAPLINE, run, say
from season import Season
from season import season as fill

from db.engine import open_ledger
from watcher.data_folder import DataFolder

SECONDS, NIGHT_SECONDS, MEGABYTES, PAGE_BYTES = 5.0, 10.0, 300, 1_500_000  # the bars

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)
Where = Annotated[Path | None, typer.Option(help="Where ledger and report may lie for the time of the run.")]
Times = Annotated[int, typer.Option(help="Reports that are written, each in a process of its own.")]


@dataclass(frozen=True, slots=True)
class Written:
    """A report, and what it took to write it."""

    seconds: float
    megabytes: float  # of memory, at the most
    page_bytes: int


@app.command()
def season(media: int = 100_000, nights: int = 60, times: Times = 3, at: Where = None) -> None:
    """Write the report of a whole season."""
    with filled_house(at, media, nights) as (house, filled):
        span = ("--since", _local(filled.begin), "--until", _local(filled.end))
        written = [_write(house, *span) for _ in range(times)]
    _end(written, SECONDS)


@app.command()
def million(media: int = 1_000_000, nights: int = 500, times: Times = 3, at: Where = None) -> None:
    """Write the report of one night out of many."""
    with filled_house(at, media, nights) as (house, filled):
        written = [_write(house, "--until", _local(filled.end)) for _ in range(times)]
    _end(written, NIGHT_SECONDS)


@contextmanager
def filled_house(at: Path | None, media: int, nights: int) -> Iterator[tuple[House, Season]]:
    """Fill a ledger, which is taken away in the end."""
    say(_machine())
    with tempfile.TemporaryDirectory(prefix="trapline-", dir=at) as folder:
        house = House(Path(folder))
        data = DataFolder(house.data)
        data.prepare()
        began = time.perf_counter()
        with closing(open_ledger(data.ledger)) as ledger:
            filled = fill(ledger, house.data, media=media, nights=nights)
        seconds, size = time.perf_counter() - began, data.ledger.stat().st_size
        say(f"{media} media of {nights} nights, filled in within {seconds:.0f} s, a ledger of {size / 1e6:.0f} MB")
        yield house, filled


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = [f"{package} {version(package)}" for package in ("sqlalchemy", "jinja2", "pillow")]
    return (
        f"{len(os.sched_getaffinity(0))} cores, {names[0] if names else platform.machine()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {', '.join(versions)}, "
        f"load {os.getloadavg()[0]:.1f} before"
    )


def _local(time: datetime) -> str:
    """Give a time as the command takes it, in the time zone of reports, which is UTC here."""
    return f"{time:%Y-%m-%dT%H:%M:%S}"


def _write(house: House, *span: str) -> Written:
    ran = run(house, TRAPLINE, "report", *span, OMP_NUM_THREADS="1")
    written = Written(ran.seconds, ran.megabytes, Path(ran.printed[-1]).stat().st_size)
    memory = f"{written.megabytes:.0f} MB of memory"
    say(f"{ran.seconds:10.2f} s ({ran.busy:.2f} s of a core), {memory}, a page of {written.page_bytes / 1e6:.2f} MB")
    return written


def _end(written: list[Written], most_seconds: float) -> None:
    """Say whether the bars are reached, and end. The first report is among those that count."""
    bars = {
        "seconds": (max(each.seconds for each in written), most_seconds),
        "megabytes of memory": (max(each.megabytes for each in written), MEGABYTES),
        "bytes of the page": (max(each.page_bytes for each in written), PAGE_BYTES),
    }
    for name, (found, most) in bars.items():
        say(f"{'MISSED' if found > most else 'reached'}: {found:.6g} {name}, at most {most}")
    raise typer.Exit(int(any(found > most for found, most in bars.values())))


if __name__ == "__main__":
    app()
