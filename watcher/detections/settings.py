"""The ``[detections]`` section of ``config.toml``."""

from pydantic import BaseModel, ConfigDict, Field


class DetectionsSettings(BaseModel):
    """What of a detector's results is believed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(
        0.2, gt=0, le=1, description="a detector's box counts from this confidence on; a picture without one is blank"
    )
