"""What the IUCN Red List's API (version 4) answers, as far as Trapline reads it: names, categories and countries.

Nothing else of an answer is kept. The shapes are those of ``GET /api/v4/taxa/scientific_name`` and
``GET /api/v4/assessment/{id}`` (https://api.iucnredlist.org/api-docs).
"""

import re
from dataclasses import replace
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from db.redlist.taxon import Category, Taxon, Trend

GLOBAL = "1"  # the code of this scope; others are regional
EXTINCT = "Extinct"  # how a location begins where the taxon is known to be gone


class _Answer(BaseModel):
    """Keys that are not named here may come and go."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Coded(_Answer):
    """A category or a scope."""

    code: str


class Text(_Answer):
    """A text in English."""

    en: str


class Described(_Answer):
    """A trend."""

    description: Text


class Listed(_Answer):
    """An assessment in the list of a taxon."""

    assessment_id: int
    latest: bool
    scopes: tuple[Coded, ...]


class Assessments(_Answer):
    """All assessments of a taxon, in no order."""

    assessments: tuple[Listed, ...]

    @property
    def current(self) -> int | None:
        """The identifier of the global assessment in force; None where there is none."""
        found = (one for one in self.assessments if one.latest and any(scope.code == GLOBAL for scope in one.scopes))
        return next((one.assessment_id for one in found), None)


class Location(_Answer):
    """A country, or (with another kind of code) a part of one."""

    code: str | None
    presence: str | None


class Assessment(_Answer):
    """One assessment."""

    assessment_date: datetime
    year_published: int
    citation: str = Field(min_length=1)
    criteria: str | None
    red_list_category: Coded
    population_trend: Described | None
    locations: tuple[Location, ...] = Field(min_length=1)


def revised(taxon: Taxon, assessment: Assessment, today: date) -> Taxon:
    """Give the row of ``taxon`` as ``assessment`` has it; names, rank, labels and reintroductions stay.

    Countries in which the taxon is extinct are left out, those in which it is possibly extinct, uncertain, introduced
    or a vagrant are not. Raises ``ValueError`` for a category, trend or country that is not as it should be.
    """
    trend = assessment.population_trend
    listed = {
        place.code
        for place in assessment.locations
        if place.code and re.fullmatch("[A-Z]{2}", place.code) and not (place.presence or "").startswith(EXTINCT)
    }
    if not listed:
        raise ValueError("no country in which it lives")
    return replace(
        taxon,
        category=Category(assessment.red_list_category.code),
        criteria=assessment.criteria or "",
        assessed=assessment.assessment_date.year,
        published=assessment.year_published,
        trend=Trend(trend.description.en.lower()) if trend else Trend.UNKNOWN,
        countries=frozenset(listed) | taxon.reintroduced,
        citation=" ".join(assessment.citation.split()).partition(" Accessed on ")[0],
        retrieved=today,
    )
