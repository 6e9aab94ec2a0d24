"""The ``[ledger]`` section of ``config.toml``."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class LedgerSettings(BaseModel):
    """How events are told apart, and whose Red List counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_minutes: int = Field(
        30, gt=0, description="pictures of one species at one deployment at most this far apart are one event"
    )
    redlist: Path | None = Field(
        None, description="a CSV of your own that replaces or extends the shipped Red List table"
    )
