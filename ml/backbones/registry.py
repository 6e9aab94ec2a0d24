"""The registry: one entry a backbone, and the one function that turns a name into a model with its weights."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ml.backbones import reference, starter
from ml.backbones.weights import seed_weights

if TYPE_CHECKING:
    import keras

REFERENCE = ("vgg16", "efficientnet_b0", "resnet50_v2")
STARTER = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
ENSEMBLES = {"reference": REFERENCE, "starter": STARTER}


class UnknownBackbone(ValueError):  # noqa: N818  # reads as what happened
    """A name that no entry of the registry has."""


class CannotBeTuned(ValueError):  # noqa: N818  # reads as what happened
    """A backbone whose entry says nothing of where its top begins; the message names it."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """One backbone: what it is called, how it is built and how it gets its weights."""

    name: str
    title: str
    input_size: int
    """Side of the square input in pixels."""
    explained: str
    """Name of the layer whose map Grad-CAM explains."""
    features: int
    """Width of the pooled output."""
    build: Callable[[int], "keras.Model"]
    """Input size → a model without its weights; its outputs are as ``load`` says."""
    fill: Callable[["keras.Model", Path | None], str]
    """(Model, configured weights folder) → sha256 of the weights that it put in."""
    tops: tuple[str, ...] = ()
    """Names of the layers behind which its top blocks begin, the last block first; without any it stays as it is."""

    @property
    def cut(self) -> str:
        """The layer behind which all that fine-tuning may change begins; raises ``CannotBeTuned``."""
        if not self.tops:
            raise CannotBeTuned(f"the backbone {self.name!r} says nothing of where its top blocks begin")
        return self.tops[-1]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A backbone ready to run, and the sha256 that says which weights it runs with."""

    model: "keras.Model"
    weights_sha256: str


def load(
    name: str, weights_folder: Path | None = None, *, untrained: int | None = None, size: int | None = None
) -> Loaded:
    """Build a backbone with its weights; frozen, batch normalisation in inference mode.

    The model takes (n, S, S, 3) RGB, 0..255, float32 or uint8, and gives ``[map, pooled]``: the explained layer's
    (n, h, w, c) and (n, features), both float32. Its preprocessing is inside the graph.

    Parameters
    ----------
    name
        An entry of the registry.
    weights_folder
        The configured folder, looked into first.
    untrained
        A seed: random weights in place of trained ones, the same on every machine; ``weights_sha256`` then starts with
        ``untrained:SEED:`` (see ``untrained_seed``).
    size
        The side S of its input, if not that of its entry.

    Raises
    ------
    UnknownBackbone
        No entry has this name.
    WeightsMissing
        The weights are neither here nor to be had; the message says which file goes where.
    WeightsDamaged
        The file is there and is not what its name says.

    """
    entry = backbone(name)
    model = entry.build(size or entry.input_size)
    weights = entry.fill(model, weights_folder) if untrained is None else seed_weights(model, untrained)
    model.trainable = False
    return Loaded(model, weights)


def backbone(name: str) -> Backbone:
    """Find the entry of this name; raises ``UnknownBackbone``, which names those there are."""
    try:
        return _ENTRIES[name]
    except KeyError:
        raise UnknownBackbone(f"There is no backbone {name!r}; there are {', '.join(sorted(_ENTRIES))}.") from None


def register(entry: Backbone) -> None:
    """Add an entry, or replace one added before; the shipped ones stay what they are (``ValueError``)."""
    if entry.name in REFERENCE + STARTER:
        raise ValueError(f"{entry.name!r} is a shipped backbone: register yours under another name.")
    _ENTRIES[entry.name] = entry


def _reference(name: str) -> Backbone:
    net = reference.NETS[name]
    return Backbone(
        name=name,
        title=net.application,
        input_size=224,
        explained=net.explained,
        features=net.features,
        build=partial(reference.build, net),
        fill=partial(reference.fill, net),
        tops=net.tops,
    )


def _starter(name: str) -> Backbone:
    net = starter.NETS[name]
    return Backbone(
        name=name,
        title=net.title,
        input_size=320,
        explained=starter.EXPLAINED,
        features=starter.FEATURES,
        build=partial(starter.build, net),
        fill=partial(starter.fill, net),
        tops=net.tops,
    )


_ENTRIES = {entry.name: entry for entry in [*map(_reference, REFERENCE), *map(_starter, STARTER)]}
