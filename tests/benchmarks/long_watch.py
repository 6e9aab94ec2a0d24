"""The real daemon over thousands of pictures, and its memory meanwhile: that part of the speed benchmark."""

import shutil
import time
from dataclasses import dataclass
from statistics import mean

from contenders import memory, proportional, tree
from daemon import TRAPLINE, stop, until
from photos import SMALL, Camera

WAVE, WAVES = 100, 4  # pictures that come at once, and how many such waves may be without an answer
SECONDS = 1.0
PATIENCE = 300.0  # without a new answer
PARTS = (0.1, 0.25, 0.5, 0.75, 1.0)
MEGA = 1e6
MOST = {"tensorflow": 1600 * MEGA, "openvino": 700 * MEGA}
FLAT = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes of memory when so many pictures were answered."""

    answered: int
    own: int
    together: int


def watched(house, say, *, pictures, runtime):
    """Let pictures come in waves until so many are answered; print the memory and give the bars that are missed."""
    (house.inbox / "station").mkdir(parents=True)
    with house.running([*TRAPLINE, "watch"]) as daemon:
        until(house.has_looked, PATIENCE)
        begin = time.monotonic()
        samples = _fed(house, daemon.pid, pictures)
        rate, peak = pictures / (time.monotonic() - begin), memory(daemon.pid, "status", "VmHWM")
        stop(daemon)
    for part in PARTS:
        at = next(sample for sample in samples if sample.answered >= part * pictures)
        say(f"{part:5.0%}  {at.own / MEGA:7,.0f} MB, {at.together / MEGA:,.0f} MB with all that it started")
    together = max(sample.together for sample in samples)
    say(
        f" peak  {peak / MEGA:7,.0f} MB (bar ≤ {MOST[runtime] / MEGA:,.0f}), {together / MEGA:,.0f} MB with all of them"
    )
    say(f"{rate:12.1f} pictures a second")
    growth = _mean(samples, pictures, 0.75) / _mean(samples, pictures, 0.25) - 1
    say(f"{growth:+6.1%} from the second quarter's mean to the last's, flat is less than {FLAT:.0%}")
    missed = []
    if peak > MOST[runtime]:
        missed.append(f"{house.folder.name}: {peak / MEGA:,.0f} MB")
    if growth > FLAT:
        missed.append(f"{house.folder.name}: memory grows by {growth:.1%}")
    return missed


def _fed(house, pid, pictures):
    """Write waves, take away those that are answered, and sample; until all are."""
    camera, written, waves, samples = Camera(SMALL, seed=1), 0, [], []
    looked = progress = time.monotonic()
    while not samples or samples[-1].answered < pictures:
        if written < pictures and len(waves) < WAVES:
            waves.append(_wave(house, camera, range(written, min(written + WAVE, pictures))))
            written += waves[-1][1]
        elif len(waves) > 1 and _answered(house, waves[0][0]) == waves[0][1]:  # an empty inbox is not believed
            shutil.rmtree(waves.pop(0)[0])
        else:
            time.sleep(0.1)
        if time.monotonic() - looked >= SECONDS:
            looked = time.monotonic()
            answered = house.count("media", "answered_by IS NOT NULL")
            progress = looked if not samples or answered > samples[-1].answered else progress
            assert looked - progress < PATIENCE, f"no answer for {PATIENCE:.0f} s: {house.log[-2000:]}"
            own = memory(pid, "status", "VmRSS")
            samples.append(Sample(answered, own, sum(map(proportional, tree(pid)))))
    return samples


def _wave(house, camera, numbers):
    """Write pictures into a folder of their own; give it and how many there are."""
    folder = house.inbox / "station" / f"{numbers.start:06}"
    folder.mkdir()
    for number in numbers:
        (folder / f"IMG_{number:06}.JPG").write_bytes(camera.shot(number))
    return folder, len(numbers)


def _answered(house, folder):
    """Count the pictures below a folder that have an answer."""
    query = (
        "SELECT count(*) FROM sighting s JOIN media m ON m.id = s.media_id "
        "WHERE s.path_text LIKE ? AND m.answered_by IS NOT NULL"
    )
    return house.ask(query, f"{folder.relative_to(house.inbox)}/%")[0][0]


def _mean(samples, pictures, start):
    """Give the mean of the process' memory in the quarter from ``start`` on."""
    return mean(each.own for each in samples if start * pictures <= each.answered <= (start + 0.25) * pictures)
