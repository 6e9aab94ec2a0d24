"""A flat table: one row an observation of a picture, or of an animal in it, with its deployment, for a spreadsheet.

The columns are Camtrap DP's where it has them. Nothing is left out but copies: what lacks a place, or a time that its
camera wrote, has empty cells there.
"""

from typing import TextIO

from sqlalchemy.orm import Session

from db.exchange.cells import BOX, answer_cells, box_cells, file_path, observation_id, stamp
from db.exchange.deployments import deployment_cells
from db.exchange.sites import Scope, sites
from db.exchange.tables import guarded, rows_of
from db.queries.exported.answers import answers

OF_DEPLOYMENT = (
    *("deploymentID", "locationID", "locationName", "latitude", "longitude", "coordinateUncertainty"),
    *("cameraID", "timestampIssues"),
)
COLUMNS = (
    *("observationID", "mediaID", "timestamp", "filePath", "observationType", "scientificName", "vernacularName"),
    *("label", "redListCategory", "redListVersion", *BOX, "classificationMethod", "classifiedBy"),
    *("classificationTimestamp", "classificationProbability", "observationComments", *OF_DEPLOYMENT),
)


def write_flat(session: Session, file: TextIO, scope: Scope) -> int:
    """Write the table and give its number of rows; a text that a spreadsheet would run gets an apostrophe before it."""
    of = {key: deployment_cells(site) for key, site in sites(session, scope).items()}
    deployments = {key: {name: cells[name] for name in OF_DEPLOYMENT} for key, cells in of.items()}
    write, count = rows_of(file, COLUMNS), 0
    for row in answers(session, scope.begin, scope.end):
        answer = answer_cells(row) | box_cells(row)
        del answer["observationTags"]
        cells = answer | {
            "observationID": observation_id(row),
            "mediaID": row.sha256,
            "timestamp": stamp(row.captured_local, row.captured_at) if row.time_source == "exif" else None,
            "filePath": file_path(row.path_text),
            "vernacularName": row.title,
            "label": row.label,
            "redListCategory": row.category,
            "redListVersion": row.redlist_version,
        }
        write(guarded(cells | deployments.get(row.deployment_id, {})))
        count += 1
    return count
