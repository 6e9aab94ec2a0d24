"""Pending media → the ledger: kept pictures in batches through the model, with their Grad-CAM pictures.

Four stages, each in threads of its own and no more than a few batches ahead of the next: kept pictures are decoded,
the model answers, products are written, and one short transaction records a few batches whose products are on disk. So
the whole goes at the pace of its slowest stage.
"""

import logging
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from PIL import Image

from db import store
from db.engine import Ledger
from db.models import Model, Prediction
from db.queries.pending import Pending, answered_already, pending, pending_animals
from db.redlist import RedList
from db.types import Decision
from ml.arrays import Pixels
from ml.artifacts import ArtifactError, current
from ml.artifacts import Model as ArtifactModel
from ml.backbones import WeightsDamaged, WeightsMissing
from ml.ensemble import Answer
from ml.files import write_atomically
from ml.gradcam import overlay
from ml.images import kept_pixels
from ml.runtime import OutOfMemory, RuntimeMissing, open_ensemble
from ml.settings import ModelSettings
from watcher.data_folder import DataFolder, product
from watcher.intake import settle_links

log = logging.getLogger(__name__)

CHUNK = 64  # media asked of the ledger at once: the model may change between two chunks
THREADS = 2  # that decode, and that write
BEHIND = 3  # batches that may wait to be written
TRANSACTION = 16  # answers that are recorded together: each costs less, and a power cut loses no more than these
ROUND = 1024  # media, until those among them that look like others get the answers of these

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Shown = tuple[str, int, str, int]  # ``Pending.picture``


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
    runs_on: str
    lanes: int  # threads that may ask at the same time

    @property
    def batch_size(self) -> int:
        """Pictures that are answered at once."""

    def predict(self, pixels: Pixels) -> list[Answer]:
        """Answer for kept pictures, uint8 (n, size, size, 3) RGB."""


Load = Callable[[Path, ModelSettings, Path], Classifier]  # as ``open_ensemble``


class Pipeline:
    """Asks the current model for what is pending. One thread uses it; ``load`` makes it at the first need."""

    def __init__(
        self, ledger: Ledger, data: DataFolder, redlist: RedList, settings: ModelSettings, load: Load = open_ensemble
    ) -> None:
        self._ledger = ledger
        self._data = data
        self._redlist = redlist
        self._settings = settings
        self._load = load
        self._ensemble: Classifier | None = None
        self._folder: Path | None = None
        self._tried: Path | None = None  # the current model, which may be one that cannot be loaded
        self._lost: set[tuple[int, int]] = set()  # whose kept picture is to be made again
        self._decoding = ThreadPoolExecutor(THREADS, thread_name_prefix="decoding")
        self._writing = ThreadPoolExecutor(THREADS, thread_name_prefix="writing")
        self._recording = ThreadPoolExecutor(1, thread_name_prefix="recording")

    @property
    def ensemble(self) -> Classifier:
        """The current model, loaded anew after a promotion.

        Raises ``ArtifactError``, ``WeightsMissing`` and ``RuntimeMissing``; if an older model is loaded already, that
        one goes on.
        """
        try:
            self._tried = folder = current(self._data.models)
            if self._ensemble is None or folder != self._folder:
                self._ensemble = self._load(folder, self._settings, self._data.runtime)
                self._folder = folder
                log.info("the model is %s, on %s", self._ensemble.model.version, self._ensemble.runs_on)
        except (ArtifactError, OutOfMemory, RuntimeMissing, WeightsDamaged, WeightsMissing) as error:
            if self._ensemble is None:
                raise
            log.error("%s; %s goes on", error, self.version)  # noqa: TRY400  # the sentence says what to do
        return self._ensemble

    @property
    def version(self) -> str:
        """The version of the model that is loaded; empty before one is."""
        return self._ensemble.model.version if self._ensemble else ""

    @property
    def runs_on(self) -> str:
        """Device, runtime and precision, in words; empty before a model is loaded."""
        return self._ensemble.runs_on if self._ensemble else ""

    def answer_pending(
        self,
        *,
        reanswer: bool = False,
        roots: Iterable[str] | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[int]:
        """Answer what is pending and yield how many answers each transaction has: a picture, or an animal in one.

        ``reanswer``: what another model answered as well. ``roots``: only what lies below these.
        """
        wanted = _Wanted(reanswer, None if roots is None else tuple(roots), stopping)
        is_under_way = True
        while is_under_way and not stopping() and self._waits(wanted):
            lost, answered = len(self._lost), 0
            for count in self._round(self.ensemble, wanted):
                answered += count
                yield count
            # what looks like a picture that was lost is asked for in its place
            is_under_way = answered > 0 or len(self._lost) > lost

    def close(self) -> None:
        """Wait for products that are being written."""
        for threads in (self._decoding, self._writing, self._recording):
            threads.shutdown()

    def _waits(self, wanted: "_Wanted") -> bool:
        unless_by = "" if wanted.reanswer else None
        with self._ledger.read() as session:
            return any(
                look(session, after=0, limit=1, unless_by=unless_by, roots=wanted.roots)
                for look in (pending, pending_animals)
            )

    def _round(self, ensemble: Classifier, wanted: "_Wanted") -> Iterator[int]:
        """Ask the model for every picture that waits, once; then give its answer to the others that show the same."""
        asked = _Asked()
        size = ensemble.model.card.picture_size
        with ThreadPoolExecutor(ensemble.lanes, thread_name_prefix="model") as lanes:
            waiting = self._waiting(ensemble.model.version, wanted, asked)
            decoded = _ahead(self._decoding, lambda media: self._decode(media, size), waiting, 2 * ensemble.batch_size)
            batches = _batches(decoded, ensemble.batch_size, wanted.stopping)
            answered = _ahead(lanes, lambda batch: _ask(ensemble, batch), batches, ensemble.lanes)
            written = _ahead(self._writing, lambda batch: self._write(ensemble.model.version, batch), answered, BEHIND)
            recorded = _ahead(self._recording, lambda some: self._record(ensemble, some), _joined(written), lead=1)
            for media in recorded:
                asked.recorded.update(each.picture for each in media)
                yield len(media)
        yield from self._share(ensemble, asked.alike, wanted.stopping)

    def _waiting(self, version: str, wanted: "_Wanted", asked: "_Asked") -> Iterator[Pending]:
        """Yield what to ask for, a round of media and of animals in them, while the model is the current one."""
        for look in (pending, pending_animals):
            last = looked_at = 0
            while True:
                # before the ledger is read: what is recorded later is not among what it knows
                asked.under_way.difference_update(asked.recorded)
                asked.recorded.clear()
                with self._ledger.read() as session:
                    unless_by = version if wanted.reanswer else None
                    found = look(session, after=last, limit=CHUNK, unless_by=unless_by, roots=wanted.roots)
                    known = answered_already(session, version, found)
                yield from self._unknown(found, known, asked)
                looked_at += len(found)
                if self._is_promoted():
                    return
                if not found or looked_at >= ROUND:
                    break
                last = found[-1].id

    def _unknown(self, found: list[Pending], known: Container[tuple[int, int]], asked: "_Asked") -> Iterator[Pending]:
        """Yield what the model has to be asked for; what looks like it, or was answered before, is put aside."""
        for each in found:
            is_whole = each.box is None
            if is_whole and each.place in self._lost and not (self._data.root / each.kept).exists():
                continue
            if each.place in known or each.picture in asked.under_way:
                asked.alike.append(each)
            else:
                asked.under_way.add(each.picture)
                yield each

    def _is_promoted(self) -> bool:
        """Tell whether another model than was tried last is to answer."""
        try:
            return current(self._data.models) != self._tried
        except ArtifactError:
            return False

    def _share(self, ensemble: Classifier, alike: list[Pending], stopping: Callable[[], bool]) -> Iterator[int]:
        """Give media what this model has said of the same picture: the same pixels would be answered the same."""
        for start in range(0, len(alike), CHUNK):
            if stopping():
                return
            with self._ledger.read() as session:
                known = answered_already(session, ensemble.model.version, alike[start : start + CHUNK])
            if known:
                self._commit(ensemble, [_copied(prediction, media_id) for (media_id, _), prediction in known.items()])
                yield len(known)

    def _decode(self, media: Pending, size: int) -> Picture | None:
        """Read a kept picture; None where it is gone, and then its files are read anew at the next scan."""
        try:
            pixels = kept_pixels((self._data.root / media.kept).read_bytes())
        except (OSError, ValueError) as error:
            if media.box is not None or media.place not in self._lost:
                log.warning("the kept picture %s cannot be read (%s): its file is read again", media.kept, error)
                (self._data.root / media.kept).unlink(missing_ok=True)
                with self._ledger.write() as session:
                    store.read_again(session, *media.place)
                self._lost.add(media.place)
            return None
        self._lost.discard(media.place)
        if pixels.shape[0] != size:
            pixels = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS))
        return Picture(media, pixels)

    def _write(self, version: str, batch: list[tuple[Picture, Answer]]) -> list[Answered]:
        answered = []
        for picture, answer in batch:
            gradcam = product("gradcam", picture.media.sha256, version, picture.media.region)
            write_atomically(self._data.root / gradcam, overlay(picture.pixels, answer.heatmap))
            answered.append(Answered(picture.media, answer, gradcam))
        return answered

    def _record(self, ensemble: Classifier, answered: list[Answered]) -> list[Pending]:
        self._commit(ensemble, [_prediction(each) for each in answered])
        return [each.media for each in answered]

    def _commit(self, ensemble: Classifier, predictions: list[Prediction]) -> None:
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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a call of ``answer_pending`` is for."""

    reanswer: bool
    roots: tuple[str, ...] | None
    stopping: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a round has asked the model for."""

    under_way: set[_Shown] = field(default_factory=set)  # pictures whose answer is not recorded yet
    recorded: set[_Shown] = field(default_factory=set)  # pictures whose answer is, since the last look
    alike: list[Pending] = field(default_factory=list)  # what shows such a picture, or one known before


def _ahead(
    threads: ThreadPoolExecutor, step: Callable[[_Item], _Result], items: Iterable[_Item], lead: int
) -> Iterator[_Result]:
    """Yield ``step`` of each item in turn, with up to ``lead`` of them under way before they are asked for."""
    under_way: deque[Future[_Result]] = deque()
    for item in items:
        under_way.append(threads.submit(step, item))
        if len(under_way) > lead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _batches(decoded: Iterable[Picture | None], size: int, stopping: Callable[[], bool]) -> Iterator[list[Picture]]:
    """Yield the pictures that could be decoded by so many at a time."""
    whole = (picture for picture in decoded if picture is not None)
    while (batch := list(islice(whole, size))) and not stopping():
        yield batch


def _joined(written: Iterable[list[Answered]]) -> Iterator[list[Answered]]:
    """Join batches to transactions; what is there when no more come is the last."""
    some: list[Answered] = []
    for batch in written:
        some += batch
        if len(some) >= TRANSACTION:
            yield some
            some = []
    if some:
        yield some


def _ask(ensemble: Classifier, batch: list[Picture]) -> list[tuple[Picture, Answer]]:
    answers = ensemble.predict(np.stack([picture.pixels for picture in batch]))
    return list(zip(batch, answers, strict=True))


def _prediction(answered: Answered) -> Prediction:
    media, answer = answered.media, answered.answer
    return Prediction(
        media_id=media.media_id,
        region=media.region,
        box=list(media.box) if media.box else None,
        kept=media.kept if media.box else None,
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
        box=prediction.box,
        kept=prediction.kept,
        label=prediction.label,
        probability=prediction.probability,
        decision=prediction.decision,
        background=prediction.background,
        probabilities=prediction.probabilities,
        stacked=prediction.stacked,
        distance=prediction.distance,
        gradcam=prediction.gradcam,
    )
