"""Which labels of a batch look wrong, and whose."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.retraining.doubts import TOLERATED, Batch, doubts, reasons

CLASSES = ("lion", "rhino", "other")


def said(classes, probability):
    """Log-probabilities (n, 3) with this probability of each of ``classes``."""
    rest = (1 - probability) / 2
    return np.log(np.where(np.eye(3)[classes] > 0, probability, rest))


def batch(labels, opinion, champion=None, *, sure=False, reviewers=None):
    labels, opinion = np.array(labels), np.array(opinion)
    champion = labels if champion is None else np.array(champion)
    return Batch(
        pictures=tuple(f"{place}.jpg" for place in range(len(labels))),
        labels=labels,
        reviewers=tuple(reviewers or ["Asha"] * len(labels)),
        confirmed=np.zeros(len(labels), np.bool_),
        opinion=said(opinion, 0.97),
        champion=said(champion, 0.9),
        sure=np.full(len(labels), sure),
    )


def test_a_label_that_the_other_pictures_deny_is_doubtful():
    """And the reason says who said what, what it looks like, and what the champion thinks."""
    of = batch([0, 0, 1], [0, 1, 1], champion=[0, 2, 1])
    found = doubts(of)
    assert found.doubtful.tolist() == [False, True, False]
    assert reasons(of, found, CLASSES) == {
        1: "1.jpg: Asha says lion; to the other pictures it looks like rhino (97%), to the champion like other (90%)"
    }


def test_one_doubtful_label_is_a_slip_and_many_are_a_poisoned_batch():
    """The share decides, and a single label never does."""
    labels = np.zeros(40, np.intp)
    slip = labels.copy()
    slip[0] = 1
    careless = labels.copy()
    careless[:4] = 1
    assert doubts(batch(labels, slip)).objections == ()
    assert doubts(batch(labels[:5], slip[:5])).objections == ()
    assert "4 of 40 new labels look wrong (10%" in doubts(batch(labels, careless)).objections[0]


def test_one_bad_reviewer_is_an_objection_however_large_the_batch():
    """Ten wrong labels among four hundred are few, and all are of one person."""
    labels, opinion = np.zeros(400, np.intp), np.zeros(400, np.intp)
    opinion[:10] = 1
    found = doubts(batch(labels, opinion, reviewers=["Ben"] * 10 + ["Asha"] * 390))
    assert found.doubtful.mean() < TOLERATED
    assert found.objections == ("10 of 10 labels of Ben look wrong: let a second person look at them",)


def test_who_contradicts_what_the_champion_is_sure_of_is_named():
    """Even where the other pictures, labelled by the same person, support it."""
    of = batch(np.ones(30, np.intp), np.ones(30, np.intp), champion=np.zeros(30, np.intp), sure=True)
    assert "Asha contradicts 30 of the 30 answers that the champion is sure of" in doubts(of).objections[0]
    assert doubts(replace(of, sure=np.zeros(30, np.bool_))).objections == ()


def test_the_champion_may_be_sure_and_wrong_now_and_then():
    """One in three of its sure answers is what reviews are there to correct."""
    labels = np.ones(30, np.intp)
    champion = np.where(np.arange(30) % 3 == 0, 0, 1)
    assert doubts(batch(labels, labels, champion=champion, sure=True)).objections == ()


def test_two_people_outrank_the_machine():
    """What a second person confirmed is neither doubtful nor held against anybody."""
    labels = np.zeros(30, np.intp)
    of = batch(labels, labels + 1, champion=labels + 1, sure=True)
    assert len(doubts(of).objections) == 3
    found = doubts(replace(of, confirmed=np.ones(30, np.bool_)))
    assert (found.objections, found.doubtful.any()) == ((), False)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans(), st.sampled_from("ABC")), max_size=30))
def test_the_counts_of_all_reviewers_are_those_of_the_batch(rows):
    """Whatever was said by whom, each label is counted once."""
    of = batch(
        np.array([row[0] for row in rows], np.intp),
        np.array([row[1] for row in rows], np.intp),
        np.array([row[1] for row in rows], np.intp),
        reviewers=[row[3] for row in rows],
    )
    of = replace(of, sure=np.array([row[2] for row in rows], np.bool_))
    found = doubts(of)
    assert sum(each.labels for each in found.reviewers) == len(rows)
    assert sum(each.doubtful for each in found.reviewers) == found.doubtful.sum()
    assert sum(each.sure for each in found.reviewers) == of.sure.sum()
    assert sum(each.contradicted for each in found.reviewers) == sum(row[2] and row[0] != row[1] for row in rows)
    assert set(reasons(of, found, CLASSES)) == set(np.flatnonzero(found.doubtful).tolist())
