"""The gate: may the challenger take the champion's place? A pure judgement over what both said of the same pictures.

Nobody is at the station to look at figures, so the gate must err on the champion's side: a challenger passes only
where it is better beyond chance, where no threatened class pays for it, and where nothing speaks against the labels
that it learned from and is judged by.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from db.redlist import RedList
from ml.arrays import Floats, Ints
from training.judging.intervals import ECE, MACRO_F1, Interval, Statistic, mcnemar, paired, recall

_LEAST_GROUPS = 5  # with fewer a resample is mostly of one or two, and its interval far too narrow


@dataclass(frozen=True, slots=True)
class Exam:
    """The same pictures answered by both, none of which either had learned from; arrays over the pictures."""

    name: str  # as a sentence calls its pictures
    champion: Floats  # log-probabilities (n, classes)
    challenger: Floats
    labels: Ints
    groups: Ints  # pictures of one group resemble each other


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to promote the challenger, and why; each reason is a sentence."""

    promote: bool
    reasons: tuple[str, ...]
    gain: Interval  # of the macro-F1, the exams that count weighing the same; nan where none counts
    calibration: Interval  # change of the expected calibration error; below zero is better
    recalls: dict[str, dict[str, Interval]]  # exam → threatened class → change of its recall
    mcnemar: dict[str, float]  # exam → p that both are equally often right


def judge(
    exams: Sequence[Exam],
    classes: Sequence[str],
    *,
    redlist: RedList,
    objections: Sequence[str] = (),
    seed: int,
) -> Verdict:
    """Compare challenger and champion.

    Promoted only where the 95 % interval of the macro-F1's difference lies above zero, no threatened class loses
    recall beyond its interval in any of the exams, the calibration is no worse beyond its interval, and there are no
    ``objections``, which are reasons of their own. Exams of too few groups do not count, nor do classes of too few in
    an exam; the exams that count weigh the same, however many pictures they have, so that a large training set does
    not outvote the stations.
    """
    held = [exam for exam in exams if len(exam.labels)]
    counting = [exam for exam in exams if _groups(exam) >= _LEAST_GROUPS]
    gain, calibration = (_weighed(counting, statistic, seed) for statistic in (MACRO_F1, ECE))
    recalls = {exam.name: _recalls(exam, classes, redlist, seed) for exam in held}
    against = [*objections, *(_against(gain, calibration, recalls) if counting else ())]
    better = [f"the challenger is better: {_gained(gain)}, and nothing speaks against it"]
    reasons = against or (better if counting else [])
    return Verdict(
        promote=bool(counting) and not against,
        reasons=(*reasons, *(_too_few(exam) for exam in exams if _groups(exam) < _LEAST_GROUPS)),
        gain=gain,
        calibration=calibration,
        recalls=recalls,
        mcnemar={exam.name: mcnemar(exam.champion, exam.challenger, exam.labels) for exam in held},
    )


def threatened(classes: Sequence[str], redlist: RedList) -> list[str]:
    """Give those of ``classes`` that may be a vulnerable, endangered or critically endangered taxon anywhere."""
    worst = {name: redlist.resolve(name, None).worst for name in classes}
    return [name for name, category in worst.items() if category is not None and category.threatened]


def _groups(exam: Exam) -> int:
    return len(np.unique(exam.groups))


def _weighed(exams: Sequence[Exam], statistic: Statistic, seed: int) -> Interval:
    """Return the mean of the exams' differences; each exam is drawn for itself.

    The exams share no pictures, so half-widths of their intervals add up as the sides of a right angle do (Zou &
    Donner 2008, "Construction of confidence limits about effect measures").
    """
    if not exams:
        return Interval(np.nan, np.nan, np.nan)
    each = [paired(*_answers(exam), statistic=statistic, seed=seed) for exam in exams]
    value = float(np.mean([one.value for one in each]))
    below = float(np.linalg.norm([one.value - one.low for one in each])) / len(each)
    above = float(np.linalg.norm([one.high - one.value for one in each])) / len(each)
    return Interval(value, value - below, value + above)


def _answers(exam: Exam) -> tuple[Floats, Floats, Ints, Ints]:
    return exam.champion, exam.challenger, exam.labels, exam.groups


def _recalls(exam: Exam, classes: Sequence[str], redlist: RedList, seed: int) -> dict[str, Interval]:
    places = {name: place for place, name in enumerate(classes)}
    return {
        name: paired(*_answers(exam), statistic=recall(places[name]), seed=seed)
        for name in threatened(classes, redlist)
        if len(np.unique(exam.groups[exam.labels == places[name]])) >= _LEAST_GROUPS
    }


def _against(gain: Interval, calibration: Interval, recalls: dict[str, dict[str, Interval]]) -> Iterator[str]:
    if not gain.low > 0:
        yield f"the challenger is not better beyond chance: {_gained(gain)}"
    for exam, of_classes in recalls.items():
        for name, change in of_classes.items():
            if change.high < 0:
                yield (
                    f"it finds fewer of the threatened class {name}: recall {change.value:+.1%} "
                    f"(95 % interval {change.low:+.1%} to {change.high:+.1%}) on {exam}"
                )
    if calibration.low > 0:
        yield (
            f"its probabilities are less to be trusted: calibration error {calibration.value:+.1%} "
            f"(95 % interval {calibration.low:+.1%} to {calibration.high:+.1%})"
        )


def _too_few(exam: Exam) -> str:
    return f"there are too few {exam.name} to judge by: of {_groups(exam)} groups, and {_LEAST_GROUPS} are needed"


def _gained(gain: Interval) -> str:
    return f"macro F1 {gain.value:+.3f} (95 % interval {gain.low:+.3f} to {gain.high:+.3f})"
