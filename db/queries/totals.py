"""How many files and pictures were received in a span of time, and what became of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, union
from sqlalchemy.orm import Session, aliased

from db.models import Link, Media, Prediction, Sighting
from db.queries.received import in_span, said_until
from db.queries.tally import Tally
from db.types import Decision, LinkKind, LinkStatus, State


@dataclass(frozen=True, slots=True)
class Totals:
    """What was received in the span, and what was first answered in it; ``pictures`` are the counted ones."""

    files: int
    pictures: int
    decisions: dict[Decision, int]  # of the counted pictures first answered
    earlier: int  # of those, received before the span
    waiting: int  # not answered at the end of the span, whenever received
    rejected: int
    same_content: int  # files whose bytes were known already
    same_picture: int
    reexports: int

    @property
    def answers(self) -> int:
        """Counted pictures first answered, whatever was decided."""
        return sum(self.decisions.values())

    @property
    def copies(self) -> int:
        """Files and pictures that are not counted again."""
        return self.same_content + self.same_picture + self.reexports


def totals(session: Session, since: datetime, until: datetime, tallies: Sequence[Tally]) -> Totals:
    """Count what was received in the span, and what of it or before it was first answered in it (``tallies``)."""
    files = select(Sighting.state, func.count()).where(in_span(Sighting.seen_at, since, until))
    states = dict(session.execute(files.group_by(Sighting.state)).all())
    decisions: Counter[Decision] = Counter()
    for each in tallies:
        decisions[each.decision] += each.leading
    return Totals(
        files=sum(states.values()),
        decisions={decision: decisions[decision] for decision in Decision},
        earlier=sum(each.leading for each in tallies if each.earlier),
        waiting=_waiting(session, until),
        rejected=states.get(State.REJECTED, 0),
        same_content=_same_content(session, since, until),
        **_received(session, since, until),
    )


def _same_content(session: Session, since: datetime, until: datetime) -> int:
    """Count the files whose bytes had been seen before."""
    first = aliased(Sighting)
    before = exists().where(first.media_id == Sighting.media_id, first.id < Sighting.id)
    again = select(func.count()).select_from(Sighting).where(in_span(Sighting.seen_at, since, until), before)
    return session.scalar(again) or 0


def _received(session: Session, since: datetime, until: datetime) -> dict[str, int]:
    """Count what was received by what it is linked as: where both hold, the surer same picture is the greater."""
    received = in_span(Media.received_at, since, until)
    kinds = (
        select(func.max(Link.kind).label("kind"))
        .join(Media, Link.media_id == Media.id)
        .where(received, Link.status != LinkStatus.UNDONE)
        .group_by(Link.media_id)
        .subquery()
    )
    by_kind: dict[LinkKind, int] = dict(
        session.execute(select(kinds.c.kind, func.count()).group_by(kinds.c.kind)).all()
    )
    media = session.scalar(select(func.count()).select_from(Media).where(received)) or 0
    return {
        "pictures": media - sum(by_kind.values()),
        "same_picture": by_kind.get(LinkKind.SAME_PICTURE, 0),
        "reexports": by_kind.get(LinkKind.REEXPORT, 0),
    }


def _waiting(session: Session, until: datetime) -> int:
    """Count the pictures that had come by then and had no answer yet: few, so they are sought from both sides."""
    unanswered = select(Media.id).where(Media.answered_by.is_(None))
    later = select(Prediction.media_id).where(Prediction.predicted_at > until)
    waiting = union(unanswered, later).subquery()
    copy = exists().where(Link.media_id == Media.id, Link.status != LinkStatus.UNDONE)
    return (
        session.scalar(
            select(func.count(Media.id))
            .select_from(waiting)
            .join(Media, Media.id == waiting.c.id)
            .where(Media.received_at <= until, ~said_until(Media.id, until), ~copy)
        )
        or 0
    )
