"""Camtrap DP's ``observations`` table: one of each picture or of each animal in it, and one of each independent event.

Of ``count`` it says no more than a detector does, which draws a box around each animal: an animal's own observation is
of one, and an event is of as many as were in that of its pictures with the most, which is the usual least number. Where
no detector told animals apart, or the animal in a box was not determined, nobody counted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from db.exchange.cells import BOX, answer_cells, box_cells, candidates, name_of, observation_id, stamp
from db.exchange.names import Name
from db.exchange.sites import Scope, Site
from db.exchange.tables import Cells, table
from db.queries.exported.answers import in_events, in_no_event
from db.types import Method, ObservationType

OBSERVATIONS = (
    *("observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd", "observationLevel"),
    *("observationType", "cameraSetupType", "scientificName", "count", "lifeStage", "sex", "behavior", "individualID"),
    *("individualPositionRadius", "individualPositionAngle", "individualSpeed"),
    *BOX,
    *("classificationMethod", "classifiedBy", "classificationTimestamp", "classificationProbability"),
    *("observationTags", "observationComments"),
)


@dataclass(slots=True)
class Observed:
    """What has been written so far."""

    pictures: int = 0  # observations of single ones, and of the animals in them
    events: int = 0
    names: set[Name] = field(default_factory=set)
    taxa: set[str] = field(default_factory=set)  # that the names stand for

    def note(self, row: Any) -> None:
        """Count an answer."""
        self.pictures += 1
        self.taxa.update(candidates(row.taxa))
        if name := name_of(row.taxa):
            self.names.add(name)


def write_observations(session: Session, path: Path, sites: Mapping[int, Site], scope: Scope) -> Observed:
    """Write the answers of the period and the events that begin in it.

    The pictures of an event that began before are in no event of this table, and name it all the same.
    """
    observed = Observed()
    with table(path, OBSERVATIONS) as write:
        for rows in in_events(session, timedelta(minutes=scope.ledger.event_minutes), scope.begin, scope.end):
            event = _event(rows, sites[rows[0].deployment_id].id)
            if scope.holds(rows[0].captured_at):
                write(event | _surest(rows))
                observed.events += 1
            for row in rows:
                if scope.holds(row.captured_at):
                    write(event | _picture(row))
                    observed.note(row)
        for row in in_no_event(session, scope.begin, scope.end):
            at = stamp(row.captured_local, row.captured_at)
            alone = {"deploymentID": sites[row.deployment_id].id, "eventStart": at, "eventEnd": at}
            write(alone | _picture(row))
            observed.note(row)
    return observed


def _event(rows: list[Any], deployment: str) -> Cells:
    first, last = rows[0], rows[-1]
    return {
        "deploymentID": deployment,
        "eventID": f"{observation_id(first)}-event",
        "eventStart": stamp(first.captured_local, first.captured_at),
        "eventEnd": stamp(last.captured_local, last.captured_at),
    }


def _surest(rows: list[Any]) -> Cells:
    """Write the event as one observation: what a human said of any of its pictures, else the most probable answer."""
    row = max(rows, key=lambda row: (row.classification_method is Method.HUMAN, row.probability or 0.0))
    its = {"observationID": f"{observation_id(rows[0])}-event", "observationLevel": "event", "count": _at_once(rows)}
    return answer_cells(row) | its


def _picture(row: Any) -> Cells:
    its = {"observationID": observation_id(row), "mediaID": row.sha256, "observationLevel": "media"}
    return answer_cells(row) | box_cells(row) | its | {"count": _at_once([row])}


def _at_once(rows: Iterable[Any]) -> int | None:
    """Count the animals in the picture with the most of them; None where none was told from others by its box."""
    animals = (row.sha256 for row in rows if row.region and row.observation_type is ObservationType.ANIMAL)
    return max(Counter(animals).values(), default=None)
