"""``stations.csv``: a table of deployments, the one to which a picture belongs, and how the table fits the inbox."""

from watcher.stations.deployments import Captured, Listed, deployment_of
from watcher.stations.fit import Fit, astray, fit, loose_ends
from watcher.stations.table import Stations, StationsError, read_stations

__all__ = [
    "Captured",
    "Fit",
    "Listed",
    "Stations",
    "StationsError",
    "astray",
    "deployment_of",
    "fit",
    "loose_ends",
    "read_stations",
]
