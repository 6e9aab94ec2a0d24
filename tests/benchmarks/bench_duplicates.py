"""How the duplicate rules do on thousands of drawn camera-trap pictures, and on real ones where they are at hand.

``python tests/benchmarks/bench_duplicates.py`` draws bursts, lets software copy, tag, save and resize them, reads all
of it as the daemon does and applies the rules to the groups that the ledger would. Ends with 1 where a bound is broken.
"""

import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bursts import HEIGHT, WIDTH, Camera, Writer, burst, facts, links_among, reexported, retagged, shot

AT = datetime.fromisoformat("2026-05-04T03:02:01")  # a camera's clock knows no zone
RESET = datetime.fromisoformat("2000-01-01T00:00:07")
WRITERS = tuple(Writer)
ANIMALS = (0.0, 0.06, 0.15, 0.4)  # of the picture's width
QUALITIES = (30, 40, 50, 60, 70, 75, 80, 85, 90, 95)
SHARES = (0.25, 0.33, 0.5, 0.75, 1.0)
WRITTEN = 88  # by the camera: a re-save in the same size, quality and layout cannot be told from a frame
FOUND_FROM, LEAST_FOUND = 40, 0.95
SCENES = 4  # in one second of one deployment, competing for the same copies
PICTURES = Path(__file__).resolve().parents[3] / "shared/cameratrap"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table: what was tried, how often, what came of it and whether that is good enough."""

    what: str
    work: Callable[[int], Counter[str]]
    times: int
    says: Callable[[Counter[str]], str]
    holds: Callable[[Counter[str]], bool]


def main(
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 20261124,
    bursts: Annotated[int, typer.Option(help="Of 3 to 10 frames each.")] = 1000,
    reexports: Annotated[int, typer.Option(help="One of each picture.")] = 1000,
    copies: Annotated[int, typer.Option(help="Pictures that lie in three folders.")] = 1000,
    tagged: Annotated[int, typer.Option(help="Pictures with other tags.")] = 500,
    real: Annotated[
        Path, typer.Option(help="A folder of camera-trap originals; left out if it is not there.")
    ] = PICTURES,
    processes: int = 2,
) -> None:
    """Try everything, print it, and end with 1 where a bound is broken."""
    started, broken = time.monotonic(), False
    table = Table("what", "tried", "came of it", "good enough", title=f"seed {seed}")
    tried = checks(bursts=bursts, reexports=reexports, copies=copies, tagged=tagged)
    if real.is_dir():
        says, works = "{pictures} pictures, {counted} counted".format_map, partial(real_files, real)
        tried.append(Check("real files in one folder", works, 1, says, lambda c: c["counted"] == c["pictures"]))
    with get_context("spawn").Pool(processes) as pool:
        for check in tried:
            seeds = range(seed, seed + check.times)
            came = sum(pool.imap_unordered(check.work, seeds, chunksize=4), Counter[str]())
            holds = check.holds(came)
            table.add_row(check.what, str(came["tried"]), check.says(came), "yes" if holds else "NO")
            broken |= not holds
    table.caption = f"{time.monotonic() - started:.0f} s" + ("" if real.is_dir() else f"; no real files at {real}")
    Console(width=120).print(table)
    raise typer.Exit(int(broken))


def checks(*, bursts: int, reexports: int, copies: int, tagged: int) -> list[Check]:
    """Give all that is tried."""
    some = max(tagged // 5, 1)
    return [
        Check(
            "copied to three folders", copied, copies, "{counted} counted".format_map,
            lambda c: c["counted"] == copies,
        ),
        Check(
            "tags rewritten", retagging, tagged, "{linked} linked, {wrong} wrongly".format_map,
            lambda c: c["linked"] == c["tried"] and not c["wrong"],
        ),
        Check(
            "saved anew, q30–95, 25–100 %", reexporting, -(-reexports // SCENES), found,
            lambda c: c["found"] >= LEAST_FOUND * c["findable"] and not c["wrong"],
        ),
        Check(
            "frames of bursts", shooting, bursts, "{counted} counted, {linked} linked".format_map,
            lambda c: c["counted"] == c["tried"] and not c["linked"],
        ),
        Check(
            "half of each burst saved anew beside it", partial(shooting, again=True), bursts,
            "{right} linked, {wrong} wrongly, {moved} by order".format_map,
            lambda c: not c["wrong"] and not c["moved"],
        ),
        Check("black, grey and white frames", flat, some, "{linked} linked".format_map, lambda c: not c["linked"]),
        Check("two cards with reset clocks", reset, some, "{linked} linked".format_map, lambda c: not c["linked"]),
    ]  # fmt: skip


def copied(seed: int) -> Counter[str]:
    """A picture lies under three names at three deployments."""
    jpeg = shot(_drawn(seed), _camera(seed), at=AT)
    seen = [facts(jpeg, deployment) for deployment in (1, 2, 3)]
    return Counter(tried=3, counted=counted(seen))


def retagging(seed: int) -> Counter[str]:
    """One picture, tagged where it lay, and tagged with another time at another station."""
    jpeg = shot(_drawn(seed), _camera(seed), at=AT)
    later = retagged(jpeg, "corrected clock", at=AT + timedelta(hours=1))
    seen = [facts(jpeg), facts(retagged(jpeg, f"lion {seed}")), facts(later, deployment=2)]
    seen += [facts(shot(_drawn(seed + 1), _camera(seed), at=AT))]
    canonical = min(seen[:2], key=lambda one: one.sha256)
    right = {(one.sha256, canonical.sha256) for one in seen[:3] if one is not canonical}
    links = _pairs(links_among(seen))
    return Counter(tried=2, linked=len(links & right), wrong=len(links - right))


def reexporting(seed: int) -> Counter[str]:
    """Four scenes of one second, and a copy of each among them."""
    rng, tally = np.random.default_rng(seed), Counter[str]()
    originals, copies, findable = [], [], set()
    for number in range(SCENES):
        jpeg = shot(_drawn(seed * SCENES + number), _camera(seed), at=AT)
        quality = int(rng.choice(QUALITIES))
        originals.append(facts(jpeg))
        copies.append(facts(reexported(jpeg, quality=quality, share=float(rng.choice(SHARES)))))
        if quality >= FOUND_FROM:
            findable.add(copies[-1].sha256)
    right = _both_ways(originals, copies)
    links = _pairs(links_among([*originals, *copies]))
    hits = {end for pair in links & right for end in pair}
    tally.update(tried=SCENES, linked=len(links & right), wrong=len(links - right))
    tally.update(findable=len(findable), found=len(findable & hits))
    return tally


def shooting(seed: int, *, again: bool = False) -> Counter[str]:
    """A burst of one second; ``again``: with half of its frames saved anew, in one way or each in its own."""
    rng = np.random.default_rng(seed)
    camera, count = _camera(seed), int(rng.integers(3, 11))
    frames = burst(seed, count, night=bool(seed % 2), animal=float(rng.choice(ANIMALS)))
    jpegs = [shot(frame, camera, at=AT, number=number) for number, frame in enumerate(frames)]
    seen = [facts(jpeg) for jpeg in jpegs]
    if not again:
        return Counter(tried=count, counted=counted(seen), linked=len(links_among(seen)))
    chosen = sorted(rng.choice(count, count // 2, replace=False))
    one_way = rng.random() < 0.5
    ways = [(int(rng.choice(QUALITIES)), float(rng.choice(SHARES))) for _ in chosen]
    ways = ways[:1] * len(chosen) if one_way else ways
    copies = [facts(reexported(jpegs[n], quality=q, share=s)) for n, (q, s) in zip(chosen, ways, strict=True)]
    right = _both_ways([seen[number] for number in chosen], copies)
    together = [*seen, *copies]
    links = _pairs(links_among(together))
    rng.shuffle(together)
    moved = _pairs(links_among(together)) != links
    return Counter(tried=len(copies), right=len(links & right), wrong=len(links - right), moved=int(moved))


def flat(seed: int) -> Counter[str]:
    """A lens cap, a black night or a flash in the face, twice in one second, tagged and saved anew."""
    rng = np.random.default_rng(seed)
    level, noise = int(rng.choice([0, 4, 30, 128, 250, 255])), float(rng.choice([0, 1, 3, 6]))
    files = []
    for _ in range(2):
        pixels = level + rng.normal(0, noise, (HEIGHT, WIDTH, 1)).repeat(3, axis=2)
        jpeg = shot(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), _camera(seed), at=AT)
        files += [jpeg, retagged(jpeg, "nothing"), reexported(jpeg, quality=60, share=0.5)]
    return Counter(tried=len(files), linked=len(links_among([facts(jpeg) for jpeg in files])))


def reset(seed: int) -> Counter[str]:
    """Two cameras at one place whose clocks start anew, and what was saved anew of their frames."""
    files = []
    for number in range(2):
        for frame in burst(seed, 2, night=bool(seed % 2), animal=0.06 * number):
            jpeg = shot(frame, _camera(seed + number), at=RESET + timedelta(seconds=seed % 60))
            files += [jpeg, reexported(jpeg, quality=70, share=0.5)]
    return Counter(tried=len(files), linked=len(links_among([facts(jpeg) for jpeg in files])))


def real_files(folder: Path, _seed: int) -> Counter[str]:
    """Take all the JPEG files below a folder for those of one deployment."""
    files = [path for path in folder.rglob("*") if re.fullmatch(r"\.jpe?g", path.suffix.lower())]
    seen = [facts(path.read_bytes()) for path in files]
    pictures = len({(one.picture_hash, one.orientation) for one in seen})
    return Counter(tried=len(seen), pictures=pictures, counted=counted(seen))


def counted(seen):
    """Count the contents that no link says are copies."""
    return len({one.sha256 for one in seen}) - len({link.sha256 for link in links_among(seen)})


def found(came: Counter[str]) -> str:
    """Say how many were linked."""
    share = came["found"] / max(came["findable"], 1)
    return f"{came['linked']} linked, {came['wrong']} wrongly; from q{FOUND_FROM} on {share:.1%} of {came['findable']}"


def _drawn(seed):
    (frame,) = burst(seed, 1, night=bool(seed % 2), animal=ANIMALS[seed // 2 % len(ANIMALS)])
    return frame


def _camera(seed):
    return Camera(WRITERS[seed % len(WRITERS)], quality=WRITTEN)


def _pairs(links):
    return {(link.sha256, link.canonical) for link in links}


def _both_ways(originals, copies):
    """Give all pairs of a copy and its original: the rules take the larger for the original."""
    pairs = [(one.sha256, other.sha256) for one, other in zip(originals, copies, strict=True)]
    return {*pairs, *((other, one) for one, other in pairs)}


if __name__ == "__main__":
    typer.run(main)
