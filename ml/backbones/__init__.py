"""The image networks that the heads stand on: what is known (registry), and the two shipped ensembles."""

from ml.backbones.registry import (
    ENSEMBLES,
    REFERENCE,
    STARTER,
    Backbone,
    CannotBeTuned,
    Loaded,
    UnknownBackbone,
    backbone,
    load,
    register,
)
from ml.backbones.top import TopMismatch
from ml.backbones.weights import WeightsDamaged, WeightsMissing, untrained_seed, weights_digest

__all__ = [
    "ENSEMBLES",
    "REFERENCE",
    "STARTER",
    "Backbone",
    "CannotBeTuned",
    "Loaded",
    "TopMismatch",
    "UnknownBackbone",
    "WeightsDamaged",
    "WeightsMissing",
    "backbone",
    "load",
    "register",
    "untrained_seed",
    "weights_digest",
]
