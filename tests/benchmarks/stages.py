"""What each stage but the model costs, measured alone: CPU seconds a picture of this process with all its threads."""

import hashlib
import os
import shutil
import sys
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from constant_daemon import Constant
from own_way import fresh_service

from ml.artifacts import load as load_model
from ml.files import write_atomically
from ml.gradcam import overlay
from ml.images import kept_pixels
from watcher.inbox.lookout import Lookout
from watcher.inbox.scan import signature
from watcher.inbox.settle import Settler
from watcher.intake import decode_pool
from watcher.pipeline import Pipeline
from watcher.prepare import prepare

MOST_PIXELS = 50_000_000
READ, DECODE, OVERLAY, LEDGER = "read and hash", "decode", "overlay, written", "ledger"


def other_stages(inbox, model, settings, home):
    """Measure reading, decoding, overlays and the ledger on the pictures below ``inbox``; stage → CPU seconds each."""
    paths = sorted(inbox.rglob("*.JPG"))
    read, _ = _measured(lambda: [hashlib.sha256(path.read_bytes()).digest() for path in paths])
    with fresh_service(home, model, settings) as service:
        size = load_model(model).card.picture_size
        tasks = [_task(path, service.data.root, size) for path in paths]
        decode, prepared = _measured(lambda: [prepare(*task) for task in tasks])
        classifier = _constant(model)
        pixels = [kept_pixels((service.data.root / each.kept).read_bytes()) for each in prepared]
        drawn = _measured(lambda: [_write(home, number, each, classifier) for number, each in enumerate(pixels)])[0]
        results = dict(zip([task[0] for task in tasks], prepared, strict=True))
        files = Lookout(service.ledger, service.folder(inbox), Settler(0.0), patient=False).look_through(0.0)
        intake = service.intake(Known(results), 1, lambda _root: ())
        pipeline = Pipeline(service.ledger, service.data, service.redlist, settings, load=lambda *_: classifier)
        taken, _ = _measured(lambda: list(intake.take(files)))
        told, answered = _measured(lambda: sum(pipeline.answer_pending()))
        pipeline.close()
    assert answered == len(paths)
    stages = {READ: read, DECODE: decode - read, OVERLAY: drawn, LEDGER: taken + told - drawn}
    return {name: seconds / len(paths) for name, seconds in stages.items()}


def decoded(inbox, home, workers):
    """Decode the pictures below ``inbox`` with so many workers and nothing else; give pictures a second."""
    shutil.rmtree(home, ignore_errors=True)
    tasks = [_task(path, home, 224) for path in sorted(inbox.rglob("*.JPG"))]
    with decode_pool(workers) as pool:
        for future in [pool.schedule(time.sleep, args=[0.5]) for _ in range(workers)]:
            future.result()  # each has started
        for future in [pool.schedule(prepare, args=task) for task in tasks[:workers]]:
            future.result()
        shutil.rmtree(home, ignore_errors=True)
        begin = time.perf_counter()
        for future in [pool.schedule(prepare, args=task) for task in tasks]:
            future.result()
        return len(tasks) / (time.perf_counter() - begin)


class Known:
    """A pool that has done everything already: path → what came of it."""

    def __init__(self, results):
        self._results = results

    def schedule(self, _function, args, timeout):  # noqa: ARG002  # the pool's own names
        future = Future()
        future.set_result(self._results[args[0]])
        return future


def _task(path, data, size):
    return [os.fsencode(path), signature(path.stat()), str(data), size, MOST_PIXELS, True]


def _constant(model):
    """Says the same of every picture, with a map that has something to draw."""
    constant = Constant(model)
    heat = np.random.default_rng(0).random((14, 14), np.float32)
    constant._answer = replace(constant._answer, heatmap=heat)
    return constant


def _write(home, number, pixels, classifier):
    (answer,) = classifier.predict(pixels[None])
    write_atomically(home / "drawn" / f"{number}.jpg", overlay(pixels, answer.heatmap))


def _measured(work):
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result
