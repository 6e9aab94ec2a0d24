"""Rates: how often each species was seen for the effort, and whether that has changed.

RAI is the number of independent events per 100 camera-days (O'Brien, Kinnaird and Wibisono 2003).
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from db.queries.events import Event
from db.queries.species import severity
from db.redlist import Category

FEWEST = 10  # events of both periods together, below which nothing is said of a change
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Change:
    """A rate divided by the one before, with its 95 % interval; infinite where there was nothing before."""

    ratio: float
    low: float
    high: float

    @property
    def is_new(self) -> bool:
        """Whether there was nothing before, so that only the low end says something."""
        return math.isinf(self.ratio)


@dataclass(frozen=True, slots=True)
class Rate:
    """A species in a period; ``rai`` is None without effort, ``change`` where too little is known of it."""

    label: str
    title: str
    taxa: tuple[str, ...]
    letters: tuple[Category, ...]
    events: int
    rai: float | None
    change: Change | None


def rates(events: Iterable[Event], before: Iterable[Event], *, days: float, days_before: float) -> tuple[Rate, ...]:
    """Give the rate of each species seen in the period or in the one before.

    The most severe category stands first, then the most events. ``days`` and ``days_before`` are camera-days.
    """
    now, then = (Counter(event.kind for event in of) for of in (events, before))
    rows = [
        Rate(
            label=kind.label,
            title=kind.title,
            taxa=kind.taxa,
            letters=kind.letters,
            events=now[kind],
            rai=100 * now[kind] / days if days else None,
            change=change(now[kind], then[kind], days=days, days_before=days_before),
        )
        for kind in dict.fromkeys([*now, *then])
    ]
    return tuple(sorted(rows, key=lambda row: (-severity(row.letters), -row.events, row.title, row.taxa, row.label)))


def change(events: int, before: int, *, days: float, days_before: float) -> Change | None:
    """Compare two rates of events, exactly: the conditional test of Przyborowski and Wilenski (1940).

    Given the sum of two Poisson counts, one of them is binomial with p = r·t / (r·t + t₀), where r is the ratio of the
    rates, t and t₀ the efforts. Thus the exact (Clopper-Pearson) interval of p gives that of r = p / (1 − p)·t₀ / t.

    Przyborowski, J. and Wilenski, H. (1940), "Homogeneity of results in testing samples from Poisson series",
    Biometrika 31(3/4): 313-323.
    """
    together = events + before
    if together < FEWEST or not days or not days_before:
        return None
    low, high = _clopper_pearson(events, together)
    return Change(*(_odds(p) * days_before / days for p in (events / together, low, high)))


def _clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    from scipy.special import betaincinv

    tail, failures = (1 - CONFIDENCE) / 2, trials - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return low, high


def _odds(p: float) -> float:
    return p / (1 - p) if p < 1 else math.inf
