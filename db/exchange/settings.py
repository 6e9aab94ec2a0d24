"""The ``[project]`` section of ``config.toml``: what a Camtrap DP package says of the study that it comes from."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

NEEDED = ("title", "contributors", "sampling_design", "capture_methods")


class Contributor(BaseModel):
    """A person or an organisation that had a part in the study."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, description="the name")
    email: str | None = Field(None, description="an address to write to")
    path: str | None = Field(None, description="a web page, such as an ORCID")
    role: Literal["contact", "principalInvestigator", "rightsHolder", "publisher", "contributor"] | None = Field(
        None, description="the part in it"
    )
    organization: str | None = Field(None, description="where the person belongs")


class ProjectSettings(BaseModel):
    """The study; nothing is needed but for ``trapline export camtrap-dp``, which needs what `missing` names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str | None = Field(None, min_length=1, description="the name of the study")
    description: str | None = Field(None, description="what it is about")
    acronym: str | None = Field(None, description="its short name")
    website: str | None = Field(None, pattern=r"^https?://\S+$", description="its web page")
    contributors: tuple[Contributor, ...] = Field((), description="who had a part in it")
    sampling_design: (
        Literal["simpleRandom", "systematicRandom", "clusteredRandom", "experimental", "targeted", "opportunistic"]
        | None
    ) = Field(None, description="how the places of the cameras were chosen")
    capture_methods: tuple[Literal["activityDetection", "timeLapse"], ...] = Field(
        (), description="what makes the cameras take a picture"
    )
    individual_animals: bool = Field(default=False, description="whether animals are marked or told apart")
    data_license: str | None = Field(
        None, pattern=r"^[-a-zA-Z0-9._]+$", description="of the tables, by its Open Definition name, such as CC0-1.0"
    )
    media_license: str | None = Field(None, pattern=r"^[-a-zA-Z0-9._]+$", description="of the pictures")

    @model_validator(mode="after")
    def _both_licenses_or_none(self) -> Self:
        """Camtrap DP knows no package with one of them."""
        if (self.data_license is None) != (self.media_license is None):
            raise ValueError("expected data_license and media_license, or neither")
        return self

    @property
    def missing(self) -> list[str]:
        """The keys that Camtrap DP cannot do without."""
        return [name for name in NEEDED if not getattr(self, name)]
