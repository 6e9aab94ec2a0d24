"""Activity and species accumulation as frames."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from db.queries.activity import activity as by_hour
from db.queries.activity import coordinates_of
from db.queries.effort import DAY, efforts
from db.queries.events import Event, events_in
from db.queries.frames.framing import EVENT_GAP, SILENCE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Unit = tuple[int, int]  # a day of the period, and a deployment (0: none)
NOTHING = 1e-9  # days: what is left of no time at all by rounding


def activity(session: Session, begin: datetime, end: datetime, *, gap: timedelta = EVENT_GAP) -> "pd.DataFrame":
    """Count independent events by the hour of local solar time in which they start.

    At 12 the sun is highest, whatever the time zone: Nouvellet, Rasmussen, Macdonald and Courchamp (2012), "Noisy
    clocks and silent sunrises", Journal of Zoology 286(3): 179-184, say why clock time misleads. Where a deployment
    has no coordinates, the hour is that of the station's clock. For kernels and their overlap (Ridout and Linkie 2009)
    take ``solar_hour`` of `events`.

    Returns
    -------
    pandas.DataFrame
        A row a title, the most frequent first; the columns 0 to 23 are the hours.

    """
    import pandas as pd

    rows, _ = by_hour(events_in(session, begin, end, gap), coordinates_of(session))
    frame = pd.DataFrame([row.hours for row in rows], columns=range(24), dtype="int64")
    frame.index = pd.Index([row.title for row in rows], name="title", dtype="string")
    # one title may have several categories, by the country
    together = frame.groupby(level="title", sort=False).sum()
    return together.loc[together.sum(axis="columns").sort_values(ascending=False, kind="stable").index]


def accumulation(
    session: Session, begin: datetime, end: datetime, *, gap: timedelta = EVENT_GAP, silence: timedelta = SILENCE
) -> "pd.DataFrame":
    """Give how many species (titles) were found with how much effort: as it happened, and as is to be expected.

    The sampling unit is a camera-day: a deployment and a day (24 hours, the first from ``begin`` on) on which it
    watched, for however long, or saw something. ``expected`` is the rarefaction by samples ("Mao Tau"), free of the
    order in which days happened to come: the mean over all choices of t out of the T units,

        S(t) = S_obs − Σᵢ C(T − Yᵢ, t) / C(T, t)

    where species i was found in Yᵢ units. Colwell, Chao, Gotelli, Lin, Mao, Chazdon and Longino (2012), "Models and
    estimators linking individual-based and sample-based rarefaction, extrapolation and comparison of assemblages",
    Journal of Plant Ecology 5(1): 3-21; why by samples, Gotelli and Colwell (2001), "Quantifying
    biodiversity", Ecology Letters 4(4): 379-391.

    Returns
    -------
    pandas.DataFrame
        The index ``camera_days`` goes from 1 to T. ``observed``: the species found in the first so many units, day by
        day; ``expected``: the rarefied number.

    """
    import pandas as pd

    found = events_in(session, begin, end, gap)
    seen: defaultdict[str, set[Unit]] = defaultdict(set)
    for event in found:
        seen[event.kind.title].add(_unit(event, begin))
    units = sorted(_watched(session, begin, end, silence).union(*seen.values()))
    return pd.DataFrame(
        {
            "observed": _observed([units.index(min(found_in)) for found_in in seen.values()], len(units)),
            "expected": _rarefied([len(found_in) for found_in in seen.values()], len(units)),
        },
        index=pd.RangeIndex(1, len(units) + 1, name="camera_days"),
    )


def _unit(event: Event, begin: datetime) -> Unit:
    """Give the camera-day of an event; a day ends with its border, as a period does."""
    return (event.captured_at - begin - timedelta.resolution) // DAY, event.deployment_id or 0


def _watched(session: Session, begin: datetime, end: datetime, silence: timedelta) -> set[Unit]:
    days = range(-((begin - end) // DAY))
    borders = [min(begin + DAY * day, end) for day in (*days, len(days))]
    units: set[Unit] = set()
    for each in efforts(session, begin, end, silence, now=end):
        so_far = [each.days_until(time) for time in borders]
        units.update((day, each.deployment_id) for day in days if so_far[day + 1] - so_far[day] > NOTHING)
    return units


def _observed(firsts: list[int], units: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    import numpy as np

    return np.bincount(firsts, minlength=units).cumsum()


def _rarefied(incidences: list[int], units: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
    import numpy as np
    from scipy.special import gammaln

    drawn = np.arange(1, units + 1)
    expected = np.full(units, float(len(incidences)))
    for found_in in incidences:
        # of the units without the species, as many as are drawn; beyond them it is found for sure
        may = drawn[: units - found_in]
        rest = units - found_in
        missed = gammaln(rest + 1) - gammaln(rest - may + 1) - gammaln(units + 1) + gammaln(units - may + 1)
        expected[: len(may)] -= np.exp(missed)
    return expected
