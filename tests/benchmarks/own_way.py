"""Trapline's way, as the daemon goes it: decode workers and the intake in one thread, the model in another."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

import numpy as np
from contenders import cost

from db.queries.status import totals
from ml.artifacts import STARTER
from ml.ensemble import Ensemble
from ml.gradcam import heatmaps
from ml.heads import forward, log_softmax, pullback
from ml.runtime import open_ensemble, prepare
from ml.settings import ModelSettings
from watcher.config import Settings
from watcher.inbox.lookout import Lookout
from watcher.inbox.settle import Settler
from watcher.intake import decode_pool
from watcher.pipeline import Pipeline
from watcher.service import open_service

ENOUGH = 20  # batches that are explained in a row, since one takes a millisecond


@contextmanager
def own_way(model, weights, home, runtime, precision):
    """Give Trapline with the model in the folder ``model``, on a runtime at a precision, below the folder ``home``.

    What it makes once for the machine is kept in ``home`` for all of them.
    """
    settings = ModelSettings(weights_folder=weights, runtime=runtime, precision=precision)
    prepare(settings)
    with decode_pool(Settings().intake.decode_workers) as pool:
        yield OwnWay(home / f"{runtime}-{precision}", settings, open_ensemble(model, settings, home / "runtime"), pool)


class OwnWay:
    """A model that is loaded; each run through a folder has a ledger and a data folder of its own."""

    def __init__(self, data, settings, ensemble, pool):
        self.data, self.settings, self.ensemble, self.pool = data, settings, ensemble, pool
        size = ensemble.model.card.picture_size
        self.batch = np.random.default_rng(0).integers(0, 256, (ensemble.batch_size, size, size, 3), np.uint8)
        self.outputs = [np.array(part) for part in ensemble.graph(self.batch)]

    def answer(self, inbox):
        """Take and answer every picture below ``inbox``; give the ``Cost`` from the first look to the last commit."""
        pictures = sum(1 for _ in inbox.rglob("*.JPG"))
        with fresh_service(self.data, self.ensemble.model.folder, self.settings) as service:
            lookout = Lookout(service.ledger, service.folder(inbox), Settler(0.0), patient=False)
            intake = service.intake(self.pool, service.settings.intake.decode_workers, lambda _root: ())
            pipeline = Pipeline(
                service.ledger, service.data, service.redlist, self.settings, load=lambda *_: self.ensemble
            )
            spent = cost(lambda: _answer_meanwhile(pipeline, intake, lookout.look_through(0.0)))
            pipeline.close()
            with service.ledger.read() as session:
                done = totals(session)
            assert (done.media, done.pending) == (pictures, 0)
        return spent

    def forward(self, batches):
        """Run the backbones alone; give the ``Forward`` of so many batches."""
        each = [cost(lambda: self.ensemble.graph(self.batch)) for _ in range(batches)]
        pictures = len(self.batch)
        cpu, seconds = sum(one.cpu for one in each), sum(one.seconds for one in each)
        return Forward(min(one.seconds for one in each) / pictures, cpu / pictures / batches, cpu / seconds)

    def explain(self):
        """Do what stands behind the backbones: heads, stack, decision, the ensemble's map; give CPU seconds each."""
        known = Ensemble(self.ensemble.model, Known(self.outputs, len(self.batch)))
        begin = time.process_time()
        for _ in range(ENOUGH):
            known.predict(self.batch)
        return (time.process_time() - begin) / ENOUGH / len(self.batch)

    def gradcam(self):
        """Make the maps of all backbones and of the ensemble from what one pass has left; give the seconds each."""
        return min(cost(self._maps).seconds for _ in range(ENOUGH)) / len(self.batch)

    def _maps(self):
        maps, pooled = self.outputs[0::2], self.outputs[1::2]
        heads, stack = self.ensemble.model.heads, self.ensemble.model.stack
        passed = [forward(head, part) for head, part in zip(heads, pooled, strict=True)]
        single = np.stack([log_softmax(each.logits) for each in passed], axis=1)
        explained = stack.log_probabilities(single).argmax(axis=1)
        wanted = np.eye(single.shape[2], dtype=np.float32)[explained]
        for part, head, each in zip(maps, heads, passed, strict=True):
            heatmaps([part], [pullback(head, each, wanted)])
        by_logits = stack.pullback(single, explained)
        by_pooled = [
            pullback(head, each, by_logits[:, n]) for n, (head, each) in enumerate(zip(heads, passed, strict=True))
        ]
        heatmaps(maps, by_pooled)


@dataclass(frozen=True, slots=True)
class Forward:
    """A picture's seconds in the fastest batch, its CPU seconds in all of them, and the cores that were had."""

    seconds: float
    cpu: float
    cores: float


@dataclass(frozen=True, slots=True)
class Known:
    """A runner whose outputs are known."""

    outputs: list
    batch_size: int

    def __call__(self, _pixels):
        return self.outputs


@contextmanager
def fresh_service(folder, model, settings):
    """Open a new data folder in which ``model``, the starter or one that its store calls current, answers."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if model != STARTER:
        (folder / "models").symlink_to(model.parent)
    with open_service(Settings(data_dir=folder, model=settings)) as service, service.data.exclusively():
        yield service


def _answer_meanwhile(pipeline, intake, files):
    """Answer what the intake brings until it has brought everything."""
    more, finished = Event(), False

    def take():
        for _ in intake.take(files):
            more.set()

    with ThreadPoolExecutor(1) as thread:
        taking = thread.submit(take)
        taking.add_done_callback(lambda _: more.set())
        while not finished:
            more.wait()
            more.clear()
            finished = taking.done()
            for _ in pipeline.answer_pending():
                pass
        taking.result()
