"""The ``[training]`` section of ``config.toml``: how models are trained. Each value is stored with the model."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ml.labels import BACKGROUND, SPECIES
from training.views import PLAIN, VIEWS


def _views(names: tuple[str, ...]) -> tuple[str, ...]:
    known = [name for name in VIEWS if name != PLAIN]
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"there is no view {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(name for name in known if name in names)


def _labels(names: dict[str, str]) -> dict[str, str]:
    if unknown := sorted(set(names.values()) - {*SPECIES, *BACKGROUND}):
        raise ValueError(f"there is no label {', '.join(unknown)}; there are {', '.join(SPECIES + BACKGROUND)}")
    return names


class TrainingSettings(BaseModel):
    """How the heads, the stack and the thresholds are learned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ensemble: Annotated[Literal["reference", "starter"], Field(description="Which backbones stand below.")] = (
        "reference"
    )
    class_names: Annotated[
        dict[str, str], AfterValidator(_labels), Field(description="Your own names of class folders, and their label.")
    ] = {}
    seed: Annotated[int, Field(ge=0, description="The same seed and pictures give the same model.")] = 2026
    folds: Annotated[int, Field(ge=2, le=20, description="Fewer are used where a class has fewer pictures.")] = 5
    held_out: Annotated[float, Field(gt=0, lt=0.5, description="Share kept for the test, unless a split is given.")] = (
        0.15
    )
    precision: Annotated[
        float, Field(gt=0, lt=1, description="Share of answers that shall be right: sets the confidence threshold.")
    ] = 0.95
    familiar: Annotated[
        float, Field(gt=0, lt=1, description="Share of right answers to unseen pictures that shall count as familiar.")
    ] = 0.98
    hidden: Annotated[int, Field(ge=0, le=4096, description="Units of the heads' hidden layer; 0: none.")] = 0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    learning_rate: Annotated[float, Field(gt=0)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 1e-3
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    balance: Annotated[
        float, Field(ge=0, le=1, description="1: rare classes weigh as much as common ones; 0: as many as they are.")
    ] = 0.5
    doubt: Annotated[
        bool, Field(description="Correct the labels that the folds are sure are wrong, leave out those they doubt.")
    ] = False
    views: Annotated[
        tuple[str, ...], AfterValidator(_views), Field(description="What else is learned of each picture.")
    ] = ("mirror", "crop", "small", "infrared")
    batch_size: Annotated[int, Field(ge=1, description="Rows a step when heads are trained.")] = 256
    epochs: Annotated[int, Field(ge=1, description="At most; each fold stops when its validation loss does.")] = 40
    patience: Annotated[int, Field(ge=1, description="Epochs without a better validation loss before a stop.")] = 4
    stack_strength: Annotated[
        float, Field(ge=0, description="How hard the stack is pulled towards the backbones' plain mean.")
    ] = 1000.0
    dimensions: Annotated[int, Field(ge=1, description="To which features are reduced; heads learn in them.")] = 512
    stored_dimensions: Annotated[
        int, Field(ge=1, description="How many of them, the first, are kept of each picture for a later retraining.")
    ] = 256
    fine_tune: Annotated[bool, Field(description="Whether the backbones' top blocks learn as well.")] = False
    fine_epochs: Annotated[int, Field(ge=1, description="At most, of fine-tuning; stops as the heads do.")] = 6
    fine_learning_rate: Annotated[float, Field(gt=0, description="Of fine-tuning at its beginning.")] = 3e-4
    prototypes: Annotated[int, Field(ge=1, description="A class; distances to them tell the unfamiliar.")] = 16


class RetrainingSettings(BaseModel):
    """What of a retraining is a station's own business; all else is as the champion was trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reviews: Annotated[
        int, Field(ge=1, description="With fewer new labels than this since the model was trained, nothing is done.")
    ] = 50
    reserved: Annotated[
        float, Field(ge=0, lt=1, description="Share of the deployments whose pictures only test models, for ever.")
    ] = 0.2
    datasets: Annotated[
        tuple[Path, ...], Field(description="Labelled pictures to learn from as well, folders of class folders.")
    ] = ()
