"""A model's backbones as a Keras graph: those it was trained on, or a refusal that says what to do."""

from pathlib import Path

from ml.artifacts import ArtifactError, Model
from ml.backbones import CannotBeTuned, TopMismatch, UnknownBackbone, untrained_seed
from ml.graph import CPU_BATCH, PREPROCESSING, Graph, build
from ml.settings import Precision


def model_graph(
    model: Model, weights_folder: Path | None, *, batch_size: int = CPU_BATCH, precision: Precision = Precision.FLOAT32
) -> Graph:
    """Build the graph that ``model`` was trained on.

    Raises ``ArtifactError`` where a file or a backbone is another than then, and ``WeightsMissing`` where a backbone's
    weights are not on this machine.
    """
    folder, card = model.folder, model.card
    refuse_other_preprocessing(model)
    seeds = {name: seed for name, sha256 in card.backbones.items() if (seed := untrained_seed(sha256)) is not None}
    try:
        graph = build(
            tuple(card.backbones),
            weights_folder=weights_folder,
            untrained=seeds,
            batch_size=batch_size,
            size=card.picture_size,
            tops=model.tops,
            precision=precision,
        )
    except (UnknownBackbone, CannotBeTuned, TopMismatch) as error:
        raise ArtifactError(
            f"{folder} is not a model this version of Trapline can run: {error} Update Trapline, or roll back"
        ) from error
    for name, found in graph.weights_sha256.items():
        if found != card.backbones[name]:
            raise ArtifactError(
                f"{folder} was trained on other weights of {name} than those on this machine; "
                "put the same file into the weights folder, or train again"
            )
    return graph


def refuse_other_preprocessing(model: Model) -> None:
    """Raise ``ArtifactError`` where ``model`` was trained on pictures prepared in another way."""
    if model.card.preprocessing != PREPROCESSING:
        raise ArtifactError(f"{model.folder} was trained on pictures prepared in another way: train it again")
