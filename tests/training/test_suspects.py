"""Wrong labels and strange pictures are found, and by models that had not seen them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.suspects import DROP, Evidence, believed, evidence, flatness, suspects

CLASSES = ("panda", "lion", "jaguar")


def drawn_features(random, labels, *, strange=()):
    """Two backbones' features around a mean of each class; those of the places ``strange`` lie elsewhere."""
    features = []
    for width in (24, 32):
        means = random.normal(0, 1.5, (len(CLASSES), width))
        rows = means[labels] + random.normal(0, 1, (len(labels), width))
        spanned, _ = np.linalg.qr(means.T)
        aside = random.normal(0, 8, (len(strange), width))
        rows[list(strange)] = means.mean(axis=0) + aside - aside @ spanned @ spanned.T
        features.append(rows.astype(np.float16))
    return features


def test_planted_wrong_labels_come_first_with_the_right_suggestion():
    """Of 300 labels 12 are changed; those 12 are the surest suspects, each with the label it had."""
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, 300)
    labels = truth.copy()
    planted = random.choice(300, 12, replace=False)
    labels[planted] = (truth[planted] + 1) % 3
    found = suspects(
        evidence(drawn_features(random, truth), np.zeros(300), labels, np.arange(300) % 5), labels, CLASSES
    )
    assert {each.place for each in found[:12]} == set(planted.tolist())
    assert all(each.suggested == CLASSES[truth[each.place]] for each in found[:12])
    assert all(each.label == CLASSES[labels[each.place]] for each in found)
    first = found[0]
    assert first.reason.startswith(f"looks like {first.suggested} (")
    assert f"labelled {first.label} (" in first.reason


def test_strange_pictures_are_to_be_dropped():
    """What is near no class is listed to be dropped, whatever class it is least unlike."""
    random = np.random.default_rng(5)
    labels = random.integers(0, 3, 200)
    strange = (7, 70, 140)
    features = drawn_features(random, labels, strange=strange)
    found = suspects(evidence(features, np.zeros(200), labels, np.arange(200) % 4), labels, CLASSES)
    by_place = {each.place: each for each in found}
    assert {by_place[place].suggested for place in strange} == {DROP}
    assert all("unlike the other pictures of" in by_place[place].reason for place in strange)


def test_flat_areas_make_a_picture_strange():
    """Of two pictures equally unlike their class the one with large flat areas is listed, and that is said."""
    logs = np.log(np.full((6, 2), (0.98, 0.02)))
    logs[3:] = logs[3:, ::-1]
    likeness = np.full((6, 2), 0.0)
    likeness[:3, 0] = likeness[3:, 1] = 0.3
    flat = np.array([0.8, 0.05, 0.1, 0.1, 0.1, 0.1])
    (only,) = suspects(Evidence(logs, likeness, flat), np.array([0, 0, 0, 1, 1, 1]), ("panda", "lion"))
    assert (only.place, only.suggested) == (0, DROP)
    assert "80% of it is flat" in only.reason


def test_no_picture_is_judged_by_what_learned_from_it():
    """The labels of a fold change nothing of what is said of that fold."""
    random = np.random.default_rng(9)
    labels = random.integers(0, 3, 120)
    features, folds = drawn_features(random, labels), np.arange(120) % 4
    changed = np.where(folds == 2, (labels + 1) % 3, labels)
    before, after = (evidence(features, np.zeros(120), each, folds) for each in (labels, changed))
    np.testing.assert_array_equal(before.log_probabilities[folds == 2], after.log_probabilities[folds == 2])
    np.testing.assert_array_equal(before.likeness[folds == 2], after.likeness[folds == 2])
    assert not np.allclose(before.log_probabilities[folds != 2], after.log_probabilities[folds != 2])


def test_a_class_that_the_other_folds_lack_breaks_nothing():
    """Where all pictures of a class are in one fold, nobody can say them, and so they are listed."""
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2], [40, 40, 4])
    folds = np.where(labels == 2, 0, np.arange(84) % 2)
    found = suspects(evidence(drawn_features(random, labels), np.zeros(84), labels, folds), labels, CLASSES)
    assert {80, 81, 82, 83} <= {each.place for each in found}


def test_what_is_believed_without_a_person():
    """Relabelled from 0.9 on against at most 0.1, not trusted below 0.3, else as labelled."""
    probabilities = np.array([[0.95, 0.05], [0.85, 0.15], [0.6, 0.4], [0.02, 0.98], [0.71, 0.29]])
    labels, trusted = believed(np.log(probabilities), np.array([1, 1, 1, 1, 1]))
    assert labels.tolist() == [0, 1, 1, 1, 1]
    assert trusted.tolist() == [True, False, True, True, False]


@settings(deadline=None)
@given(arrays(np.float64, (20, 3), elements=st.floats(0.01, 1)), st.lists(st.integers(0, 2), min_size=20, max_size=20))
def test_believed_labels_stay_or_become_the_most_probable(weights, labels):
    """Whatever the probabilities are, nothing is relabelled to anything but the most probable class."""
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    given_labels = np.array(labels)
    kept, trusted = believed(np.log(probabilities), given_labels)
    assert np.all((kept == given_labels) | (kept == probabilities.argmax(axis=1)))
    assert np.all(trusted[kept != given_labels])


@pytest.mark.parametrize(("contrast", "expected"), [(0, 1.0), (60, 0.0)])
def test_flatness(contrast, expected):
    """A plain area is flat, a pattern of single pixels is not, half of each is about half; black counts for nothing."""
    squares = np.indices((64, 64)).sum(axis=0) % 2 * contrast + 100
    picture = np.repeat(squares[..., None], 3, axis=2).astype(np.uint8)
    assert flatness(picture) == expected
    picture[:, :32] = 200
    assert flatness(picture) == pytest.approx((expected + 1) / 2, abs=0.02)
    picture[:, :32] = 0
    assert flatness(picture) == pytest.approx(expected / 2, abs=0.02)
