"""A corrections file: what its JSON must be. ``docs/corrections.schema.json`` is made from it."""

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from db.types import printable

LABEL, REVIEWER, MOST = 80, 80, 500  # characters, characters, corrections
_SHOWN = 120  # characters of what a stranger wrote
_AGAIN = "save the corrections from the report again"


class CorrectionsError(ValueError):
    """A corrections file is refused as a whole, or the folder of them; the message says why, and what to do."""


def _without_controls(name: Any) -> Any:
    """Strip what cannot be seen, or turns the direction of the text around; anything but a text is left for a check."""
    if not isinstance(name, str):
        return name
    return "".join(c for c in " ".join(name.split()) if unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cn"}).strip()


class Correction(BaseModel):
    """What somebody said of one picture, or of an animal in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    media: str = Field(pattern="^[0-9a-f]{64}$", description="the picture: the SHA-256 of its file")
    region: int = Field(
        default=0, ge=0, lt=2**31, description="which part of the picture, as its report has it; 0: the whole"
    )
    label: str = Field(
        min_length=1, max_length=LABEL, description='what it shows; "unknown" where nobody could tell by looking'
    )
    said_at: AwareDatetime = Field(description="when, with the offset from UTC")


class Corrections(BaseModel):
    """What one person said of pictures that one report asked about; what was saved before may be said again."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal["trapline-corrections"]
    version: Literal[1]
    id: str = Field(
        pattern="^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        description="a random UUID, another each time that corrections are saved",
    )
    report: str = Field(pattern="^[0-9a-f]{32}$", description="the token of the report that asked")
    reviewer: Annotated[str, BeforeValidator(_without_controls)] = Field(
        min_length=1, max_length=REVIEWER, description="who looked; control characters are left out"
    )
    corrections: tuple[Correction, ...] = Field(
        min_length=1, max_length=MOST, description="what was said; each picture, or each part of one, once"
    )

    @field_validator("corrections")
    @classmethod
    def _each_once(cls, corrections: tuple[Correction, ...]) -> tuple[Correction, ...]:
        if len({(each.media, each.region) for each in corrections}) < len(corrections):
            raise ValueError("a picture, or a part of one, is named twice")
        return corrections


def parse(content: bytes) -> Corrections:
    """Read the JSON of a corrections file.

    Raises
    ------
    CorrectionsError
        It is not UTF-8, not JSON, nested too deeply, or not what this module says that it must be.

    """
    try:
        return Corrections.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = shown(".".join(map(str, fault["loc"])))
        what = fault["msg"].removeprefix("Value error, ")
        raise CorrectionsError(f"it is no sound corrections file ({where and f'{where}: '}{what}): {_AGAIN}") from error


def shown(text: str) -> str:
    """Give the form in which a stranger's words can stand in a message: printable and short."""
    safe = printable(text.encode("utf-8", "surrogatepass"))
    return safe if len(safe) <= _SHOWN else f"{safe[:_SHOWN]}…"
