"""How files come into a shared folder: pictures no two of which are alike, and the ways in which tools put them there.

Each way takes the folder of a station and an iterable of (name, content), and puts all of it there in its own manner.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import simplejpeg

Files = Iterable[tuple[str, bytes]]

HEIGHT, WIDTH = 24, 32
TOGETHER = 50  # files that a slow writer has open at once


def pictures(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of small JPEGs of noise, other names and other contents for each seed."""
    random = np.random.default_rng(seed)
    for number in range(count):
        pixels = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        yield f"IMG_{seed}_{number:05}.JPG", simplejpeg.encode_jpeg(pixels, quality=90)


def copy(station: Path, files: Files) -> None:
    """Write each file under its name, in one go."""
    folder = _made(station / "100COPY_")
    for name, content in files:
        (folder / name).write_bytes(content)


def write_slowly(station: Path, files: Files, pauses: tuple[float, float] = (0.1, 0.4)) -> None:
    """Write some files at a time, a part of each, with pauses in between."""
    folder, files = _made(station / "100SLOW_"), iter(files)
    while some := list(islice(files, TOGETHER)):
        for part in range(len(pauses) + 1):
            for name, content in some:
                step = len(content) // (len(pauses) + 1)
                end = len(content) if part == len(pauses) else (part + 1) * step
                with (folder / name).open("ab") as file:
                    file.write(content[part * step : end])
            if part < len(pauses):
                time.sleep(pauses[part])


def rename_in(station: Path, files: Files) -> None:
    """Write each file outside of the inbox and move it in, as many upload tools do."""
    folder = _made(station / "100MOVED")
    outside = _made(station.parents[1] / "outside" / station.name)
    for name, content in files:
        (outside / name).write_bytes(content)
        (outside / name).rename(folder / name)


def nest(station: Path, files: Files) -> None:
    """Make folders in folders and put a few files into each at once, as a copied card has them."""
    files = iter(files)
    for number, some in enumerate(iter(lambda: list(islice(files, 5)), [])):
        folder = station / f"card {number // 50}" / "DCIM" / f"{100 + number % 50}EK113"
        _made(folder)
        for name, content in some:
            (folder / name).write_bytes(content)


def sync(station: Path, files: Files) -> None:
    """Write each file under a hidden name beside its own and rename it, as rsync does."""
    folder = _made(station / "100RSYNC")
    for number, (name, content) in enumerate(files):
        hidden = folder / f".{name}.{number:06}"
        hidden.write_bytes(content)
        hidden.rename(folder / name)


WAYS: tuple[Callable[[Path, Files], None], ...] = (copy, write_slowly, rename_in, nest, sync)


def arrive(inbox: Path, seed: int, station: int, way: int, count: int) -> int:
    """Let files come to one station in one way; give how many."""
    WAYS[way](inbox / f"station-{station:02}", pictures(seed * 1000 + station * 10 + way, count))
    return count


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
