"""A model on disk (``folder``: save, verify, load) and where models lie side by side (``store``: which is current)."""

from ml.artifacts.folder import ArtifactError, Card, Model, features, load, save
from ml.artifacts.store import STARTER, Listed, answering, current, listed, promote, rollback

__all__ = [
    "STARTER",
    "ArtifactError",
    "Card",
    "Listed",
    "Model",
    "answering",
    "current",
    "features",
    "listed",
    "load",
    "promote",
    "rollback",
    "save",
]
