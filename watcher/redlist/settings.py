"""The ``[redlist]`` section of ``config.toml``."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class RedListSettings(BaseModel):
    """How ``trapline redlist refresh`` asks the IUCN Red List."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr | None = Field(
        None, description="your own token, which the environment gives (TRAPLINE_REDLIST__TOKEN), never the file"
    )
    token_file: Path | None = Field(None, description="a file that holds your own token and nothing else")
    url: str = Field("https://api.iucnredlist.org", description="where the Red List's API is")
    pause_seconds: float = Field(
        1.0, ge=0, allow_inf_nan=False, description="from one question to the next at least so long"
    )
