"""Camtrap DP's ``deployments`` table."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from db.exchange.sites import Site
from db.exchange.tables import Cells

DEPLOYMENTS = (
    *("deploymentID", "locationID", "locationName", "latitude", "longitude", "coordinateUncertainty"),
    *("deploymentStart", "deploymentEnd", "setupBy", "cameraID", "cameraModel", "cameraDelay", "cameraHeight"),
    *("cameraDepth", "cameraTilt", "cameraHeading", "detectionDistance", "timestampIssues", "baitUse", "featureType"),
    *("habitat", "deploymentGroups", "deploymentTags", "deploymentComments"),
)


def deployment_cells(site: Site) -> Cells:
    """Write a deployment: what ``stations.csv`` says of it, and its camera's model as its pictures say it otherwise."""
    row, zone = site.known.row, ZoneInfo(site.known.row.timezone or "UTC")
    return {
        "deploymentID": site.id,
        "locationID": row.location or row.station,
        "locationName": row.station,
        "latitude": site.latitude,
        "longitude": site.longitude,
        "coordinateUncertainty": site.uncertainty,
        "deploymentStart": _time(site.known.start, zone),
        "deploymentEnd": _time(site.known.end, zone),
        "setupBy": row.setup_by,
        "cameraID": row.camera,
        "cameraModel": row.camera_model or site.known.camera,
        "cameraDelay": row.camera_delay,
        "cameraHeight": row.camera_height,
        "cameraDepth": row.camera_depth,
        "cameraTilt": row.camera_tilt,
        "cameraHeading": row.camera_heading,
        "detectionDistance": row.detection_distance,
        "timestampIssues": flag(site.clock_doubted),
        "baitUse": flag(row.bait),
        "featureType": row.feature,
        "habitat": row.habitat,
        "deploymentGroups": row.groups,
        "deploymentTags": row.tags,
        "deploymentComments": row.comments,
    }


def _time(time: datetime | None, zone: ZoneInfo) -> str | None:
    return time.astimezone(zone or UTC).isoformat(timespec="seconds") if time else None


def flag(value: bool | None) -> str | None:
    """Write yes and no as Camtrap DP does; nothing where nobody said."""
    return None if value is None else str(value).lower()
