"""Pending media → the ledger: kept pictures in batches through the model, with their Grad-CAM pictures.

Pictures are decoded ahead of the model and products are written behind it, both in threads with a bounded lead; one
short transaction a batch, after its products are on disk.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from db import store
from db.engine import Ledger
from db.models import Model, Prediction
from db.queries.pending import Pending, answered_already, pending
from db.redlist import RedList
from db.types import Decision
from ml.arrays import Pixels
from ml.artifacts import ArtifactError, current
from ml.artifacts import Model as ArtifactModel
from ml.backbones import WeightsDamaged, WeightsMissing
from ml.ensemble import Answer, Ensemble
from ml.files import write_atomically
from ml.gradcam import overlay
from ml.images import kept_pixels
from ml.settings import ModelSettings
from watcher.data_folder import DataFolder, product
from watcher.intake import settle_links

log = logging.getLogger(__name__)

CHUNK = 64  # media asked of the ledger at once: the model may change between two chunks
THREADS = 2


@dataclass(frozen=True, slots=True)
class Picture:
    """A pending media and its kept picture, uint8 (size, size, 3)."""

    media: Pending
    pixels: np.ndarray


@dataclass(frozen=True, slots=True)
class Answered:
    """A media, its answer, and the Grad-CAM picture that lies on disk already."""

    media: Pending
    answer: Answer
    gradcam: str


class Classifier(Protocol):
    """What answers; an ``Ensemble``."""

    model: ArtifactModel
    classes: tuple[str, ...]

    def predict(self, pixels: Pixels) -> list[Answer]:
        """Answer for kept pictures, uint8 (n, size, size, 3) RGB."""


Load = Callable[[Path, Path | None, int], Classifier]  # the model's folder, that of the weights, the batch size


class Pipeline:
    """Asks the current model for what is pending. One thread uses it; ``load`` makes it at the first need."""

    def __init__(
        self, ledger: Ledger, data: DataFolder, redlist: RedList, settings: ModelSettings, load: Load = Ensemble.load
    ) -> None:
        self._ledger = ledger
        self._data = data
        self._redlist = redlist
        self._settings = settings
        self._load = load
        self._ensemble: Classifier | None = None
        self._folder: Path | None = None
        self._lost: set[int] = set()  # media whose kept picture is to be made again
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pictures")

    @property
    def ensemble(self) -> Classifier:
        """The current model, loaded anew after a promotion.

        Raises ``ArtifactError`` and ``WeightsMissing``; if an older model is loaded already, that one goes on.
        """
        try:
            folder = current(self._data.models)
            if self._ensemble is None or folder != self._folder:
                self._ensemble = self._load(folder, self._settings.weights_folder, self._settings.batch_size)
                self._folder = folder
                log.info("the model is %s", self._ensemble.model.version)
        except (ArtifactError, WeightsDamaged, WeightsMissing) as error:
            if self._ensemble is None:
                raise
            log.error("%s; %s goes on", error, self.version)  # noqa: TRY400  # the sentence says what to do
        return self._ensemble

    @property
    def version(self) -> str:
        """The version of the model that is loaded; empty before one is."""
        return self._ensemble.model.version if self._ensemble else ""

    def answer_pending(
        self,
        *,
        reanswer: bool = False,
        roots: Iterable[str] | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[int]:
        """Answer what is pending and yield how many media each transaction answered.

        ``reanswer``: what another model answered as well. ``roots``: only what lies below these.
        """
        last = 0
        while not stopping():
            with self._ledger.read() as session:
                if not pending(session, after=last, limit=1, unless_by="" if reanswer else None, roots=roots):
                    return
            ensemble = self.ensemble
            version = ensemble.model.version
            with self._ledger.read() as session:
                unless_by = version if reanswer else None
                waiting = pending(session, after=last, limit=CHUNK, unless_by=unless_by, roots=roots)
                known = answered_already(session, version, waiting)
            if not waiting:
                return
            last = waiting[-1].media_id
            yield from self._share(ensemble, known)
            left = [media for media in waiting if media.media_id not in known]
            first = list(reversed({media.picture: media for media in reversed(left)}.values()))
            yield from self._ask(ensemble, first, stopping)
            if twins := [media for media in left if media not in first]:
                with self._ledger.read() as session:
                    known = answered_already(session, version, twins)
                yield from self._share(ensemble, known)

    def close(self) -> None:
        """Wait for products that are being written."""
        self._threads.shutdown()

    def _share(self, ensemble: Classifier, known: dict[int, Prediction]) -> Iterator[int]:
        """Give media what this model has said of the same picture: the same pixels would be answered the same."""
        if known:
            yield self._commit(ensemble, [_copied(prediction, media_id) for media_id, prediction in known.items()])

    def _ask(self, ensemble: Classifier, waiting: list[Pending], stopping: Callable[[], bool]) -> Iterator[int]:
        written: deque[Future[list[Answered]]] = deque()
        for batch in self._decoded_ahead(ensemble, waiting):
            answers = ensemble.predict(np.stack([picture.pixels for picture in batch]))
            written.append(self._threads.submit(self._write_products, ensemble.model.version, batch, answers))
            if len(written) > 1:
                yield self._record(ensemble, written.popleft().result())
            if stopping():
                break
        while written:
            yield self._record(ensemble, written.popleft().result())

    def _decoded_ahead(self, ensemble: Classifier, waiting: list[Pending]) -> Iterator[list[Picture]]:
        """Yield batches of decoded pictures, the next one under way while this one is with the model."""
        size = ensemble.model.card.picture_size
        ahead: deque[list[Future[Picture | None]]] = deque()
        for start in range(0, len(waiting), self._settings.batch_size):
            batch = waiting[start : start + self._settings.batch_size]
            ahead.append([self._threads.submit(self._decode, media, size) for media in batch])
            if len(ahead) > 1:
                yield from _whole(ahead.popleft())
        while ahead:
            yield from _whole(ahead.popleft())

    def _decode(self, media: Pending, size: int) -> Picture | None:
        """Read a kept picture; None where it is gone, and then its files are read anew at the next scan."""
        try:
            pixels = kept_pixels((self._data.root / media.kept).read_bytes())
        except (OSError, ValueError) as error:
            if media.media_id not in self._lost:
                log.warning("the kept picture %s cannot be read (%s): its file is read again", media.kept, error)
                (self._data.root / media.kept).unlink(missing_ok=True)
                with self._ledger.write() as session:
                    store.read_again(session, media.media_id)
                self._lost.add(media.media_id)
            return None
        self._lost.discard(media.media_id)
        if pixels.shape[0] != size:
            pixels = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS))
        return Picture(media, pixels)

    def _write_products(self, version: str, batch: list[Picture], answers: list[Answer]) -> list[Answered]:
        answered = []
        for picture, answer in zip(batch, answers, strict=True):
            gradcam = product("gradcam", picture.media.sha256, version)
            write_atomically(self._data.root / gradcam, overlay(picture.pixels, answer.heatmap))
            answered.append(Answered(picture.media, answer, gradcam))
        return answered

    def _record(self, ensemble: Classifier, answered: list[Answered]) -> int:
        return self._commit(ensemble, [_prediction(each) for each in answered])

    def _commit(self, ensemble: Classifier, predictions: list[Prediction]) -> int:
        with self._ledger.write() as session:
            now = datetime.now(UTC)  # once the lock is held, as the intake does
            model = Model(
                version=ensemble.model.version,
                demo=ensemble.model.is_demo,
                classes=list(ensemble.classes),
                metrics=ensemble.model.metrics,
                first_used_at=now,
            )
            model_id = store.model(session, model)
            for prediction in predictions:
                prediction.model_id, prediction.predicted_at = model_id, now
                store.answer(session, prediction)
            # links too: a file may have gone before there was an observation to mark
            settle_links(session, [prediction.media_id for prediction in predictions], self._redlist)
        return len(predictions)


def _whole(batch: list[Future[Picture | None]]) -> Iterator[list[Picture]]:
    """Yield the batch without what could not be decoded, if anything is left."""
    pictures = [picture for future in batch if (picture := future.result()) is not None]
    if pictures:
        yield pictures


def _prediction(answered: Answered) -> Prediction:
    answer = answered.answer
    return Prediction(
        media_id=answered.media.media_id,
        region=0,
        label=answer.label,
        probability=answer.probability,
        decision=Decision(answer.decision),
        background=answer.background,
        probabilities={name: [round(float(p), 6) for p in row] for name, row in answer.probabilities.items()},
        stacked=[round(float(p), 6) for p in answer.stacked],
        distance=answer.distance,
        gradcam=answered.gradcam,
    )


def _copied(prediction: Prediction, media_id: int) -> Prediction:
    return Prediction(
        media_id=media_id,
        region=prediction.region,
        label=prediction.label,
        probability=prediction.probability,
        decision=prediction.decision,
        background=prediction.background,
        probabilities=prediction.probabilities,
        stacked=prediction.stacked,
        distance=prediction.distance,
        gradcam=prediction.gradcam,
    )
