"""A model on disk: one folder of JSON and safetensors, nothing in it that runs code when it is loaded.

``model.json`` says everything a person can follow and names the sha256 of every other file and of the backbones'
weights; its own sha256 is the model's version, so that the same version is always the same answers.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as tensor_bytes

from ml.decision import Thresholds
from ml.familiarity import Familiar
from ml.files import sync, write_atomically
from ml.heads import Dense, Head
from ml.reduction import Reduction
from ml.stacking import Stack

_CARD, _HEADS, _FEATURES = "model.json", "heads.safetensors", "features.safetensors"
_README = "README.md"
_TOP = ".weights.h5"  # behind the name of a backbone


class ArtifactError(ValueError):
    """A model folder is missing, incomplete, changed or of another kind; the message names it and what to do."""


class Card(BaseModel):
    """What ``model.json`` holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[2] = 2
    name: str
    created: date
    classes: tuple[str, ...]
    picture_size: int  # side of the kept picture, in pixels
    preprocessing: int
    backbones: dict[str, str]  # name in the registry → sha256 of the weights
    stack_weights: list[list[float]]
    stack_bias: list[float]
    temperature: float
    thresholds: Thresholds
    metrics: dict[str, Any]
    dataset: dict[str, Any]
    settings: dict[str, Any]
    versions: dict[str, str]
    files: dict[str, str] = {}  # sha256 of the files beside this one

    @property
    def fine_tuned(self) -> dict[str, str]:
        """Backbone → sha256 of the file with its top, where that was fine-tuned."""
        return {name: self.files[name + _TOP] for name in self.backbones if name + _TOP in self.files}


@dataclass(frozen=True, slots=True)
class Model:
    """A model folder, verified and read."""

    folder: Path
    version: str
    card: Card
    heads: tuple[Head, ...]  # in the order of ``card.backbones``
    familiar: Familiar

    @property
    def is_demo(self) -> bool:
        """Whether it was trained on drawings, by ``trapline demo``."""
        return self.card.name == "demo"

    @property
    def tops(self) -> dict[str, Path]:
        """Backbone → file with its fine-tuned top (``ml.backbones.top`` reads it)."""
        return {name: self.folder / (name + _TOP) for name in self.card.fine_tuned}

    @property
    def metrics(self) -> dict[str, Any]:
        """What was measured when it was trained."""
        return self.card.metrics

    @property
    def stack(self) -> Stack:
        """The stack with its temperature."""
        return Stack(np.array(self.card.stack_weights), np.array(self.card.stack_bias), self.card.temperature)


def save(
    models: Path,
    card: Card,
    *,
    heads: Sequence[Head],
    familiar: Familiar,
    features: Mapping[str, np.ndarray],
    readme: str,
    tops: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a model into the folder ``models``, as ``<models>/<version>``, in one atomic step; return that folder.

    ``readme`` is the model card, in Markdown; ``tops`` has the packed tops of the backbones that were fine-tuned.
    """
    contents = {_HEADS: tensor_bytes(_tensors(card, heads, familiar)), _FEATURES: tensor_bytes(dict(features))}
    contents[_README] = readme.encode()
    contents |= {name + _TOP: data for name, data in (tops or {}).items()}
    card = card.model_copy(update={"files": {name: _sha256(data) for name, data in contents.items()}})
    contents[_CARD] = card.model_dump_json(indent=1).encode()
    models.mkdir(parents=True, exist_ok=True)
    folder = models / _version(card, contents[_CARD])
    beside = Path(tempfile.mkdtemp(prefix=".saving-", dir=models))
    try:
        for name, data in contents.items():
            write_atomically(beside / name, data)
        beside.chmod(0o755)  # mkdtemp made it for its owner alone
        if not folder.exists():  # the same version is the same content
            beside.rename(folder)
            sync(models)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def load(folder: Path) -> Model:
    """Read the model in ``folder`` after verifying every file against its sha256; else ``ArtifactError``."""
    data = _read(folder, _CARD)
    try:
        card = Card.model_validate_json(data)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ArtifactError(f"{folder / _CARD} is not a model this version of Trapline reads: {wrong}") from error
    version = _version(card, data)
    if folder.name.startswith(f"{card.name}-") and folder.name != version:
        raise ArtifactError(f"{folder / _CARD} was changed: it is now {version}; train the model again or roll back")
    contents = {name: _verified(folder, name, digest) for name, digest in card.files.items()}
    tensors = read_tensors(contents[_HEADS])
    heads = tuple(_head(tensors, name) for name in card.backbones)
    return Model(folder, version, card, heads, Familiar(tensors["familiar.prototypes"].astype(np.float32)))


def features(model: Model) -> dict[str, np.ndarray]:
    """Read what a model keeps of the pictures it was trained and tested on; ``training/rows.py`` says what that is."""
    return read_tensors(_verified(model.folder, _FEATURES, model.card.files[_FEATURES]))


def _version(card: Card, data: bytes) -> str:
    return f"{card.name}-{card.created}-{_sha256(data)[:8]}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{folder} is not a whole model, {name} cannot be read ({error.strerror}); roll back or train one"
        ) from error


def _verified(folder: Path, name: str, digest: str) -> bytes:
    data = _read(folder, name)
    if _sha256(data) != digest:
        raise ArtifactError(f"{folder / name} was changed since the model was trained; roll back or train it again")
    return data


def _tensors(card: Card, heads: Sequence[Head], familiar: Familiar) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {"familiar.prototypes": familiar.prototypes.astype(np.float16)}
    for name, head in zip(card.backbones, heads, strict=True):
        tensors[f"{name}.reduction.mean"] = head.reduction.mean
        tensors[f"{name}.reduction.components"] = head.reduction.components.astype(np.float16)  # most of its size
        for layer, dense in (("hidden", head.hidden), ("output", head.output)):
            if dense is not None:
                tensors[f"{name}.{layer}.kernel"] = dense.kernel.astype(np.float16)
                tensors[f"{name}.{layer}.bias"] = dense.bias
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def _head(tensors: Mapping[str, np.ndarray], name: str) -> Head:
    components = tensors[f"{name}.reduction.components"].astype(np.float32)
    layers = {
        layer: Dense(tensors[f"{name}.{layer}.kernel"].astype(np.float32), tensors[f"{name}.{layer}.bias"])
        for layer in ("hidden", "output")
        if f"{name}.{layer}.kernel" in tensors
    }
    return Head(Reduction(tensors[f"{name}.reduction.mean"], components), layers.get("hidden"), layers["output"])
