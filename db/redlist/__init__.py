"""The Red List: label → candidate taxa → category, narrowed by the country of the station."""

from db.redlist.resolve import RedList, Resolution, load
from db.redlist.table import RedListError, as_csv
from db.redlist.taxon import Category, Taxon, Trend

__all__ = ["Category", "RedList", "RedListError", "Resolution", "Taxon", "Trend", "as_csv", "load"]
