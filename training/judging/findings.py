"""All that a run's answers say, in numbers: what the page shows, ``metrics.json`` holds and the model card tells."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from db.redlist import RedList
from ml.arrays import Floats
from ml.labels import BACKGROUND, SPECIES
from training.judging import calibration, intervals
from training.judging.calibration import Reliability, RiskCoverage
from training.judging.evaluate import SEED, Decided, Scores, figures, score, verdicts
from training.judging.intervals import Interval
from training.record import STACK, Judged, Run

BIG_CATS = ("lion", "amur_leopard", "jaguar", "panther", "cheetah")
PRECISIONS = (0.95, 0.97, 0.99)
"""At which the coverage is told."""
UNSEEN = ("retrained", "pretrained")
"""The columns out of fold in groups, the one nearest to the kept model first."""


@dataclass(frozen=True, slots=True)
class Class:
    """What the stack made of one class."""

    precision: float
    recall: Interval
    f1: float
    pictures: int
    rival: str | None  # the class it is mostly taken for
    mistaken: int  # how often


@dataclass(frozen=True, slots=True)
class Category:
    """The stack's answers to the pictures of all labels of one Red List category, or span of categories."""

    labels: tuple[str, ...]
    pictures: int
    right: Interval  # the label is right
    category: Interval  # the answered label has this category, the right one or not


@dataclass(frozen=True, slots=True)
class Cats:
    """Pictures of big cats, asked for those alone: probabilities renormalised among them."""

    labels: tuple[str, ...]
    pictures: int
    right: dict[str, Interval]  # backbone or stack → share
    confusion: list[list[int]]  # of the stack; rows: truth


@dataclass(frozen=True, slots=True)
class Versus:
    """Two answers to the same pictures: how much the second is better than the first, and how sure that is."""

    first: str
    second: str
    accuracy: Interval
    macro_f1: Interval
    mcnemar: float

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``not distinguishable``, by the interval of the macro F1."""
        if self.macro_f1.low > 0:
            return "better"
        return "worse" if self.macro_f1.high < 0 else "not distinguishable"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table, and what stands behind its stack."""

    pictures: int
    groups: int
    figures: dict[str, dict[str, Interval]]
    twins: int
    without_twins: dict[str, dict[str, Interval]] | None  # where some, not all, have one
    classes: dict[str, Class]
    confusion: list[list[int]]
    reliability: list[Reliability]
    risk_coverage: RiskCoverage
    coverage: dict[str, float]  # precision → share of all pictures that can be answered with it
    decided: Decided
    categories: dict[str, Category]
    big_cats: Cats | None
    stack: Versus | None  # against the best backbone; None: there is one backbone only


@dataclass(frozen=True, slots=True)
class Findings:
    """A run in numbers."""

    columns: dict[str, Column]
    main: str  # the column that the details are shown of
    unseen: str | None  # the column by which the best backbone was chosen; None: by each column itself
    tuning: Versus | None
    fine_tuning: Versus | None  # of the stacks, out of fold


def find(run: Run, redlist: RedList) -> Findings:
    """Compute everything; some seconds for ten thousand pictures."""
    unseen = next((title for title in UNSEEN if title in run.columns), None)
    columns = {
        title: _column(judged, run, redlist, best=_best(run.columns[unseen] if unseen else judged))
        for title, judged in run.columns.items()
    }
    main = next(title for title in ("testing", *UNSEEN, *columns) if title in columns)
    tuning = _gain("the defaults", "the tuned settings", run.tuned.defaults, run.tuned.tuned) if run.tuned else None
    frozen, tuned = (run.columns.get(title) for title in ("pretrained", "retrained"))
    fine = _gain("the frozen ones", "the fine-tuned backbones", frozen, tuned) if frozen and tuned else None
    return Findings(columns, main, unseen, tuning, fine)


def _best(judged: Judged) -> str | None:
    """Name the backbone with the highest accuracy; None where there is but one."""
    singles = {
        name: float((answers.argmax(axis=1) == judged.labels).mean())
        for name, answers in judged.log_probabilities.items()
        if name != STACK
    }
    return max(singles, key=singles.__getitem__) if len(singles) > 1 else None


def _column(judged: Judged, run: Run, redlist: RedList, *, best: str | None) -> Column:
    stacked, labels = judged.log_probabilities[STACK], judged.labels
    scores = score(stacked, labels, judged.classes)
    right = stacked.argmax(axis=1) == labels
    curve = calibration.risk_coverage(stacked.max(axis=1), right)
    twins = int(judged.twins.sum())
    apart = judged.only(~judged.twins) if 0 < twins < len(labels) else None
    return Column(
        pictures=len(labels),
        groups=len(np.unique(judged.groups)),
        figures=figures(judged),
        twins=twins,
        without_twins=figures(apart) if apart else None,
        classes=_classes(judged, scores),
        confusion=scores.confusion,
        reliability=calibration.reliability(stacked, labels),
        risk_coverage=curve,
        coverage={f"{precision:g}": calibration.coverage_at(curve, precision) for precision in PRECISIONS},
        decided=verdicts(judged, run.thresholds),
        categories=_categories(judged, redlist),
        big_cats=_big_cats(judged),
        stack=_versus(best, STACK, judged, judged.log_probabilities[best], stacked) if best else None,
    )


def _classes(judged: Judged, scores: Scores) -> dict[str, Class]:
    """Tell of the classes that there are pictures of."""
    places = {name: place for place, name in enumerate(judged.classes) if scores.classes[name].pictures}
    recalls = intervals.estimate(
        judged.log_probabilities[STACK],
        judged.labels,
        judged.groups,
        {name: intervals.recall(place) for name, place in places.items()},
        seed=SEED,
    )
    found = {}
    for name, place in places.items():
        each = scores.classes[name]
        mistakes = np.array(scores.confusion[place])
        mistakes[place] = 0
        rival = judged.classes[mistakes.argmax()] if mistakes.any() else None
        found[name] = Class(each.precision, recalls[name], each.f1, each.pictures, rival, int(mistakes.max()))
    return found


def _categories(judged: Judged, redlist: RedList) -> dict[str, Category]:
    """Sort the species by category, as a label without a country resolves to; the least severe first."""
    meant = [(name, redlist.resolve(name, None)) for name in judged.classes if name not in BACKGROUND]
    members = defaultdict(list)
    for name, each in sorted(meant, key=lambda item: item[1].worst.severity if item[1].worst else -1):
        members[each.category or "no category"].append(name)
    answers = judged.log_probabilities[STACK].argmax(axis=1)
    found = {}
    for category, labels in members.items():
        places = [judged.classes.index(name) for name in labels]
        chosen = np.isin(judged.labels, places)
        if chosen.any():
            right = (answers == judged.labels)[chosen]
            of = judged.groups[chosen]
            found[category] = Category(
                tuple(labels),
                int(chosen.sum()),
                intervals.share(right, of, seed=SEED),
                intervals.share(np.isin(answers[chosen], places), of, seed=SEED),
            )
    return found


def _big_cats(judged: Judged) -> Cats | None:
    """Ask for the big cats alone; None where fewer than two of them have pictures."""
    labels = tuple(name for name in SPECIES if name in BIG_CATS and name in judged.classes)
    places = [judged.classes.index(name) for name in labels]
    chosen = judged.only(np.isin(judged.labels, places))
    if len(np.unique(chosen.labels)) < 2:  # noqa: PLR2004  # nothing to take one for
        return None
    truth = np.searchsorted(places, chosen.labels)
    among = {name: answers[:, places] for name, answers in chosen.log_probabilities.items()}
    statistics = {"": intervals.ACCURACY}
    right = {
        name: intervals.estimate(each, truth, chosen.groups, statistics, seed=SEED)[""] for name, each in among.items()
    }
    return Cats(labels, len(truth), right, score(among[STACK], truth, labels).confusion)


def _gain(first: str, second: str, before: Judged, after: Judged) -> Versus:
    """Compare the stacks of two answers to the same pictures in the same order."""
    stacks = (each.log_probabilities[STACK] for each in (before, after))
    return _versus(first, second, after, *stacks)


def _versus(first: str, second: str, judged: Judged, before: Floats, after: Floats) -> Versus:
    accuracy, macro_f1 = (
        intervals.paired(before, after, judged.labels, judged.groups, statistic=statistic, seed=SEED)
        for statistic in (intervals.ACCURACY, intervals.MACRO_F1)
    )
    return Versus(first, second, accuracy, macro_f1, intervals.mcnemar(before, after, judged.labels))
