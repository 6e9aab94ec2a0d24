"""Is a season of a million pictures handed on fast, and in little memory?

It fills a ledger with a generated season, lets each ``trapline export`` write in a process of its own, prints what that
took and ends with 1 where a bar is missed: ``python tests/benchmarks/bench_export.py``. Everything lies in a temporary
folder, which is removed in the end.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_report import House, filled_house
from process import TRAPLINE, Ran, run, say

SECONDS, MEGABYTES = 90.0, 500  # the bars, for a million pictures
EXPORTS = {
    "camtrap-dp": "package",
    "camtrap-dp, zipped": "package.zip",
    "csv": "flat.csv",
    "megadetector": "results.json",
}
STUDY = {
    "TRAPLINE_PROJECT__TITLE": "A generated season",
    "TRAPLINE_PROJECT__CONTRIBUTORS": json.dumps([{"title": "Nobody"}]),
    "TRAPLINE_PROJECT__SAMPLING_DESIGN": "opportunistic",
    "TRAPLINE_PROJECT__CAPTURE_METHODS": json.dumps(["activityDetection"]),
}


def bench(
    media: int = 1_000_000,
    nights: int = 500,
    at: Annotated[Path | None, typer.Option(help="Where ledger and exports may lie for the time of the run.")] = None,
) -> None:
    """Fill a ledger and export it in every way."""
    with filled_house(at, media, nights) as (house, _):
        exported = [_export(house, name, house.folder / target) for name, target in EXPORTS.items()]
    bars = {
        "seconds": (max(each.seconds for each in exported), SECONDS),
        "megabytes of memory": (max(each.megabytes for each in exported), MEGABYTES),
    }
    for name, (found, most) in bars.items():
        say(f"{'MISSED' if found > most else 'reached'}: {found:.6g} {name}, at most {most}")
    raise typer.Exit(int(any(found > most for found, most in bars.values())))


def _export(house: House, name: str, target: Path) -> Ran:
    exported = run(house, TRAPLINE, "export", name.partition(",")[0], str(target), **STUDY)
    files = sorted(target.iterdir()) if target.is_dir() else [target]
    size = sum(file.stat().st_size for file in files)
    memory = f"{exported.megabytes:.0f} MB of memory"
    say(f"{name:20} {exported.seconds:7.1f} s ({exported.busy:.1f} s of a core), {memory}, {size / 1e6:.0f} MB written")
    say(f"{'':20} {exported.printed[0]}")
    return exported


if __name__ == "__main__":
    typer.run(bench)
