"""The one forward pass: pixels in, everything Trapline says of a picture out.

All backbones stand in one Keras graph that runs once a batch, at one batch shape. Heads, stack, decision and Grad-CAM
follow from its outputs in NumPy.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ml import gradcam
from ml.arrays import Floats, Pixels
from ml.artifacts import ArtifactError, Model, load
from ml.backbones import CannotBeTuned, TopMismatch, UnknownBackbone, untrained_seed
from ml.decision import Decision, decide
from ml.graph import PREPROCESSING, Graph, build
from ml.heads import forward, log_softmax, pullback


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one picture."""

    probabilities: dict[str, Floats]  # backbone → float32 (classes,)
    stacked: Floats  # float64 (classes,), after the temperature
    label: str  # the most probable of the eleven, whatever the decision
    probability: float  # its stacked probability
    decision: Decision
    background: str | None  # the most probable background label where the decision is ``other``
    distance: float  # cosine distance to the nearest prototype of the training set, 0..2
    heatmap: Floats  # float32 (h, w) 0..1: what spoke for ``label``


class Ensemble:
    """A model, loaded and ready to answer."""

    def __init__(self, model: Model, graph: Graph) -> None:
        self.model = model
        self.classes = model.card.classes
        self.graph = graph

    @classmethod
    def load(cls, folder: Path, weights_folder: Path | None = None, batch_size: int = 8) -> Self:
        """Load the model in ``folder``; a file or a backbone that is not the one it was trained with is refused.

        Raises ``ArtifactError``, and ``WeightsMissing`` where a backbone's weights are not on this machine.
        """
        model = load(folder)
        if model.card.preprocessing != PREPROCESSING:
            raise ArtifactError(f"{folder} was trained on pictures prepared in another way: train it again")
        seeds = {
            name: seed for name, sha256 in model.card.backbones.items() if (seed := untrained_seed(sha256)) is not None
        }
        names = tuple(model.card.backbones)
        try:
            graph = build(
                names,
                weights_folder=weights_folder,
                untrained=seeds,
                batch_size=batch_size,
                size=model.card.picture_size,
                tops=model.tops,
            )
        except (UnknownBackbone, CannotBeTuned, TopMismatch) as error:
            raise ArtifactError(
                f"{folder} is not a model this version of Trapline can run: {error} Update Trapline, or roll back"
            ) from error
        for name, found in graph.weights_sha256.items():
            if found != model.card.backbones[name]:
                raise ArtifactError(
                    f"{folder} was trained on other weights of {name} than those on this machine; "
                    "put the same file into the weights folder, or train again"
                )
        return cls(model, graph)

    def predict(self, pixels: Pixels) -> list[Answer]:
        """Answer for kept pictures, uint8 (n, size, size, 3) RGB; an answer does not depend on its batch mates."""
        size = self.graph.batch_size
        return [
            answer for start in range(0, len(pixels), size) for answer in self._answers(pixels[start : start + size])
        ]

    def _answers(self, pixels: Pixels) -> list[Answer]:
        outputs = self.graph(pixels)
        maps, pooled = outputs[0::2], outputs[1::2]
        card, stack = self.model.card, self.model.stack
        passed = [forward(head, part) for head, part in zip(self.model.heads, pooled, strict=True)]
        single = np.stack([log_softmax(each.logits) for each in passed], axis=1)  # (batch, backbones, classes)
        stacked = np.exp(stack.log_probabilities(single))
        distances = self.model.familiar.distance([each.reduced for each in passed])
        verdicts = [
            decide(row, card.classes, distance=float(distance), thresholds=card.thresholds)
            for row, distance in zip(stacked, distances, strict=True)
        ]
        explained = np.array([card.classes.index(verdict.label) for verdict in verdicts])
        by_logits = stack.pullback(single, explained)
        by_pooled = [
            pullback(head, each, by_logits[:, place])
            for place, (head, each) in enumerate(zip(self.model.heads, passed, strict=True))
        ]
        heat = gradcam.heatmaps(maps, by_pooled)
        return [
            Answer(
                probabilities=dict(zip(card.backbones, np.exp(single[row]), strict=True)),
                stacked=stacked[row],
                label=verdict.label,
                probability=verdict.probability,
                decision=verdict.decision,
                background=verdict.background,
                distance=float(distances[row]),
                heatmap=heat[row],
            )
            for row, verdict in enumerate(verdicts[: len(pixels)])
        ]
