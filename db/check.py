"""Is the ledger sound? What ``trapline doctor --check`` asks of the database alone."""

from collections.abc import Iterator

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from db.models import Detection, Media, Prediction, Sighting
from db.observe import disagreeing
from db.redlist import RedList
from db.types import State

CHUNK = 500


def faults(session: Session, redlist: RedList) -> list[str]:
    """Give what is wrong, a sentence each; an empty list for a sound ledger."""
    found = [f"SQLite: {row[0]}" for row in session.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
    broken = list(session.execute(text("PRAGMA foreign_key_check")))
    if broken:
        found.append(f"{len(broken)} rows refer to rows that are not there")
    orphans = session.scalar(
        select(func.count()).select_from(Sighting).where(Sighting.state == State.TAKEN, Sighting.media_id.is_(None))
    )
    if orphans:
        found.append(f"{orphans} taken files have no media")
    last = session.scalar(select(func.max(Media.id))) or 0
    for start in range(0, last, CHUNK):
        ids = list(session.scalars(select(Media.id).where(Media.id > start, Media.id <= start + CHUNK)))
        found += [
            f"the observation of media {media_id} does not follow" for media_id in disagreeing(session, ids, redlist)
        ]
    return found


def products(session: Session) -> Iterator[str]:
    """Yield the path, below the data folder, of every product that a row names."""
    yield from session.scalars(select(Media.kept))
    yield from session.scalars(select(Prediction.gradcam))
    yield from (path for path in session.scalars(select(Detection.kept)) if path is not None)


def originals(session: Session) -> Iterator[tuple[str, bytes, str, str]]:
    """Yield (root, path, signature, sha256) of every file that is taken."""
    query = select(Sighting.root, Sighting.path, Sighting.signature, Media.sha256).join(
        Media, Sighting.media_id == Media.id
    )
    rows = session.execute(query.where(Sighting.state == State.TAKEN))
    yield from ((root, path, signature, sha256) for root, path, signature, sha256 in rows)
