"""Others judge a Camtrap DP package: frictionless its tables, jsonschema its descriptor. Nothing is fetched."""

import json
from pathlib import Path

import frictionless
import pandas as pd
from frictionless import Package, Resource, Schema
from jsonschema import Draft4Validator, FormatChecker
from needs import skip_or_fail
from referencing import Registry
from referencing.jsonschema import DRAFT4

TABLES = ("deployments", "media", "observations")
GEOJSON = Path(frictionless.__file__).parent / "assets/profiles/geojson.json"
# What the profile builds on: GeoJSON as frictionless ships it; Data Packages are judged by frictionless itself.
ELSEWHERE = {
    "https://specs.frictionlessdata.io/schemas/data-package.json": {"type": "object", "required": ["resources"]},
    "http://json.schemastore.org/geojson.json": json.loads(GEOJSON.read_text(encoding="utf-8")),
}


def faults(folder, shared):
    """What is wrong with the package in a folder, as text."""
    standard = shared / "camtrap-dp-1.0.2"
    if not standard.is_dir():
        skip_or_fail("shared", f"the schemas of Camtrap DP are not here ({standard})")
    descriptor = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    return [*_of_descriptor(descriptor, standard), *_of_tables(descriptor, folder, standard)]


def _of_descriptor(descriptor, standard):
    profile = json.loads((standard / "camtrap-dp-profile.json").read_text(encoding="utf-8"))
    registry = Registry().with_resources(
        (address, DRAFT4.create_resource(schema)) for address, schema in ELSEWHERE.items()
    )
    judge = Draft4Validator(profile, registry=registry, format_checker=FormatChecker())
    return [f"{list(fault.absolute_path)}: {fault.message}" for fault in judge.iter_errors(descriptor)]


def _of_tables(descriptor, folder, standard):
    for name, resource in zip(TABLES, descriptor["resources"], strict=True):
        assert resource["name"] == name
        assert resource["schema"].endswith(f"/1.0.2/{name}-table-schema.json")
    resources = [
        Resource(
            name=name, path=f"{name}.csv", basepath=str(folder),
            schema=Schema.from_descriptor(json.loads((standard / f"{name}-table-schema.json").read_text())),
        )
        for name in TABLES
    ]  # fmt: skip
    named = {"resources": [{"name": name, "path": f"{name}.csv"} for name in TABLES]}
    judged = [
        Package.from_descriptor(descriptor | named | {"profile": "data-package"}, basepath=str(folder)).validate(),
        Package(resources=resources).validate(),
    ]
    return [str(fault) for report in judged for fault in report.flatten(["title", "rowNumber", "fieldName", "note"])]


def read_back(folder):
    """The tables as pandas has them: all as text, an empty cell as an empty text."""
    return {
        name: pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False) for name in (*TABLES, "left_out")
    }
