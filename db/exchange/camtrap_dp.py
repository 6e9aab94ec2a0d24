"""Camtrap DP 1.0.2 (https://camtrap-dp.tdwg.org): descriptor, three tables, and a list of what they have no room for.

Nothing is invented. A picture without a time that its camera wrote, and a deployment without a place or without an end,
stand in ``left_out.csv``; what nobody counted or measured stays empty. Each answer is an observation of its picture,
or of the animal in it that the answer is of. The answers of an independent event make one observation more, which says
what the surest of them says.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sqlalchemy.orm import Session

from db.exchange.cells import file_path, media_type, stamp
from db.exchange.deployments import DEPLOYMENTS, deployment_cells, flag
from db.exchange.descriptor import descriptor
from db.exchange.observations import write_observations
from db.exchange.settings import ProjectSettings
from db.exchange.sites import Scope, Site, sites
from db.exchange.tables import table
from db.queries.exported.pictures import media, not_whole

MEDIA = (
    *("mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic", "fileName", "fileMediatype"),
    *("exifData", "favorite", "mediaComments"),
)
LEFT_OUT = ("kind", "id", "filePath", "media", "reason")


class NothingToExportError(ValueError):
    """No deployment has what Camtrap DP asks for."""


@dataclass(frozen=True, slots=True)
class Package:
    """What was written, and what was left out."""

    deployments: int
    media: int
    observations: int  # of single pictures, and of the animals in them
    events: int
    deployments_left_out: int
    media_of_these: int
    media_left_out: int  # by themselves


def write_package(session: Session, folder: Path, project: ProjectSettings, scope: Scope) -> Package:
    """Write the package into an empty folder; ``project`` lacks nothing.

    Raises
    ------
    NothingToExportError
        No deployment has a place, a start and an end.

    """
    met = sites(session, scope)
    whole = {key: site for key, site in met.items() if site.lacks is None}
    without = [site for site in met.values() if site.lacks is not None]
    if not whole:
        raise NothingToExportError(
            "no deployment has all that Camtrap DP asks for: give latitude and longitude in stations.csv, "
            "and deploymentStart and deploymentEnd where a camera's clock is wrong"
        )
    with table(folder / "deployments.csv", DEPLOYMENTS) as write:
        for site in whole.values():
            write(deployment_cells(site))
    pictures = _write_media(session, folder / "media.csv", whole, project, scope)
    observed = write_observations(session, folder / "observations.csv", whole, scope)
    left_out = _write_left_out(session, folder / "left_out.csv", without, scope)
    text = json.dumps(descriptor(project, whole.values(), observed, scope), indent=2, ensure_ascii=False)
    (folder / "datapackage.json").write_text(text + "\n", encoding="utf-8")
    return Package(
        deployments=len(whole),
        media=pictures,
        observations=observed.pictures,
        events=observed.events,
        deployments_left_out=len(without),
        media_of_these=sum(site.known.media for site in without),
        media_left_out=left_out,
    )


def _write_media(
    session: Session, path: Path, whole: Mapping[int, Site], project: ProjectSettings, scope: Scope
) -> int:
    """Write the pictures; one is public where nothing that was said of it leaves room for a person.

    EXIF is not handed on: it may hold the exact place, and names.
    """
    method = project.capture_methods[0] if len(project.capture_methods) == 1 else None
    count = 0
    with table(path, MEDIA) as write:
        for sha256, rows in groupby(media(session, scope.begin, scope.end), key=lambda row: row.sha256):
            row, *others = rows
            count += 1
            write({
                "mediaID": sha256,
                "deploymentID": whole[row.deployment_id].id,
                "captureMethod": method,
                "timestamp": stamp(row.captured_local, row.captured_at),
                "filePath": file_path(row.path_text),
                "filePublic": flag(all(one.harmless for one in (row, *others))),
                "fileName": row.path_text.rpartition("/")[2],
                "fileMediatype": media_type(row.format),
            })  # fmt: skip
    return count


def _write_left_out(session: Session, path: Path, without: Collection[Site], scope: Scope) -> int:
    """Name what Camtrap DP has no room for, and why; give how many pictures that are."""
    count = 0
    with table(path, LEFT_OUT) as write:
        for site in without:
            write({"kind": "deployment", "id": site.id, "media": site.known.media, "reason": site.lacks})
        for row in not_whole(session, scope.begin, scope.end):
            count += 1
            write({"kind": "media", "id": row.sha256, "filePath": row.path_text, "media": 1, "reason": row.reason})
    return count
