"""The ``[ledger]`` section of ``config.toml``."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class LedgerSettings(BaseModel):
    """How events are told apart, what effort is, and whose Red List counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_minutes: int = Field(
        30, gt=0, description="pictures of one species at one deployment at most this far apart are one event"
    )
    silence_days: float = Field(
        7, gt=0, allow_inf_nan=False, description="a longer pause between the pictures of a deployment is no effort"
    )
    rounding: float = Field(
        0.1,
        gt=0,
        allow_inf_nan=False,
        description="degrees to which the places of threatened species are rounded in all that leaves the station",
    )
    redlist: Path | None = Field(
        None, description="a CSV of your own that replaces or extends the shipped Red List table"
    )
