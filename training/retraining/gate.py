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
    gain: Interval  # of the macro-F1, both exams weighing the same
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
    ``objections``, which are reasons of their own. Exams without pictures are passed over; the others weigh the same,
    however many pictures they have, so that a large training set does not outvote the stations.
    """
    held = [exam for exam in exams if len(exam.labels)]
    gain, calibration = (_weighed(held, statistic, seed) for statistic in (MACRO_F1, ECE))
    recalls = {exam.name: _recalls(exam, classes, redlist, seed) for exam in held}
    against = [*objections, *_against(gain, calibration, recalls)]
    return Verdict(
        promote=not against,
        reasons=tuple(against or [f"the challenger is better: {_gained(gain)}, and nothing speaks against it"]),
        gain=gain,
        calibration=calibration,
        recalls=recalls,
        mcnemar={exam.name: mcnemar(exam.champion, exam.challenger, exam.labels) for exam in held},
    )


def threatened(classes: Sequence[str], redlist: RedList) -> list[str]:
    """Give those of ``classes`` that may be a vulnerable, endangered or critically endangered taxon anywhere."""
    worst = {name: redlist.resolve(name, None).worst for name in classes}
    return [name for name, category in worst.items() if category is not None and category.threatened]


def _weighed(exams: Sequence[Exam], statistic: Statistic, seed: int) -> Interval:
    """Compare over all exams, each with the same weight in all."""
    sizes = [len(exam.labels) for exam in exams]
    groups = [np.unique(exam.groups, return_inverse=True)[1] for exam in exams]
    first = np.cumsum([0, *(each.max() + 1 for each in groups)])  # no group is in two exams
    return paired(
        np.concatenate([exam.champion for exam in exams]),
        np.concatenate([exam.challenger for exam in exams]),
        np.concatenate([exam.labels for exam in exams]),
        np.concatenate([each + start for each, start in zip(groups, first[:-1], strict=True)]),
        statistic=statistic,
        weights=np.concatenate([np.full(size, sum(sizes) / size / len(sizes)) for size in sizes]),
        seed=seed,
    )


def _recalls(exam: Exam, classes: Sequence[str], redlist: RedList, seed: int) -> dict[str, Interval]:
    places = {name: place for place, name in enumerate(classes)}
    return {
        name: paired(
            exam.champion,
            exam.challenger,
            exam.labels,
            exam.groups,
            statistic=recall(places[name]),
            seed=seed,
        )
        for name in threatened(classes, redlist)
        if (exam.labels == places[name]).any()
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


def _gained(gain: Interval) -> str:
    return f"macro F1 {gain.value:+.3f} (95 % interval {gain.low:+.3f} to {gain.high:+.3f})"
