"""What detection results say of a picture as a whole: people, a vehicle, nothing at all."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Detection, DetectionsFile
from db.types import Detected, ObservationType

PEOPLE = (Detected.PERSON, Detected.VEHICLE)
# By what outranks what in one picture. An animal is not among them: which one it is, the model says.
_TYPES = {
    Detected.PERSON: ObservationType.HUMAN,
    Detected.VEHICLE: ObservationType.VEHICLE,
    Detected.NOTHING: ObservationType.BLANK,
}


@dataclass(frozen=True, slots=True)
class Detections:
    """What one file of results says of one picture; of several, the one with the greatest ``rank`` counts."""

    rank: tuple[int, str, int, bytes]  # the file that lies nearest to the picture, and is the last by name
    detector: str
    seen: tuple[tuple[Detected, float | None], ...]  # with its confidence

    @property
    def word(self) -> tuple[ObservationType, float | None] | None:
        """What it makes of the picture and how sure it is; None where it saw animals only."""
        for category, kind in _TYPES.items():
            sure = [confidence for found, confidence in self.seen if found is category]
            if sure:
                return kind, max((each for each in sure if each is not None), default=None)
        return None


def detections(session: Session, media_ids: Iterable[int]) -> dict[int, list[Detections]]:
    """Give what is said of these media, by whatever files of results."""
    rows = session.execute(
        select(Detection, DetectionsFile.place, DetectionsFile.detector)
        .join(DetectionsFile, Detection.file_id == DetectionsFile.id)
        .where(Detection.media_id.in_(list(media_ids)))
        .order_by(Detection.media_id, Detection.file_id, Detection.path, Detection.region)
    )
    found: defaultdict[int, list[Detections]] = defaultdict(list)
    for (media_id, file_id, path), of in groupby(rows, key=lambda row: (row[0].media_id, row[0].file_id, row[0].path)):
        together = list(of)
        _, place, detector = together[0]
        seen = tuple((detection.category, detection.confidence) for detection, *_ in together)
        found[media_id].append(Detections((place.count("/"), place, file_id, path), detector, seen))
    return found
