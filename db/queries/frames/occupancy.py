"""Detection histories: what occupancy models are fitted to."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from db.queries.frames.effort import occasion_effort
from db.queries.frames.events import events
from db.queries.frames.framing import EVENT_GAP, SILENCE

if TYPE_CHECKING:
    import pandas as pd


def detection_history(
    session: Session,
    title: str,
    begin: datetime,
    end: datetime,
    *,
    occasion_days: int = 7,
    minimum_days: float = 0,
    gap: timedelta = EVENT_GAP,
    silence: timedelta = SILENCE,
) -> "pd.DataFrame":
    """Give on which occasions a species was seen at each station.

    MacKenzie, Nichols, Lachman, Droege, Royle and Langtimm (2002), "Estimating site occupancy rates when detection
    probabilities are less than one", Ecology 83(8): 2248-2255. An occasion is ``occasion_days`` days of the period,
    the first from ``begin`` on; the last one ends with the period, however short it is. A species was seen on the one
    in which an independent event of it starts, so that occasions do not share one.

    By default every occasion with any effort counts, as in camtrapR without ``minActiveDaysPerOccasion``. With
    ``minimum_days``, occasions with fewer camera-days of the station are missing, whatever was seen on them: to leave
    out only those without a detection would make the species seem easier to see than it is.

    Returns
    -------
    pandas.DataFrame
        The rows and columns of `occasion_effort`, and a row for a station that saw something without any known
        effort. 1: seen; 0: not seen; missing: no camera ran for long enough. Seen without effort (a camera whose
        clock was never set) is 1 by default, since some camera did run. Naive occupancy is the share of the stations
        with a 1 among those with any value.

    """
    import numpy as np
    import pandas as pd

    days = occasion_effort(session, begin, end, occasion_days=occasion_days, silence=silence)
    found = events(session, begin, end, gap=gap)
    found = found[found["title"] == title]
    stations = pd.Index(found["station"], name="station")
    days = days.reindex(days.index.union(stations.unique()), fill_value=0.0)
    seen = np.zeros(days.shape, dtype=bool)
    # an occasion begins after its border, as a period does
    occasions = days.columns.searchsorted(found["start"], side="left") - 1
    seen[days.index.get_indexer(stations), occasions] = True
    watched = (days > 0) | seen
    history = pd.DataFrame(seen.astype("float64"), index=days.index, columns=days.columns)
    return history.where(watched & (days >= minimum_days))
