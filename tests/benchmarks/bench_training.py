"""One tuning trial on cached features against the same trial with the backbones run in every epoch, side by side.

``python tests/benchmarks/bench_training.py`` (or ``make bench-training``) draws its pictures and needs nothing but an
installed Trapline. The same heads, epochs, folds, batches and backbones on both sides. The slow side is measured on one
epoch of one fold, after one that is not counted, and scaled.
"""

import os
import platform
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from ml import graph
from ml.backbones import STARTER
from training.heads import _build, _targets
from training.learn import learn
from training.settings import TrainingSettings

CLASSES, PICTURES = 12, 240
LEAST_RATIO = 50
SETTINGS = TrainingSettings(ensemble="starter", hidden=0, views=(), batch_size=32, epochs=40, patience=40, folds=5)


def main():
    """Measure both, print them, and return the exit code: 1 where the ratio is less than demanded."""
    say = Console(highlight=False, soft_wrap=True).print
    size, epochs, folds = graph.picture_size(STARTER), SETTINGS.epochs, SETTINGS.folds
    joined = graph.build(STARTER, weights_folder=None, untrained={}, batch_size=8)
    labels, numbers = np.arange(PICTURES) % CLASSES, np.arange(PICTURES) // CLASSES % folds
    pictures = drawn(labels, size)
    say(f"{processor()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} before")
    say(f"{PICTURES} drawn pictures of {size} px, {', '.join(STARTER)}")
    say(f"{folds} folds, {epochs} epochs, batches of {SETTINGS.batch_size}, one view, linear heads, none stopped early")

    once, features = timed(lambda: pooled(joined, pictures))
    say(f"{once:8.1f} s  features, computed once")
    views = [part[:, None] for part in features]
    names = [str(label) for label in range(CLASSES)]
    cached, _ = timed(lambda: learn(views, labels, numbers, classes=names, settings=SETTINGS))
    say(f"{cached:8.1f} s  a trial on cached features: folds, final heads, stack and thresholds")
    epoch = one_epoch(joined, pictures, labels, numbers != 0)
    running = epoch * epochs * folds
    scale = f"{epochs} epochs × {folds} folds of what one took, {epoch:.1f} s"
    say(f"{running:8.0f} s  a trial that runs the backbones: {scale}")
    ratio, first = running / cached, running / (cached + once)
    say(f"{ratio:8.0f}    times as long, demanded {LEAST_RATIO}; {first:.0f} times if features are not cached yet")
    return 0 if ratio >= LEAST_RATIO else 1


def drawn(labels, size):
    """Pictures of blocks in a colour of their class, uint8 (n, size, size, 3)."""
    random = np.random.default_rng(0)
    colours = random.uniform(60, 255, (CLASSES, 3))
    shades = random.uniform(0.2, 1, (len(labels), 8, 8, 1)).repeat(size // 8, axis=1).repeat(size // 8, axis=2)
    return (shades * colours[labels][:, None, None]).astype(np.uint8)


def pooled(joined, pictures):
    """Run the backbones once over all pictures; (n, features) of each."""
    batches = [joined(pictures[start : start + 8])[1::2] for start in range(0, len(pictures), 8)]
    return [np.concatenate(part) for part in zip(*batches, strict=True)]


def one_epoch(joined, pictures, labels, inside):
    """Train the heads on the frozen backbones for two epochs; return the seconds of the second."""
    import keras

    joined.keras_model.trainable = False
    widths = [output.shape[-1] for output in joined.keras_model.outputs[1::2]]
    heads = _build(widths, CLASSES, SETTINGS)
    model = keras.Model(joined.keras_model.inputs, heads(joined.keras_model.outputs[1::2]))
    model.compile(optimizer=heads.optimizer, loss=heads.loss, jit_compile=False)
    ends = []
    model.fit(
        pictures[inside],
        _targets(labels[inside], CLASSES, len(widths)),
        validation_data=(pictures[~inside], _targets(labels[~inside], CLASSES, len(widths))),
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.monotonic()))],
        epochs=2,
        batch_size=SETTINGS.batch_size,
        verbose=0,
    )
    return ends[1] - ends[0]


def timed(work):
    """Do it; return the seconds it took and what came of it."""
    started = time.monotonic()
    result = work()
    return time.monotonic() - started, result


def processor():
    """Name the processor as Linux does."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
