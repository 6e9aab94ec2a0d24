"""Corrections that come back: a file that a report saved is checked, and its word counts from then on."""

from watcher.reviews.document import CorrectionsError
from watcher.reviews.taking import Outcome, look, refused_now, take_in

__all__ = ["CorrectionsError", "Outcome", "look", "refused_now", "take_in"]
