"""Is what ecologists ask answered fast from a season of a million media?

It fills a ledger with a generated season, asks each question about all of it in a process of its own, prints what that
took and ends with 1 where a bar is missed: ``python tests/benchmarks/bench_queries.py``. Everything lies in a temporary
folder, which is removed in the end. Seconds are those of the whole process, from its start on.
"""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_report import filled_house
from process import TRAPLINE, Ran, run, say

from db.queries import frames

SECONDS = 5.0  # the bar, for a million media
FRAME = """
import sys
from datetime import datetime
from pathlib import Path
from db.engine import open_ledger
from db.queries import frames
name, ledger, end, *species = sys.argv[1:]
with open_ledger(Path(ledger)).read() as session:
    found = getattr(frames, name)(session, *species, *frames.whole_period(session, datetime.fromisoformat(end)))
print(f"{len(found)} rows of {len(found.columns)} columns")
"""
FRAMES = {name: ["Lion"] if name == "detection_history" else [] for name in frames.__all__ if name != "whole_period"}
COMMANDS = ("summary", "cameras")


def bench(
    media: int = 1_000_000,
    nights: int = 500,
    at: Annotated[Path | None, typer.Option(help="Where the ledger may lie for the time of the run.")] = None,
) -> None:
    """Fill a ledger and ask it everything."""
    with filled_house(at, media, nights) as (house, filled):
        slow = ask(house, filled.end)
    raise typer.Exit(int(slow))


def ask(house, end: datetime) -> bool:
    """Ask about all until ``end``, print what that took, and tell whether anything took too long."""
    ledger = str(house.data / "trapline.db")
    ran = {name: run(house, FRAME, name, ledger, end.isoformat(), *species) for name, species in FRAMES.items()}
    ran |= {f"trapline {name}": run(house, TRAPLINE, name) for name in COMMANDS}
    table = Table("asked", "seconds", "of a core", "MB of memory", "the answer ends with")
    for name, each in ran.items():
        table.add_row(name, _seconds(each), f"{each.busy:.1f}", f"{each.megabytes:.0f}", each.printed[-1].strip())
    say(table)
    return any(each.seconds > SECONDS for each in ran.values())


def _seconds(ran: Ran) -> str:
    return f"{ran.seconds:.1f} (bar ≤ {SECONDS:.0f}){' MISSED' if ran.seconds > SECONDS else ''}"


if __name__ == "__main__":
    typer.run(bench)
