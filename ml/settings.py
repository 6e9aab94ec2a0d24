"""The ``[model]`` section of ``config.toml``. Thresholds are not here: they are learned, and travel with the model."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ModelSettings(BaseModel):
    """How the model is run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights_folder: Annotated[
        Path | None,
        Field(description="Folder with the backbones' weight files; without it they come from Keras' own cache."),
    ] = None
    batch_size: Annotated[
        int,
        Field(ge=1, le=256, description="Pictures a forward pass; above 8 a CPU gains nothing and memory grows."),
    ] = 8
