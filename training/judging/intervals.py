"""How far a figure may be off: 95 % intervals by a bootstrap over groups, of one answer or of two to the same pictures.

Pictures of one group resemble each other, so whole groups are drawn (Davison & Hinkley 1997, section 3.8). What a
picture adds to a statistic is a row of counts; a draw is a vector of how often each group was drawn, and all draws are
one matrix product.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ml.arrays import Floats, Ints
from training.judging.calibration import BINS, ece_of_sums, ece_sums

_TAIL = 0.025  # on each side of a 95 % interval
_CHUNK = 250  # draws at a time: (draws, groups) fit the memory


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and between what its 95 % interval lies."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Statistic:
    """A figure that depends on sums over pictures alone.

    ``counts``: answers (n, classes), labels (n,) → what each picture adds (n, m). ``value``: sums (…, m) → (…), nan
    where there is nothing to divide by. Of a ``share`` the first column counts the pictures, the second the right.
    """

    counts: Callable[[Floats, Ints], Floats]
    value: Callable[[Floats], Floats]
    share: bool = False


def estimate(
    answers: Floats,
    labels: Ints,
    groups: Ints,
    statistics: Mapping[str, Statistic],
    *,
    draws: int = 2000,
    seed: int,
) -> dict[str, Interval]:
    """Return each figure of ``answers`` with its interval, cut to 0..1.

    ``answers`` are log-probabilities (n, classes), ``labels`` class indices (n,), ``groups`` numbers (n,). Where
    nothing in a share is wrong (or right) a bootstrap has no width; the exact bound over the groups stands in
    (Clopper & Pearson 1934). A figure of no pictures is nan.
    """
    columns = [each.counts(answers, labels) for each in statistics.values()]
    sums, drawn = _resampled(np.concatenate(columns, axis=1), groups, draws=draws, seed=seed)
    ends = np.cumsum([part.shape[1] for part in columns])[:-1]
    parts = zip(statistics.items(), columns, np.split(sums, ends), np.split(drawn, ends, axis=1), strict=True)
    found = {}
    for (name, statistic), column, whole, part in parts:
        interval = _interval(float(statistic.value(whole)), statistic.value(part))
        if statistic.share and interval.value in {0.0, 1.0}:
            interval = _exact(interval.value, len(np.unique(groups[column[:, 0] > 0])))
        low, high = np.clip([interval.low, interval.high], 0, 1).tolist()
        found[name] = Interval(interval.value, low, high)
    return found


def paired(
    first: Floats,
    second: Floats,
    labels: Ints,
    groups: Ints,
    *,
    statistic: Statistic,
    weights: Floats | None = None,
    draws: int = 2000,
    seed: int,
) -> Interval:
    """Return the figure of ``second`` minus that of ``first``, answers (n, classes) to the same pictures.

    Both are drawn together, so what makes a picture hard for both cancels out. ``weights`` (n,): how much each picture
    counts, 1 if not given.
    """
    counts = np.concatenate([statistic.counts(first, labels), statistic.counts(second, labels)], axis=1)
    if weights is not None:
        counts = counts * weights[:, None]
    sums, drawn = _resampled(counts, groups, draws=draws, seed=seed)
    half = len(sums) // 2
    value, spread = (statistic.value(each[..., half:]) - statistic.value(each[..., :half]) for each in (sums, drawn))
    return _interval(float(value), spread)


def mcnemar(first: Floats, second: Floats, labels: Ints) -> float:
    """Return the two-sided p of McNemar's exact test that two answers (n, classes) are equally often right.

    It takes pictures as independent, which those of a group are not; the paired interval does not.
    """
    from scipy.stats import binomtest

    right, also = first.argmax(axis=1) == labels, second.argmax(axis=1) == labels
    gained, lost = int((also & ~right).sum()), int((right & ~also).sum())
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def share(right: Sequence[bool] | np.ndarray, groups: Ints, *, draws: int = 2000, seed: int) -> Interval:
    """Return which share of ``right`` (n,) is true, with its interval; groups (n,)."""
    answers = np.eye(2)[np.asarray(right, np.intp)]
    return estimate(answers, np.ones(len(groups), np.intp), groups, {"": ACCURACY}, draws=draws, seed=seed)[""]


def recall(place: int) -> Statistic:
    """Return the statistic: of the pictures of class ``place``, which share is answered so."""
    return Statistic(partial(_right, only=place), _ratio, share=True)


def among(places: Sequence[int]) -> Statistic:
    """Return the statistic: of the pictures of the classes ``places``, which share is right when asked for those alone.

    To renormalise the probabilities among them changes nothing about which is the highest.
    """
    return Statistic(partial(_right_among, places=np.asarray(places)), _ratio, share=True)


def _right_among(answers: Floats, labels: Ints, places: Ints) -> Floats:
    asked = np.isin(labels, places).astype(np.float64)
    return np.stack([asked, asked * (places[answers[:, places].argmax(axis=1)] == labels)], axis=1)


def _right(answers: Floats, labels: Ints, only: int | None = None) -> Floats:
    asked = np.ones(len(labels)) if only is None else (labels == only).astype(np.float64)
    return np.stack([asked, asked * (answers.argmax(axis=1) == labels)], axis=1)


def _ratio(sums: Floats) -> Floats:
    return _divided(sums[..., 1], sums[..., 0])


def _hits(answers: Floats, labels: Ints) -> Floats:
    """Return (n, 3 · classes): rightly answered, true and answered, one column a class each."""
    every = np.eye(answers.shape[1])
    truth, said = every[labels], every[answers.argmax(axis=1)]
    return np.concatenate([truth * said, truth, said], axis=1)


def _macro_f1(sums: Floats) -> Floats:
    """Return the mean F1 of the classes that there are pictures of."""
    hits, truth, said = np.split(sums, 3, axis=-1)
    f1 = np.where(truth > 0, 2 * hits / np.maximum(truth + said, 1e-12), 0)
    return _divided(f1.sum(axis=-1), (truth > 0).sum(axis=-1))


def _divided(above: Floats, below: Floats) -> Floats:
    quotient: Floats = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
    return quotient


ACCURACY = Statistic(_right, _ratio, share=True)
MACRO_F1 = Statistic(_hits, _macro_f1)
ECE = Statistic(partial(ece_sums, bins=BINS), ece_of_sums)


def _resampled(counts: Floats, groups: Ints, *, draws: int, seed: int) -> tuple[Floats, Floats]:
    """Return the sums of ``counts`` (n, m) over all pictures (m,), and over those of each draw (draws, m)."""
    names, place = np.unique(groups, return_inverse=True)
    of_groups = np.zeros((len(names), counts.shape[1]))
    np.add.at(of_groups, place, counts)
    drawn = [times @ of_groups for times in _drawn(len(names), draws, np.random.default_rng(seed))]
    return of_groups.sum(axis=0), np.concatenate(drawn)


def _drawn(groups: int, draws: int, chance: np.random.Generator) -> Iterator[Floats]:
    """Yield, some draws at a time, how often each group is drawn (…, groups) when as many are drawn as there are."""
    for start in range(0, draws, _CHUNK):
        count = min(_CHUNK, draws - start)
        rows = np.arange(count)[:, None] * groups
        picked = chance.integers(0, groups, (count, groups)) + rows
        yield np.bincount(picked.ravel(), minlength=count * groups).reshape(count, groups).astype(np.float64)


def _interval(value: float, drawn: Floats) -> Interval:
    """Take the percentiles of the draws, moved so that their mean is ``value``.

    A calibration error, say, is larger in every resample than in the whole; that bias is taken off again.
    """
    usable = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(usable):
        return Interval(np.nan, np.nan, np.nan)
    low, high = np.quantile(usable, [_TAIL, 1 - _TAIL]) - (usable.mean() - value)
    return Interval(value, float(low), float(high))


def _exact(value: float, groups: int) -> Interval:
    """Return the interval of a share that is 0 or 1 in each of ``groups`` independent groups."""
    bound = _TAIL ** (1 / groups)
    return Interval(value, bound, 1.0) if value else Interval(value, 0.0, 1 - bound)
