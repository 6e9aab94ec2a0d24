"""What people said of pictures and of animals in them, as labels to learn from: one row each, however many copies."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.derive import WHOLE, when
from db.models import Deployment, Link, Media, Observation, Prediction, Review, Sighting
from db.types import LinkStatus, Method

_NO_LABEL = "unknown"  # a person looked and could not tell


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A picture or a part of one, and the latest that was said of it, or of another file that shows the same."""

    sha256: str  # of the file; of a part of it, one that only this part has
    phash: str | None  # the file's; None: what is kept is a part of it, and no more is known of that
    flat: bool
    kept: str  # the kept picture or what was cut out of it, below the data folder
    file: str  # the file it was read from, below its inbox; the first by name where there are several
    label: str
    reviewer: str
    agreeing: frozenset[str]  # everybody who said this label of it, the reviewer among them
    at: datetime
    deployment: str  # its key; where none is known, one that only this picture has
    captured_at: datetime | None  # by the camera's clock; the time of a file says when it was copied


def reviewed(session: Session) -> list[Reviewed]:
    """Give the reviewed pictures and parts of pictures, by sha256.

    What counts is what the ledger shows of people's words: a word on the whole picture, or the later ones on animals in
    it. A group of the same picture or of a confirmed re-export is one row: the latest word holds for it, and the first
    of its reviewed media stands for it. Where nobody could tell what it shows there is no row.
    """
    file = select(func.min(Sighting.path_text)).where(Sighting.media_id == Media.id).scalar_subquery()
    shown = (Observation.media_id == Review.media_id) & (Observation.region == Review.region)
    rows = session.execute(
        select(Review, Media, Deployment, Observation, Prediction.kept, file.label("file"))
        .join(Media, Review.media_id == Media.id)
        .join(Observation, shown)
        .outerjoin(Prediction, Observation.prediction_id == Prediction.id)
        .outerjoin(Deployment, Observation.deployment_id == Deployment.id)
        .where(Observation.classification_method == Method.HUMAN)
        .order_by(Media.id, Review.at, Review.id)
    ).all()
    names = _groups(session)
    groups = defaultdict(list)
    for row in rows:
        groups[names.get(row.Media.id, row.Media.id), row.Review.region].append(row)
    found = [_one([row.Review for row in group], group[0]) for group in groups.values()]
    return sorted((each for each in found if each.label != _NO_LABEL), key=lambda each: each.sha256)


def _one(reviews: list[Review], row: Any) -> Reviewed:
    media: Media = row.Media
    latest = max(reviews, key=when)
    is_part = latest.region != WHOLE
    return Reviewed(
        sha256=sha256(f"{media.sha256} {latest.region}".encode()).hexdigest() if is_part else media.sha256,
        phash=None if is_part else media.phash,
        flat=media.flat,
        kept=row.kept or media.kept,
        file=row.file or media.sha256,
        label=latest.label,
        reviewer=latest.reviewer,
        agreeing=_last_said(reviews, latest.label),
        at=latest.at,
        deployment=row.Deployment.key if row.Deployment else f"picture {media.sha256}",
        captured_at=row.Observation.captured_at if row.Observation.time_source == "exif" else None,
    )


def _last_said(reviews: Iterable[Review], label: str) -> frozenset[str]:
    """Give the people whose own last word is ``label``."""
    last = {review.reviewer: review.label for review in sorted(reviews, key=when)}
    return frozenset(reviewer for reviewer, said in last.items() if said == label)


def _groups(session: Session) -> dict[int, int]:
    """Give media → the least media of its group, for those that surely show the same picture as another."""
    linked = session.execute(
        select(Link.media_id, Link.canonical_id).where(Link.status.in_([LinkStatus.CERTAIN, LinkStatus.CONFIRMED]))
    )
    members: dict[int, set[int]] = {}
    for one, other in linked:
        together = members.get(one, {one}) | members.get(other, {other})
        members |= dict.fromkeys(together, together)
    return {media_id: min(together) for media_id, together in members.items()}
