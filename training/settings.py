"""The ``[training]`` section of ``config.toml``: how models are trained. Each value is stored with the model."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class TrainingSettings(BaseModel):
    """How the heads, the stack and the thresholds are learned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ensemble: Annotated[Literal["reference", "starter"], Field(description="Which backbones stand below.")] = (
        "reference"
    )
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
    hidden: Annotated[int, Field(ge=0, le=4096, description="Units of the heads' hidden layer; 0: none.")] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.05
    batch_size: Annotated[int, Field(ge=1, description="Rows a step when heads are trained.")] = 64
    epochs: Annotated[int, Field(ge=1, description="At most; each fold stops when its validation loss does.")] = 40
    patience: Annotated[int, Field(ge=1, description="Epochs without a better validation loss before a stop.")] = 4
    stack_strength: Annotated[
        float, Field(ge=0, description="How hard the stack is pulled towards the backbones' plain mean.")
    ] = 0.1
    dimensions: Annotated[int, Field(ge=1, description="Of the reduced features stored with the model.")] = 128
    prototypes: Annotated[int, Field(ge=1, description="A class; distances to them tell the unfamiliar.")] = 16
