"""Camtrap DP's descriptor, ``datapackage.json``: the study, and what its tables cover."""

from collections.abc import Collection
from typing import Any

from db.exchange.names import Name
from db.exchange.observations import Observed
from db.exchange.settings import ProjectSettings
from db.exchange.sites import Scope, Site
from db.redlist import RedList

SCHEMAS = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2"
TABLES = ("deployments", "media", "observations")


def descriptor(project: ProjectSettings, sites: Collection[Site], observed: Observed, scope: Scope) -> dict[str, Any]:
    """Describe the package of these deployments, in which this was observed."""
    rounded = [site.rounding for site in sites if site.rounding is not None]
    return {
        "resources": [_resource(name) for name in TABLES],
        "profile": f"{SCHEMAS}/camtrap-dp-profile.json",
        "title": project.title,
        "created": scope.now.isoformat(timespec="seconds"),
        "sources": [{"title": "Trapline"}],
        "contributors": [one.model_dump(exclude_none=True) for one in project.contributors],
        **_licenses(project),
        "project": _project(project),
        **({"coordinatePrecision": max(rounded)} if rounded else {}),
        "spatial": _spatial(sites),
        "temporal": _temporal(sites),
        "taxonomic": [_taxon(name, scope.redlist) for name in sorted(observed.names, key=lambda name: name.scientific)],
        "references": _references(observed.taxa, scope.redlist),
    }


def _resource(name: str) -> dict[str, str]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": f"{SCHEMAS}/{name}-table-schema.json",
    }


def _licenses(project: ProjectSettings) -> dict[str, Any]:
    both = {"data": project.data_license, "media": project.media_license}
    return {"licenses": [{"name": name, "scope": scope} for scope, name in both.items()]} if all(both.values()) else {}


def _project(project: ProjectSettings) -> dict[str, Any]:
    said = {
        "title": project.title,
        "acronym": project.acronym,
        "description": project.description,
        "path": project.website,
        "samplingDesign": project.sampling_design,
        "captureMethod": list(project.capture_methods),
        "individualAnimals": project.individual_animals,
        "observationLevel": ["media", "event"],
    }
    return {key: value for key, value in said.items() if value is not None}


def _spatial(sites: Collection[Site]) -> dict[str, Any]:
    """Give the smallest box around the places that are told."""
    north = [site.latitude for site in sites if site.latitude is not None]
    east = [site.longitude for site in sites if site.longitude is not None]
    west, south, right, top = min(east), min(north), max(east), max(north)
    ring = [[west, south], [right, south], [right, top], [west, top], [west, south]]
    return {"type": "Polygon", "bbox": [west, south, right, top], "coordinates": [ring]}


def _temporal(sites: Collection[Site]) -> dict[str, str]:
    start = min(site.known.start for site in sites if site.known.start)
    end = max(site.known.end for site in sites if site.known.end)
    return {"start": start.date().isoformat(), "end": end.date().isoformat()}


def _taxon(name: Name, redlist: RedList) -> dict[str, Any]:
    common = {taxon.scientific_name: taxon.common_name for taxon in redlist.taxa}
    said = {
        "scientificName": name.scientific,
        "taxonRank": name.rank,
        "family": name.family,
        "genus": name.genus,
        "vernacularNames": {"eng": common[name.scientific]} if name.scientific in common else None,
    }
    return {key: value for key, value in said.items() if value}


def _references(taxa: Collection[str], redlist: RedList) -> list[str]:
    """Cite the assessments that categories in the observations' tags come from."""
    return [taxon.citation for taxon in redlist.taxa if taxon.scientific_name in taxa]
