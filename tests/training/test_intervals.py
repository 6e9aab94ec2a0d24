import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from training.judging.intervals import ACCURACY, ECE, MACRO_F1, among, estimate, mcnemar, paired, recall, share

CLASSES = 4


def drawn(seed, n=300, sharpness=2.0, classes=CLASSES):
    """Log-probabilities that are right more often than not, and what is true."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, classes, n)
    logits = chance.normal(size=(n, classes))
    logits[np.arange(n), labels] += sharpness
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), labels


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 6))
@settings(max_examples=50, deadline=None)
def test_the_figures_are_those_of_scikit_learn(seed, n, classes):
    """Accuracy, macro F1 of the classes there are, and each recall, for any answers whatever."""
    answers, labels = drawn(seed, n, 0.5, classes)
    said, present = answers.argmax(axis=1), np.unique(labels)
    statistics = {"accuracy": ACCURACY, "f1": MACRO_F1} | {f"{place}": recall(place) for place in present}
    found = estimate(answers, labels, np.arange(n), statistics, draws=10, seed=0)
    assert found["accuracy"].value == pytest.approx(accuracy_score(labels, said))
    assert found["f1"].value == pytest.approx(f1_score(labels, said, labels=present, average="macro", zero_division=0))
    recalls = recall_score(labels, said, labels=present, average=None, zero_division=0)
    assert [found[f"{place}"].value for place in present] == pytest.approx(recalls)


def test_an_interval_covers_the_truth_as_often_as_it_says():
    """Of 300 samples of a coin that falls right 80 times in 100, about 95 in 100 intervals hold 0.8."""
    chance, held = np.random.default_rng(7), 0
    for seed in range(300):
        found = share(chance.random(150) < 0.8, np.arange(150), draws=400, seed=seed)
        held += found.low <= 0.8 <= found.high
    assert binomtest(held, 300, 0.94).pvalue > 0.01


def test_pictures_of_one_group_count_as_one():
    """Ten copies of every picture say no more than the pictures: the interval stays; taken as strangers it shrinks."""
    answers, labels = drawn(1, 100)
    rows = np.repeat(np.arange(100), 10)
    whole, copied, strangers = (
        estimate(answers[chosen], labels[chosen], groups, {"": ACCURACY}, seed=0)[""]
        for chosen, groups in ((np.arange(100), np.arange(100)), (rows, rows), (rows, np.arange(1000)))
    )
    assert copied == whole
    assert strangers.high - strangers.low < (whole.high - whole.low) / 2


def test_where_nothing_is_wrong_the_exact_bound_stands():
    """Thirty right answers in thirty groups leave room for 11.6 wrong in a hundred, as Clopper and Pearson say."""
    exact = binomtest(30, 30).proportion_ci(0.95)
    for right, bounds in ((True, (exact.low, 1.0)), (False, (0.0, 1 - exact.low))):
        found = share(np.full(30, right), np.arange(30), seed=0)
        assert (found.low, found.high) == pytest.approx(bounds)


def test_a_figure_of_nothing_is_no_number():
    """The recall of a class without pictures is nan, and so are its ends."""
    answers, labels = drawn(2, 50)
    found = estimate(answers, np.minimum(labels, 2), np.arange(50), {"": recall(3)}, seed=0)[""]
    assert np.isnan([found.value, found.low, found.high]).all()


def test_an_interval_of_the_calibration_error_is_not_pushed_up_by_resampling():
    """Resamples err more than the whole; the interval still has the value inside, and stays above zero."""
    answers, labels = drawn(3, 200)
    found = estimate(answers, labels, np.arange(200), {"": ECE}, seed=0)[""]
    assert 0 <= found.low < found.value < found.high


def test_among_some_classes_only_those_are_compared():
    """A picture of a cat counts as right where the right cat is the most probable of the cats."""
    answers = np.log(np.array([[0.1, 0.2, 0.7], [0.3, 0.2, 0.5], [0.1, 0.1, 0.8]]))
    found = estimate(answers, np.array([1, 1, 2]), np.arange(3), {"": among([0, 1])}, draws=10, seed=0)[""]
    assert found.value == 0.5


def test_pairing_sees_what_two_intervals_do_not():
    """Of two answers that share their mistakes, the one that is right a little more often is better beyond doubt."""
    answers, labels = drawn(4, 1000)
    better = answers.copy()
    mended = np.flatnonzero(answers.argmax(axis=1) != labels)[:25]
    better[mended, labels[mended]] = 0
    groups = np.arange(1000)
    one, other = (estimate(each, labels, groups, {"": ACCURACY}, seed=0)[""] for each in (answers, better))
    assert other.low < one.high
    for statistic in (ACCURACY, MACRO_F1):
        gained = paired(answers, better, labels, groups, statistic=statistic, seed=0)
        assert 0 < gained.low < gained.value < gained.high
        lost = paired(better, answers, labels, groups, statistic=statistic, seed=0)
        assert (lost.value, lost.low, lost.high) == pytest.approx((-gained.value, -gained.high, -gained.low))


def test_no_difference_is_told_where_there_is_none():
    """Answers as good as each other differ by nothing beyond their interval; the same answers by nothing at all."""
    answers, labels = drawn(5)
    others = np.roll(answers, CLASSES, axis=0)
    same = paired(answers, answers, labels, np.arange(300), statistic=MACRO_F1, seed=0)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    chance = np.random.default_rng(6)
    labels = chance.integers(0, CLASSES, 300)
    found = paired(answers, others, labels, np.arange(300), statistic=ACCURACY, seed=0)
    assert found.low < 0 < found.high


def test_weights_say_how_much_a_picture_counts():
    """A weight of two is the picture twice; a weight of nought is no picture."""
    first, labels = drawn(8, 60)
    second, _ = drawn(9, 60)
    weights = np.arange(60) % 3
    rows = np.repeat(np.arange(60), weights)
    by_weight = paired(first, second, labels, np.arange(60), statistic=MACRO_F1, weights=weights, draws=10, seed=0)
    repeated = paired(first[rows], second[rows], labels[rows], rows, statistic=MACRO_F1, draws=10, seed=0)
    assert by_weight.value == pytest.approx(repeated.value)


def test_mcnemar_counts_the_pictures_on_which_they_differ():
    """Nine gained and one lost is a coin that fell nine times in ten; where they never differ there is no doubt."""
    labels = np.zeros(20, int)
    right, wrong = [0.0, -1.0], [-1.0, 0.0]
    first = np.array([wrong] * 9 + [right] * 11)
    second = np.array([right] * 9 + [wrong] + [right] * 10)
    assert mcnemar(first, second, labels) == pytest.approx(binomtest(9, 10).pvalue)
    assert mcnemar(first, first, labels) == 1
