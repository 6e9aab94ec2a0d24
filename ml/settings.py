"""The ``[model]`` section of ``config.toml``. Thresholds are not here: they are learned, and travel with the model."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Runtime(StrEnum):
    """What runs the backbones."""

    TENSORFLOW = "tensorflow"  # by Keras; the default, and on a GPU
    JAX = "jax"  # by Keras
    OPENVINO = "openvino"  # for CPUs; an export of the same graph


class Precision(StrEnum):
    """What the backbones compute in; heads, stack and Grad-CAM always compute in float32 and float64."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


Auto = Literal["auto"]


class ModelSettings(BaseModel):
    """How the model is run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights_folder: Annotated[
        Path | None,
        Field(description="Folder with the backbones' weight files; without it they come from Keras' own cache."),
    ] = None
    runtime: Annotated[
        Runtime | Auto,
        Field(description="auto: TensorFlow where it sees a GPU; else OpenVINO, where it is installed."),
    ] = "auto"
    precision: Annotated[
        Precision | Auto,
        Field(description="auto: bfloat16 where the processor has it and the model is known to decide the same in it."),
    ] = "auto"
    batch_size: Annotated[
        Annotated[int, Field(ge=1, le=4096)] | Auto,
        Field(description="Pictures a forward pass; auto: few on a CPU, and on a GPU what is found to be fastest."),
    ] = "auto"
