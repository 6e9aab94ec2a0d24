"""What models and people say, what shows the same, and what must be derived anew."""

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from db.derive import WHOLE
from db.models import Detection, Inbox, Link, Media, Model, Observation, Prediction, Review, Sighting
from db.store.detections import cut_out
from db.types import LinkKind, LinkStatus


def relink(session: Session, kind: LinkKind, group: Iterable[int], links: Mapping[int, int]) -> None:
    """Replace the links of one kind among the media of ``group`` by ``links`` (media → canonical media).

    What a person confirmed or undid stays, and an undone pair is not linked again.
    """
    members = list(group)
    mine = (Link.kind == kind) & Link.media_id.in_(members)
    session.execute(delete(Link).where(mine, Link.status.in_([LinkStatus.CERTAIN, LinkStatus.SUSPECTED])))
    judged = session.scalars(select(Link).where(mine)).all()
    settled = {frozenset((link.media_id, link.canonical_id)) for link in judged}
    confirmed = {link.media_id for link in judged if link.status is LinkStatus.CONFIRMED}
    status = LinkStatus.CERTAIN if kind is LinkKind.SAME_PICTURE else LinkStatus.SUSPECTED
    for media_id, canonical_id in links.items():
        if frozenset((media_id, canonical_id)) not in settled and media_id not in confirmed:
            session.add(Link(media_id=media_id, canonical_id=canonical_id, kind=kind, status=status))
    session.flush()


def model(session: Session, wanted: Model) -> int:
    """Give the id of the model with this version, recorded at its first use."""
    known = session.scalar(select(Model).where(Model.version == wanted.version))
    if known is None:
        session.add(wanted)
        session.flush()
        known = wanted
    return known.id


def answer(session: Session, prediction: Prediction) -> int:
    """Record a prediction, unless that model has answered that region before, and let it be the one shown."""
    known = session.scalar(
        select(Prediction.id).where(
            Prediction.media_id == prediction.media_id,
            Prediction.region == prediction.region,
            Prediction.model_id == prediction.model_id,
        )
    )
    if known is None:
        session.add(prediction)
        session.flush()
        known = prediction.id
    if prediction.region == WHOLE:
        session.execute(update(Media).where(Media.id == prediction.media_id).values(answered_by=known))
    else:
        animal = (Detection.media_id == prediction.media_id, Detection.region == prediction.region)
        session.execute(update(Detection).where(*animal).values(answered_by=known))
    return known


def review(session: Session, said: Review) -> None:
    """Append what a human said."""
    session.add(said)
    session.flush()


def read_again(session: Session, media_id: int, region: int = WHOLE) -> None:
    """Let the next look read a file of this media anew: what was kept of it, or of this region of it, is gone."""
    if region == WHOLE:
        session.execute(update(Sighting).where(Sighting.media_id == media_id).values(signature=""))
    else:
        cut_out(session, media_id, {region: None})


def mark_root_stale(session: Session, root: str) -> None:
    """Say that the observations of all media ever seen below ``root`` must be derived anew: its stations changed."""
    below = select(Sighting.media_id).where(Sighting.root == root)
    session.execute(update(Observation).where(Observation.media_id.in_(below)).values(stale=True))


def mark_redlist_stale(session: Session, version: str) -> None:
    """Say that what follows from another Red List than ``version`` must be derived anew."""
    session.execute(update(Observation).where(Observation.redlist_version != version).values(stale=True))


def remember_stations(session: Session, root: str, digest: str) -> None:
    """Record which ``stations.csv`` is applied to the files below ``root``; an empty digest: none is, entirely."""
    inbox = session.scalar(select(Inbox).where(Inbox.root == root))
    if inbox is None:
        session.add(Inbox(root=root, stations_digest=digest))
    else:
        inbox.stations_digest = digest
