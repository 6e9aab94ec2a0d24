"""What ecologists work with, as pandas frames: one function a question, each with its definition and its source.

A period is the time after ``begin`` and until ``end``, both aware; `effort` and all that follows from it ask for an
``end`` that has passed. Times in frames are aware UTC, unless they are called local: those are on the station's clock.
Only what the ledger counts is in them: no copies, and events of what was determined, by a model or by a human.
"""

from db.queries.frames.effort import effort, occasion_effort, rai, whole_period
from db.queries.frames.events import bursts, events
from db.queries.frames.occupancy import detection_history
from db.queries.frames.patterns import accumulation, activity

__all__ = [
    "accumulation",
    "activity",
    "bursts",
    "detection_history",
    "effort",
    "events",
    "occasion_effort",
    "rai",
    "whole_period",
]
