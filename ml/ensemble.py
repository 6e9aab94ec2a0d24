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
from ml.artifacts import Model, load
from ml.decision import Decision, decide
from ml.graph import CPU_BATCH
from ml.heads import forward, log_softmax, pullback
from ml.model_graph import model_graph
from ml.runner import Runner


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

    def __init__(self, model: Model, graph: Runner, *, runs_on: str = "", lanes: int = 1) -> None:
        """Answer with the heads and the stack of ``model`` behind ``graph``, which ``runs_on`` says in words."""
        self.model = model
        self.classes = model.card.classes
        self.graph = graph
        self.runs_on = runs_on
        self.lanes = lanes

    @classmethod
    def load(cls, folder: Path, weights_folder: Path | None = None, batch_size: int = CPU_BATCH) -> Self:
        """Load the model in ``folder`` as it was trained: by Keras, in float32. What ``model_graph`` raises is raised.

        ``ml.runtime.open_ensemble`` loads it to answer as fast as this machine can.
        """
        model = load(folder)
        return cls(model, model_graph(model, weights_folder, batch_size=batch_size))

    @property
    def batch_size(self) -> int:
        """Pictures that are answered at once."""
        return self.graph.batch_size

    def predict(self, pixels: Pixels) -> list[Answer]:
        """Answer for kept pictures, uint8 (n, size, size, 3) RGB; an answer does not depend on its batch mates.

        So many threads may ask at once as there are ``lanes``.
        """
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
