"""Which labels of a batch of reviews look wrong, and whose: what a poisoned batch gives itself away by.

A new look of pictures and wrong labels have in common that the champion disagrees with the reviewers. They differ in
two things. First, the other pictures of the batch: right labels of a new look support each other, wrong ones do not.
So each label is asked for of models that learned from all other labels, those of the batch too, but for its own burst.
Second, what the champion is sure of: a new look makes it unsure or is unfamiliar to it, so that somebody who is right
rarely contradicts what it is sure of. That also tells a reviewer who is wrong in a consistent way, lion for jaguar,
and whom the other pictures of the batch, being labelled by the same person, would support.

Two people who said the same of a picture, each for themselves, outrank both: their label is never doubted. So whoever
is right against the machine can say so, by having a second person look.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Floats, Ints

LEAST_BELIEVED = 0.05
"""A label is doubtful where the other pictures give it less: the self-confidence score of Kuan & Mueller 2022."""
TOLERATED = 0.05
"""A batch with a larger share of doubtful labels is refused.

Careful labels are wrong less often: 3.3 % in the test sets that Northcutt et al. 2021 looked at, 3.4 % of the answers
that volunteers agreed on in Snapshot Serengeti (Swanson et al. 2015).
"""
_CHANCE = 0.01  # that a careful reviewer is named
_OFTEN = 0.5  # of the champion's sure answers that a careful reviewer contradicts, at most


@dataclass(frozen=True, slots=True)
class Batch:
    """New reviews; arrays over them."""

    pictures: tuple[str, ...]  # as people call them: their files
    labels: Ints  # (n,) places in ``classes``
    reviewers: tuple[str, ...]
    confirmed: NDArray[np.bool_]  # (n,) a second person said the same
    opinion: Floats  # (n, classes) log-probabilities of models that learned from all but the picture's burst
    champion: Floats  # (n, classes) log-probabilities of the champion, which learned from none of them
    sure: NDArray[np.bool_]  # (n,) the champion finds the picture familiar and its answer passes its own threshold


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far one reviewer's labels are borne out; counts of pictures."""

    reviewer: str
    labels: int  # that nobody else confirmed
    doubtful: int
    sure: int  # of which the champion is sure
    contradicted: int  # of these, labelled otherwise


@dataclass(frozen=True, slots=True)
class Doubts:
    """What speaks against a batch."""

    doubtful: NDArray[np.bool_]  # (n,)
    reviewers: tuple[Agreement, ...]
    objections: tuple[str, ...]  # sentences; with none the batch can be learned from


def doubts(batch: Batch) -> Doubts:
    """Judge the labels of ``batch`` and those who gave them.

    There is an objection to the batch where more than one label and more than ``TOLERATED`` of all are doubtful; to a
    reviewer where more of the labels are than one in a hundred careful reviewers would have (exact binomial test
    against ``TOLERATED``), or where what the champion is sure of is contradicted more often than not (the same test
    against one half).
    """
    believed = np.exp(batch.opinion[np.arange(len(batch.labels)), batch.labels])
    doubtful = (believed < LEAST_BELIEVED) & ~batch.confirmed
    reviewers = tuple(_agreement(batch, doubtful, name) for name in sorted(set(batch.reviewers)))
    objections = (*_to_batch(doubtful), *(sentence for each in reviewers for sentence in _to_reviewer(each)))
    return Doubts(doubtful, reviewers, objections)


def reasons(batch: Batch, found: Doubts, classes: Sequence[str]) -> dict[int, str]:
    """Give place in the batch → why its label is doubtful, the most doubtful first."""
    chosen = np.flatnonzero(found.doubtful)
    believed = batch.opinion[chosen, batch.labels[chosen]]
    return {place: _reason(batch, place, classes) for place in chosen[np.argsort(believed, kind="stable")].tolist()}


def _agreement(batch: Batch, doubtful: NDArray[np.bool_], reviewer: str) -> Agreement:
    own = np.array([name == reviewer for name in batch.reviewers]) & ~batch.confirmed
    sure = own & batch.sure
    contradicted = sure & (batch.champion.argmax(axis=1) != batch.labels)
    return Agreement(reviewer, *(int(each.sum()) for each in (own, doubtful & own, sure, contradicted)))


def _to_batch(doubtful: NDArray[np.bool_]) -> Iterator[str]:
    count = int(doubtful.sum())
    if count > 1 and count > TOLERATED * len(doubtful):
        yield (
            f"{count} of {len(doubtful)} new labels look wrong ({count / len(doubtful):.0%}; "
            f"up to {TOLERATED:.0%} is taken for care): look at those listed, correct them, or let a second person "
            "confirm them"
        )


def _to_reviewer(each: Agreement) -> Iterator[str]:
    if _more(each.doubtful, each.labels, TOLERATED):
        yield f"{each.doubtful} of {each.labels} labels of {each.reviewer} look wrong: let a second person look at them"
    if _more(each.contradicted, each.sure, _OFTEN):
        yield (
            f"{each.reviewer} contradicts {each.contradicted} of the {each.sure} answers that the champion is sure of: "
            "let a second person look at those pictures"
        )


def _more(count: int, of: int, share: float) -> bool:
    """Tell whether ``count`` of ``of`` is more than ``share`` beyond chance."""
    from scipy.stats import binomtest

    return of > 0 and bool(binomtest(count, of, share, alternative="greater").pvalue < _CHANCE)


def _reason(batch: Batch, place: int, classes: Sequence[str]) -> str:
    label, opinion, champion = batch.labels[place], batch.opinion[place], batch.champion[place]
    return (
        f"{batch.pictures[place]}: {batch.reviewers[place]} says {classes[label]}; to the other pictures it looks like "
        f"{_said(opinion, classes)}, to the champion like {_said(champion, classes)}"
    )


def _said(log_probabilities: Floats, classes: Sequence[str]) -> str:
    best = int(log_probabilities.argmax())
    return f"{classes[best]} ({np.exp(log_probabilities[best]):.0%})"
