"""Makes training runs for the tests of their page: pictures of colours, answers drawn from a seed, nothing trained."""

import hashlib
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from PIL import Image

from ml.artifacts import Card
from ml.decision import Decision, Thresholds
from ml.ensemble import Answer
from training.record import STACK, Curve, Judged, Run, Tuned

CLASSES = ("lion", "rhino", "amur_leopard", "jaguar", "other", "person")
BACKBONES = ("efficientnet_lite0", "efficientnet_lite1")
SIZE = 32


def judged(folder, *, pictures=60, seed=0, sharpness=2.0, twins=0, classes=CLASSES, name="{}.png"):
    """Answers that are mostly right, to pictures that lie in ``folder``; pairs of pictures are groups."""
    chance = np.random.default_rng(seed)
    labels = np.arange(pictures) % len(classes)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name.format(place) for place in range(pictures)]
    for path in paths:
        Image.fromarray(chance.integers(0, 255, (24, 40, 3), np.uint8)).save(path, "PNG")
    single = {backbone: _answers(labels, len(classes), chance, sharpness) for backbone in BACKBONES}
    return Judged(
        classes=classes,
        labels=labels,
        groups=np.arange(pictures) // 2,
        log_probabilities=single | {STACK: _log_softmax(sum(single.values()))},
        distances=chance.uniform(0, 1, pictures),
        paths=tuple(paths),
        contents=tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths),
        twins=np.arange(pictures) < twins,
    )


def made_run(folder, *, columns=("testing",), tuned=False, curves=(), name="test", notes=(), **more):
    """A run with those columns; each is of pictures of its own, the out-of-fold ones of the same."""
    made = {title: judged(folder / ("test" if title == "testing" else "train"), seed=3, **more) for title in columns}
    first = next(iter(made.values()))
    defaults = judged(folder / "train", seed=9, sharpness=1.0)
    trials = [{"number": n, "state": "COMPLETE", "value": 1 / (n + 1) if n % 3 else np.nan} for n in range(1, 9)]
    sharper = replace(defaults, log_probabilities=_sharper(defaults))
    return Run(
        card=Card(
            name=name,
            created=date(2026, 11, 24),
            classes=first.classes,
            picture_size=SIZE,
            preprocessing=1,
            backbones=dict.fromkeys(BACKBONES, "0a1b" * 16),
            stack_weights=[],
            stack_bias=[],
            temperature=1.0,
            thresholds=Thresholds(0.6, 0.9),
            metrics={},
            dataset={"fingerprint": "c0de" * 16, "pictures": {"lion": {"training": 12, "held_out": 3}}, "groups": 40},
            settings={"seed": 1, "views": ["mirror", "crop"]},
            versions={"keras": "3"},
        ),
        columns=made,
        thresholds=Thresholds(0.6, 0.9),
        curves={title: [_curve(2 + n), _curve(1)] for n, title in enumerate(curves)},
        left_out=[(folder / "broken.jpg", "truncated: it ends early")],
        tuned=Tuned(defaults, sharper, trials, {"hidden": 64}) if tuned else None,
        notes=notes,
    )


@dataclass
class Painted:
    """A stand-in for an ensemble: it answers every picture with the same class and looks at its middle."""

    run: Run
    answer: str = "lion"

    @property
    def model(self):
        return self.run

    @property
    def classes(self):
        return self.run.card.classes

    def predict(self, pixels):
        stacked = np.full(len(self.classes), 0.1 / (len(self.classes) - 1))
        stacked[self.classes.index(self.answer)] = 0.9
        heat = np.zeros((4, 4), np.float32)
        heat[1:3, 1:3] = 1
        return [Answer({}, stacked, self.answer, 0.9, Decision.ANSWERED, None, 0.1, heat) for _ in pixels]


def _curve(epochs):
    falling, rising = tuple(2 / (n + 1) for n in range(epochs)), tuple(n / (n + 1) for n in range(epochs))
    return Curve(falling, rising, falling, rising)


def _answers(labels, classes, chance, sharpness):
    logits = chance.normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += sharpness
    return _log_softmax(logits)


def _sharper(judged):
    better = judged.log_probabilities[STACK].copy()
    better[np.arange(len(judged.labels)), judged.labels] += 3
    return judged.log_probabilities | {STACK: _log_softmax(better)}


def _log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
