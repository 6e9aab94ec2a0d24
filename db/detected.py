"""What detection results say of a picture: people, a vehicle, nothing at all, and where there are animals."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db.models import Detection, DetectionsFile, Model, Prediction
from db.types import Box, Detected, ObservationType

Rank = tuple[int, str, int, bytes]
PEOPLE = (Detected.PERSON, Detected.VEHICLE)
# By what outranks what in one picture. An animal is not among them: which one it is, the model says.
_TYPES = {
    Detected.PERSON: ObservationType.HUMAN,
    Detected.VEHICLE: ObservationType.VEHICLE,
    Detected.NOTHING: ObservationType.BLANK,
}


@dataclass(frozen=True, slots=True)
class Animal:
    """An animal that a detector saw, and what the model that is shown says of it, once it has been asked."""

    region: int
    prediction: Prediction | None
    model_version: str | None


@dataclass(frozen=True, slots=True)
class Detections:
    """What one file of results says of one picture; of several, the one with the greatest ``rank`` counts."""

    rank: Rank  # the file that lies nearest to the picture, and is the last by name
    detector: str
    seen: tuple[tuple[Detected, float | None], ...]  # with its confidence
    animals: tuple[Animal, ...]

    @property
    def word(self) -> tuple[ObservationType, float | None] | None:
        """What it makes of the picture as a whole and how sure it is; None where it saw animals only."""
        for category, kind in _TYPES.items():
            sure = [confidence for found, confidence in self.seen if found is category]
            if sure:
                return kind, max((each for each in sure if each is not None), default=None)
        return None


def region_of(category: Detected, box: Box) -> int:
    """Give the number of a box (x, y, width and height), from 1 on: the same for the same box, whatever file names it.

    It is made of the box, so that nothing depends on the order of arrival; that two boxes of a picture share one has a
    chance of 1 in 2³¹.
    """
    named = " ".join([category.value, *map(str, box)])
    return int.from_bytes(sha256(named.encode()).digest()[:4]) % (2**31 - 1) + 1


def detections(session: Session, media_ids: Iterable[int]) -> dict[int, list[Detections]]:
    """Give what is said of these media, by whatever files of results."""
    columns = (Detection, DetectionsFile.place, DetectionsFile.detector, Prediction, Model.version)
    joined = select(*columns).outerjoin(Prediction, Detection.answered_by == Prediction.id)
    joined = joined.outerjoin(Model, Prediction.model_id == Model.id)
    found: defaultdict[int, list[Detections]] = defaultdict(list)
    for media_id, rank, together in by_file(session, joined, media_ids):
        seen = tuple((row.Detection.category, row.Detection.confidence) for row in together)
        animals = tuple(
            Animal(row.Detection.region, row.Prediction, row.version)
            for row in together
            if row.Detection.category is Detected.ANIMAL
        )
        found[media_id].append(Detections(rank, together[0].detector, seen, animals))
    return found


def by_file(
    session: Session, rows: Select[*tuple[Any, ...]], media_ids: Iterable[int]
) -> Iterator[tuple[int, Rank, list[Any]]]:
    """Give what each file says of each of these media: the media, how much that counts (`Detections`), and the rows.

    ``rows`` selects ``Detection`` and ``DetectionsFile.place``, and whatever else is wanted of them.
    """
    of = Detection
    ordered = rows.join(DetectionsFile, of.file_id == DetectionsFile.id).where(of.media_id.in_(list(media_ids)))
    found = session.execute(ordered.order_by(of.media_id, of.file_id, of.path, of.region))
    for (media_id, file_id, path), group in groupby(
        found, key=lambda row: (row.Detection.media_id, row.Detection.file_id, row.Detection.path)
    ):
        together = list(group)
        place = together[0].place
        yield media_id, (place.count("/"), place, file_id, path), together
