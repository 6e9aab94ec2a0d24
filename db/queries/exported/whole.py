"""Which pictures an export hands on, and how its rows are read.

A picture is handed on once: one that shows what another shows (a copy, a re-export) is left out, as it is in reports.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Executable, ScalarSelect, and_, case, select
from sqlalchemy.orm import Session, aliased

from db.models import Deployment, Observation, Sighting
from db.types import State

STREAMED = 2000  # rows at a time


def streamed(session: Session, rows: Executable) -> Iterator[Any]:
    """Read rows in small parts."""
    return iter(session.execute(rows, execution_options={"yield_per": STREAMED}))


def is_whole() -> ColumnElement[bool]:
    """Tell whether all is known that a picture needs: a time that its camera wrote, and where that stood."""
    return and_(
        Observation.counted,
        Observation.time_source == "exif",
        Deployment.latitude.is_not(None),
        Deployment.longitude.is_not(None),
    )


def first_sighting(media_id: Any) -> ScalarSelect[int]:
    """Give the file that a media is known by, and its deployment taken from: current ones first, then by path."""
    each = aliased(Sighting)
    gone = case((each.state.in_([State.MISSING, State.SUPERSEDED]), 1), else_=0)
    return (
        select(each.id)
        .where(each.media_id == media_id)
        .order_by(gone, each.root, each.path, each.generation)
        .limit(1)
        .scalar_subquery()
    )
