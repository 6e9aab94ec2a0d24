"""What people said of pictures, as labels to learn from: one row for each picture, whatever copies there are of it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Deployment, Link, Media, Observation, Review, Sighting
from db.types import LinkStatus

_NO_LABEL = "unknown"  # a person looked and could not tell


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A picture and the latest that was said of it, or of another file that shows the same."""

    sha256: str
    phash: str
    flat: bool
    kept: str  # the kept picture, below the data folder
    file: str  # the file it was read from, below its inbox; the first by name where there are several
    label: str
    reviewer: str
    agreeing: frozenset[str]  # everybody who said this label of it, the reviewer among them
    at: datetime
    deployment: str  # its key; where none is known, one that only this picture has
    captured_at: datetime | None  # by the camera's clock; the time of a file says when it was copied


def reviewed(session: Session) -> list[Reviewed]:
    """Give the reviewed pictures, by sha256.

    The whole picture counts (region 0): a word on a part of it is not learned from, since the whole is what is kept to
    learn from. A group of the same picture or of a confirmed re-export is one row: the latest word holds for it, and
    the first of its reviewed media stands for it. Where nobody could tell what it shows there is no row.
    """
    file = select(func.min(Sighting.path_text)).where(Sighting.media_id == Media.id).scalar_subquery()
    rows = session.execute(
        select(Review, Media, Deployment, Observation, file)
        .join(Media, Review.media_id == Media.id)
        .outerjoin(Observation, (Observation.media_id == Media.id) & Observation.leads)
        .outerjoin(Deployment, Observation.deployment_id == Deployment.id)
        .where(Review.region == 0)
        .order_by(Media.id, Review.at, Review.id)
    ).all()
    names = _groups(session)
    groups = defaultdict(list)
    for row in rows:
        groups[names.get(row[1].id, row[1].id)].append(row)
    found = [_one([row[0] for row in group], *group[0][1:]) for group in groups.values()]
    return sorted((each for each in found if each.label != _NO_LABEL), key=lambda each: each.sha256)


def _one(
    reviews: list[Review], media: Media, deployment: Deployment | None, seen: Observation | None, file: str | None
) -> Reviewed:
    latest = max(reviews, key=lambda review: (review.at, review.id))
    return Reviewed(
        sha256=media.sha256,
        phash=media.phash,
        flat=media.flat,
        kept=media.kept,
        file=file or media.sha256,
        label=latest.label,
        reviewer=latest.reviewer,
        agreeing=_last_said(reviews, latest.label),
        at=latest.at,
        deployment=deployment.key if deployment else f"picture {media.sha256}",
        captured_at=seen.captured_at if seen and seen.time_source == "exif" else None,
    )


def _last_said(reviews: Iterable[Review], label: str) -> frozenset[str]:
    """Give the people whose own last word is ``label``."""
    last = {review.reviewer: review.label for review in sorted(reviews, key=lambda review: (review.at, review.id))}
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
