"""Observations: kept equal to what follows from the facts around them, whichever of these change.

``refresh`` is called in the transaction that changed one of these, so that the two never disagree.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import case, delete, or_, select
from sqlalchemy.orm import Session

from db.derive import WHOLE, Facts, derive, when
from db.detected import detections
from db.models import Deployment, Link, Media, Model, Observation, Prediction, Review, Sighting
from db.redlist import RedList
from db.types import LinkStatus, State


def refresh(session: Session, media_ids: Iterable[int], redlist: RedList) -> None:
    """Derive the observations of these media, and of all that hang together with them by links, anew."""
    groups = _groups(session, set(media_ids))
    rows = select(Observation.media_id, Observation.region, Observation.id).where(Observation.media_id.in_(groups))
    ids = {(media_id, region): observation_id for media_id, region, observation_id in session.execute(rows)}
    derived = [observation for facts in _facts(session, groups) for observation in derive(facts, redlist)]
    with session.no_autoflush:  # each merge would flush the one before it
        for observation in derived:
            known = ids.pop((observation.media_id, observation.region), None)
            observation.id = known  # type: ignore[assignment]  # None until it has one
            session.merge(observation)
    session.flush()
    session.execute(delete(Observation).where(Observation.id.in_(ids.values())))


def disagreeing(session: Session, media_ids: Iterable[int], redlist: RedList) -> list[int]:
    """Give those of these media whose stored observations are not those that follow from the facts.

    Stale ones are known to be behind and are left out.
    """
    wanted = set(media_ids)
    rows = list(session.scalars(select(Observation).where(Observation.media_id.in_(wanted))))
    stored = {(each.media_id, each.region): each for each in rows}
    derived = {
        (each.media_id, each.region): each
        for facts in _facts(session, _groups(session, wanted))
        if facts.media.id in wanted
        for each in derive(facts, redlist)
    }
    stale = {each.media_id for each in rows if each.stale}
    places = stored.keys() | derived.keys()
    return sorted({place[0] for place in places if not _same(stored.get(place), derived.get(place))} - stale)


def _same(one: Observation | None, other: Observation | None) -> bool:
    if one is None or other is None:
        return one is other
    columns = [column.key for column in Observation.__table__.columns if column.key != "id"]
    return all(getattr(one, name) == getattr(other, name) for name in columns)


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
    closely = _closely(session, ids, {each.region for said in reviews.values() for each in said} - {WHOLE})
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
            reviews=_latest(review for member in groups[media.id] for review in reviews[member]),
            closely={region: said for member in groups[media.id] for region, said in closely[member].items()},
            deployment=deployments.get(sightings[media.id].deployment_id or 0),
            file_time=sightings[media.id].file_time,
            counted=media.id not in copies,
            detections=max(
                (d for member in groups[media.id] for d in seen.get(member, ())), key=lambda d: d.rank, default=None
            ),
        )
        for media, prediction, version in answers
    ]


def _closely(
    session: Session, media_ids: list[int], regions: Collection[int]
) -> defaultdict[int, dict[int, Prediction]]:
    """Give media → region → what the model said last of these animals."""
    found: defaultdict[int, dict[int, Prediction]] = defaultdict(dict)
    if regions:
        said = select(Prediction).where(Prediction.media_id.in_(media_ids), Prediction.region.in_(regions))
        for prediction in session.scalars(said.order_by(Prediction.predicted_at, Prediction.id)):
            found[prediction.media_id][prediction.region] = prediction
    return found


def _latest(reviews: Iterable[Review]) -> dict[int, Review]:
    """Give region → the review that was made last."""
    return {review.region: review for review in sorted(reviews, key=when)}
