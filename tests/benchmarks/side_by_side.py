"""One ensemble on every way: rounds in which each has its turn, so that a busy moment hits them all alike."""

import os
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from contenders import Cost, contending
from own_way import Forward, own_way
from peak import Peak
from stages import other_stages
from textbook import BATCH, competent, textbook
from visualised import is_installed, visualised

from ml.artifacts import load as load_model
from ml.settings import ModelSettings

TEXTBOOK, COMPETENT, THREADED = "textbook", "competent", "competent, in threads"
VISUALISED = "tf-keras-vis, VGG16 alone"
KINDS = ("product", "convolution")
FORWARD = 3  # batches a round
EXPLAINED = 2  # pictures a round where each takes seconds
STAGED = 24  # pictures a round


@dataclass(frozen=True, slots=True)
class Trial:
    """An ensemble and the pictures that each way answers in a round; ``ways`` are Trapline's (runtime, precision)."""

    name: str
    model: Path
    weights: Path | None
    home: Path
    photos: list[Path]
    ways: list[tuple[str, str]]
    textbook: int
    competent: int
    own: int


@dataclass(slots=True)
class Found:
    """What was measured: lists have an entry a round."""

    runs: defaultdict[str, list[tuple[Cost, int]]] = field(default_factory=lambda: defaultdict(list))
    models: defaultdict[str, list[Forward]] = field(default_factory=lambda: defaultdict(list))
    peaks: defaultdict[tuple[str, str], list[Peak]] = field(default_factory=lambda: defaultdict(list))
    stages: list[dict[str, float]] = field(default_factory=list)
    explained: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    gradcam: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    first_ready: dict[str, float] = field(default_factory=dict)
    operations: int = 0

    def rate(self, way):
        """Pictures a second, the median of all rounds."""
        return median(pictures / cost.seconds for cost, pictures in self.runs[way])

    def times(self, way, other):
        """How many times as fast as another way: the median of the ratios within the rounds."""
        both = zip(self.runs[way], self.runs[other], strict=True)
        return median(mine[1] / mine[0].seconds * his[0].seconds / his[1] for mine, his in both)

    def cpu(self, way):
        """CPU seconds a picture."""
        return median(cost.cpu / pictures for cost, pictures in self.runs[way])

    def staged(self, way):
        """Each stage's CPU seconds a picture."""
        rest = {name: median(stages[name] for stages in self.stages) for name in self.stages[0]}
        return {"model": median(cost.cpu for cost in self.models[way]), "Grad-CAM": median(self.explained[way])} | rest

    def of_possible(self, way):
        """The share of the rate that all cores could have if they did nothing but the stages; by rounds."""
        rounds = zip(self.runs[way], self.models[way], self.explained[way], self.stages, strict=True)
        sums = [
            (pictures / run.seconds, model.cpu + explained + sum(rest.values()))
            for (run, pictures), model, explained, rest in rounds
        ]
        return median(rate * seconds for rate, seconds in sums) / cores()

    def of_peak(self, way):
        """The share of the convolution peak that the model reaches, the best of the rounds of both."""
        return self.operations / self.fastest(way).seconds / max(self.peaks[way, "convolution"]).speed

    def fastest(self, way):
        """The model alone in its best round."""
        return min(self.models[way], key=lambda forward: forward.seconds)


def measured(trial, peaks, rounds, say):
    """Measure the ensemble on every way in so many rounds; ``peaks`` are contenders by runtime."""
    found, home = Found(), trial.home / trial.name
    with ExitStack() as stack:
        ways = _started(trial, home, found, stack, say)
        counts = {TEXTBOOK: trial.textbook, COMPETENT: trial.competent, THREADED: trial.competent}
        inboxes = {count: _inbox(home, trial, count) for count in {*counts.values(), trial.own, STAGED}}
        answering = [name for name in ways if name != VISUALISED]
        for name in answering:
            if name != TEXTBOOK:
                ways[name].ask("answer", inboxes[trial.textbook])  # uncounted; the textbook compiles nothing
        for number in range(rounds):
            say(f"{trial.name}, round {number + 1} of {rounds}")
            for name in answering:
                count = counts.get(name, trial.own)
                found.runs[name].append((ways[name].ask("answer", inboxes[count]), count))
            _alone(trial, ways, peaks, found)
            found.stages.append(other_stages(inboxes[STAGED], trial.model, ModelSettings(), home / "staged"))
        found.operations = ways[TEXTBOOK].ask("operations_a_picture")
        found.memory = {name: (way.peak, way.together) for name, way in ways.items()}
    return found


def cores():
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _started(trial, home, found, stack, say):
    """Start every way; note when each was ready, and how long the very first start took where it leaves something."""
    home.mkdir()
    ways = {}

    def start(name, make, *arguments):
        say(f"{trial.name}: {name} starts")
        ways[name] = stack.enter_context(contending(name, make, *arguments))
        found.ready[name] = ways[name].ready

    start(TEXTBOOK, textbook, trial.model, trial.weights, home / "textbook")
    start(COMPETENT, competent, trial.model, trial.weights, home / "competent", 0)
    start(THREADED, competent, trial.model, trial.weights, home / "threaded", 1)
    for runtime, precision in trial.ways:
        name, arguments = f"{runtime} {precision}", (trial.model, trial.weights, home / "own", runtime, precision)
        if runtime == "openvino" and not (home / "own/runtime/openvino").exists():
            with contending(name, own_way, *arguments) as first:
                found.first_ready[name] = first.ready
        start(name, own_way, *arguments)
    if trial.weights and is_installed():
        start(VISUALISED, visualised, trial.weights)
    return ways


def _inbox(home, trial, count):
    """Give a folder with so many of the pictures in it, as one station."""
    folder = home / f"inbox of {count}"
    station = folder / "station"
    station.mkdir(parents=True)
    for photo in trial.photos[:count]:
        (station / photo.name).hardlink_to(photo)
    return folder


def _alone(trial, ways, peaks, found):
    """Measure the model, what stands behind it, and the peak of its runtime; then all kinds of Grad-CAM."""
    side = load_model(trial.model).card.picture_size
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, side, side, 3), np.uint8)
    for runtime, precision in trial.ways:
        name = f"{runtime} {precision}"
        for kind in KINDS:
            found.peaks[name, kind].append(peaks[runtime].ask(kind, precision))
        found.models[name].append(ways[name].ask("forward", FORWARD))
        found.explained[name].append(ways[name].ask("explain"))
    first = "{} {}".format(*trial.ways[0])
    found.gradcam["Trapline, all three and the ensemble's"].append(ways[first].ask("gradcam"))
    found.gradcam[COMPETENT].append(ways[COMPETENT].ask("gradcam", pixels))
    found.gradcam[TEXTBOOK].append(ways[TEXTBOOK].ask("gradcam", pixels[:EXPLAINED]))
    if VISUALISED in ways:
        found.gradcam[VISUALISED].append(ways[VISUALISED].ask("gradcam", pixels[:EXPLAINED]))
