"""Independent events: numbered by query and never stored, since late files change them."""

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def number_events(observations: "pd.DataFrame", gap: timedelta) -> "pd.Series[int]":
    """Number independent events: one label at one deployment, each picture at most ``gap`` after the one before.

    ``observations`` has the columns ``deployment_id``, ``label`` and ``captured_at`` (aware UTC), counted ones only,
    in any order. The numbers stand in the same order; which number an event gets means nothing.
    """
    by = ["deployment_id", "label"]
    ordered = observations.sort_values([*by, "captured_at"])
    waited = ordered.groupby(by, dropna=False)["captured_at"].diff()
    starts = waited.isna() | (waited > gap)
    return starts.astype(int).cumsum().reindex(observations.index)
