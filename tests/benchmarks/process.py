"""One run of Trapline in a process of its own, and what it took."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import typer
from rich.console import Console

# What runs says in the end how much memory it ever had.
PEAK = """
import atexit, re, sys
from pathlib import Path
atexit.register(lambda: sys.stderr.write(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
"""
TRAPLINE = "from watcher.cli import main\nmain()\n"  # the command as it is

say = Console(highlight=False, soft_wrap=True, markup=False).print


@dataclass(frozen=True, slots=True)
class Ran:
    """What a process took, from its start to its end, and the lines that it printed."""

    seconds: float
    busy: float  # seconds of a core
    megabytes: float  # of memory, at the most
    printed: tuple[str, ...]


def run(house, code, *arguments, **variables):
    """Run Python code over a house; a failure ends the benchmark."""
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-c", PEAK + code, *arguments],
        env=house.environment(**variables), cwd=house.folder, check=False, capture_output=True, text=True,
    )  # fmt: skip
    seconds, after = time.perf_counter() - began, os.times()
    if done.returncode:
        say(done.stdout + done.stderr)
        raise typer.Exit(done.returncode)
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    megabytes = int(done.stderr.splitlines()[-1]) / 1024
    return Ran(seconds, busy, megabytes, tuple(line for line in done.stdout.splitlines() if line.strip()))
