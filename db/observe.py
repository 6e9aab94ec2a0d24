"""Observations: a pure function of prediction, detections, reviews, links, deployment and Red List.

A person outranks the detector and this the model, whose answer an observation waits for in any case: a picture in which
a detector saw nothing, people or a vehicle is an observation of that, and of one with animals the model says which.

``refresh`` is called in the transaction that changed one of these, so that the two never disagree.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session

from db.detected import Detections, detections
from db.models import Deployment, Link, Media, Model, Observation, Prediction, Review, Sighting
from db.redlist import RedList, Resolution
from db.types import Decision, LinkStatus, Method, ObservationType, State

TYPES = {
    Decision.ANSWERED: ObservationType.ANIMAL,
    Decision.OUT_OF_RANGE: ObservationType.ANIMAL,
    Decision.UNKNOWN: ObservationType.UNKNOWN,
    Decision.UNFAMILIAR: ObservationType.UNKNOWN,
    Decision.OTHER: ObservationType.UNCLASSIFIED,
}
# Labels that are no species: what a background class, or a person, may say.
BACKGROUND_TYPES = {
    "other": ObservationType.UNCLASSIFIED,
    "blank": ObservationType.BLANK,
    "person": ObservationType.HUMAN,
    "vehicle": ObservationType.VEHICLE,
    "unknown": ObservationType.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the observation of one media follows from."""

    media: Media
    prediction: Prediction | None
    model_version: str | None
    review: Review | None  # the latest in its group of the same picture
    deployment: Deployment | None
    file_time: datetime
    counted: bool
    detections: Detections | None = None  # what a detector saw in its group


def derive(facts: Facts, redlist: RedList) -> Observation | None:
    """Give the observation that follows from ``facts``; None where nobody has answered yet."""
    country = facts.deployment.country if facts.deployment else None
    captive = facts.deployment.captive if facts.deployment else False
    if facts.review is not None:
        observation = _said_by_human(facts.review, redlist, country)
    elif facts.prediction is not None and facts.detections is not None and facts.detections.word is not None:
        observation = _said_by_detector(facts.detections.detector, *facts.detections.word)
    elif facts.prediction is not None:
        observation = _said_by_machine(facts.prediction, facts.model_version or "", redlist, country, captive=captive)
    else:
        return None
    observation.media_id = facts.media.id
    observation.region = 0
    observation.deployment_id = facts.deployment.id if facts.deployment else None
    observation.redlist_version = redlist.version
    observation.captured_local, observation.captured_at, observation.time_source = capture_times(
        facts.media, facts.deployment, facts.file_time
    )
    observation.counted = facts.counted
    observation.stale = False
    return observation


def capture_times(media: Media, deployment: Deployment | None, file_time: datetime) -> tuple[datetime, datetime, str]:
    """Give the capture time on the station's clock, the same in UTC, and its source (``exif`` or ``file``).

    The camera's time zone is what it wrote itself, else the deployment's, else UTC; the station's is the deployment's,
    else the camera's. A clock that cannot be right gives way to the file's own time.
    """
    zone = ZoneInfo(deployment.timezone) if deployment and deployment.timezone else None
    if media.time_status == "ok" and media.camera_time is not None:
        at, source = instant(media.camera_time, media.camera_offset, deployment), "exif"
    else:
        at, source = file_time.astimezone(zone or UTC), "file"
    local = at.astimezone(zone) if zone else at
    return local.replace(tzinfo=None), at.astimezone(UTC), source


def instant(camera_time: datetime, camera_offset: int | None, deployment: Deployment | None) -> datetime:
    """Give the aware time of a picture: the clock set right, in the zone the camera wrote, else the deployment's."""
    zone = ZoneInfo(deployment.timezone) if deployment and deployment.timezone else None
    written = None if camera_offset is None else timezone(timedelta(minutes=camera_offset))
    corrected = camera_time + timedelta(seconds=deployment.clock_offset if deployment else 0)
    return corrected.replace(tzinfo=written or zone or UTC)


def _said_by_machine(
    prediction: Prediction, version: str, redlist: RedList, country: str | None, *, captive: bool
) -> Observation:
    decision, kind = prediction.decision, TYPES[prediction.decision]
    resolution = None
    if decision is Decision.ANSWERED:
        resolution = redlist.resolve(prediction.label, country, anywhere=captive)
        if resolution.out_of_range:
            decision, resolution = Decision.OUT_OF_RANGE, None
    elif decision is Decision.OTHER:
        kind = BACKGROUND_TYPES[prediction.background or "other"]
    observation = Observation(
        decision=decision,
        observation_type=kind,
        classification_method=Method.MACHINE,
        classified_by=version,
        probability=prediction.probability,
    )
    return _with_taxa(observation, prediction.label, resolution)


def _said_by_detector(detector: str, kind: ObservationType, confidence: float | None) -> Observation:
    observation = Observation(
        decision=Decision.OTHER,
        observation_type=kind,
        classification_method=Method.MACHINE,
        classified_by=detector,
        probability=confidence,
    )
    return _with_taxa(observation, "", None)


def _said_by_human(review: Review, redlist: RedList, country: str | None) -> Observation:
    background = BACKGROUND_TYPES.get(review.label)
    decision = Decision.UNKNOWN if review.label == "unknown" else Decision.OTHER if background else Decision.ANSWERED
    observation = Observation(
        decision=decision,
        observation_type=background or ObservationType.ANIMAL,
        classification_method=Method.HUMAN,
        classified_by=review.reviewer,
        probability=None,
    )
    resolution = None if background else redlist.resolve(review.label, country, anywhere=True)
    _with_taxa(observation, review.label, resolution)
    observation.label = review.label
    return observation


def _with_taxa(observation: Observation, label: str, resolution: Resolution | None) -> Observation:
    """Fill label, taxa and category, which stand only where the animal is known; every one is set, for a merge."""
    observation.taxa = [taxon.scientific_name for taxon in resolution.taxa] if resolution else []
    observation.label = label if resolution else None
    observation.title = resolution.title if resolution else None
    observation.category = resolution.category if resolution else None
    observation.worst_category = resolution.worst.value if resolution and resolution.worst else None
    return observation


def refresh(session: Session, media_ids: Iterable[int], redlist: RedList) -> None:
    """Derive the observations of these media, and of all that hang together with them by links, anew."""
    derived = _derived(session, media_ids, redlist)
    with session.no_autoflush:  # each merge would flush the one before it
        for observation in derived:
            session.merge(observation)
    session.flush()


def disagreeing(session: Session, media_ids: Iterable[int], redlist: RedList) -> list[int]:
    """Give those of these media whose stored observation is not the one that follows from the facts.

    Stale ones are known to be behind and are left out.
    """
    wanted = set(media_ids)
    stored = {o.media_id: o for o in session.scalars(select(Observation).where(Observation.media_id.in_(wanted)))}
    derived = {o.media_id: o for o in _derived(session, wanted, redlist) if o.media_id in wanted}
    stale = {media_id for media_id, observation in stored.items() if observation.stale}
    suspects = (stored.keys() | derived.keys()) - stale
    return sorted(m for m in suspects if not _same(stored.get(m), derived.get(m)))


def _same(one: Observation | None, other: Observation | None) -> bool:
    if one is None or other is None:
        return one is other
    columns = [column.key for column in Observation.__table__.columns if column.key != "id"]
    return all(getattr(one, name) == getattr(other, name) for name in columns)


def _derived(session: Session, media_ids: Iterable[int], redlist: RedList) -> list[Observation]:
    """Derive the observations of these media and all that hang together with them, under the ids they have."""
    groups = _groups(session, set(media_ids))
    existing = session.execute(select(Observation.media_id, Observation.id).where(Observation.media_id.in_(groups)))
    ids = {media_id: observation_id for media_id, observation_id in existing}  # noqa: C416  # a Row is no tuple
    derived = [derive(facts, redlist) for facts in _facts(session, groups)]
    for observation in (found := [one for one in derived if one is not None]):
        observation.id = ids.get(observation.media_id)  # type: ignore[assignment]  # None until it has one
    return found


def first_sightings(session: Session, media_ids: Iterable[int]) -> dict[int, Sighting]:
    """Give the sighting that a media's deployment is taken from: current ones first, then by path."""
    gone = case((Sighting.state.in_([State.MISSING, State.SUPERSEDED]), 1), else_=0)
    rows = session.scalars(
        select(Sighting)
        .where(Sighting.media_id.in_(list(media_ids)))
        .order_by(gone, Sighting.root, Sighting.path, Sighting.generation)
    )
    first: dict[int, Sighting] = {}
    for sighting in rows:
        if sighting.media_id is not None:
            first.setdefault(sighting.media_id, sighting)
    return first


def _groups(session: Session, media_ids: set[int]) -> dict[int, frozenset[int]]:
    """Give for each media, and each linked with it, those that show the same picture for sure (itself included)."""
    links = _links_around(session, media_ids)
    linked = {end for link in links for end in (link.media_id, link.canonical_id)}
    together: dict[int, set[int]] = {media_id: {media_id} for media_id in media_ids | linked}
    for link in links:
        if link.status in {LinkStatus.CERTAIN, LinkStatus.CONFIRMED}:
            merged = together[link.media_id] | together[link.canonical_id]
            for member in merged:
                together[member] = merged
    return {media_id: frozenset(members) for media_id, members in together.items()}


def _links_around(session: Session, media_ids: set[int]) -> list[Link]:
    seen, frontier, found = set(media_ids), set(media_ids), {}
    while frontier:
        ids = list(frontier)
        links = session.scalars(select(Link).where(or_(Link.media_id.in_(ids), Link.canonical_id.in_(ids)))).all()
        found.update({link.id: link for link in links})
        frontier = {i for link in links for i in (link.media_id, link.canonical_id)} - seen
        seen |= frontier
    return list(found.values())


def _facts(session: Session, groups: dict[int, frozenset[int]]) -> list[Facts]:
    ids = list(groups)
    answers = session.execute(
        select(Media, Prediction, Model.version)
        .outerjoin(Prediction, Media.answered_by == Prediction.id)
        .outerjoin(Model, Prediction.model_id == Model.id)
        .where(Media.id.in_(ids))
    ).all()
    reviews: defaultdict[int, list[Review]] = defaultdict(list)
    for review in session.scalars(select(Review).where(Review.media_id.in_(ids))):
        reviews[review.media_id].append(review)
    seen = detections(session, ids)
    copies = set(session.scalars(select(Link.media_id).where(Link.media_id.in_(ids), Link.status != LinkStatus.UNDONE)))
    sightings = first_sightings(session, ids)
    deployments = {
        d.id: d
        for d in session.scalars(
            select(Deployment).where(
                Deployment.id.in_({s.deployment_id for s in sightings.values() if s.deployment_id})
            )
        )
    }
    return [
        Facts(
            media=media,
            prediction=prediction,
            model_version=version,
            review=max(
                (r for member in groups[media.id] for r in reviews[member]), key=lambda r: (r.at, r.id), default=None
            ),
            deployment=deployments.get(sightings[media.id].deployment_id or 0),
            file_time=sightings[media.id].file_time,
            counted=media.id not in copies,
            detections=max(
                (d for member in groups[media.id] for d in seen.get(member, ())), key=lambda d: d.rank, default=None
            ),
        )
        for media, prediction, version in answers
    ]
