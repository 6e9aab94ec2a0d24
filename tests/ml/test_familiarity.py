"""How far a picture is from the training set."""

import numpy as np
import pytest

from ml import familiarity


@pytest.fixture(scope="module")
def training():
    """Two backbones' features of three tight classes."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 30)
    centres = random.uniform(0, 1, (3, 40)) * (random.uniform(size=(3, 40)) < 0.3)
    features = np.maximum(0, centres[labels] + random.normal(0, 0.02, (90, 40)))
    return [features[:, :24], features[:, 24:]], labels


def test_strangers_are_farther_than_kin(training):
    """A picture like those of the training set is near, one like none of them is far."""
    reduced, labels = training
    familiar = familiarity.fit([part[::2] for part in reduced], labels[::2], prototypes=2, seed=0)
    strangers = np.random.default_rng(9).uniform(0, 1, (20, 40))
    unseen = familiar.distance([part[1::2] for part in reduced])
    assert unseen.max() < familiar.distance([strangers[:, :24], strangers[:, 24:]]).min()


def test_brightness_of_the_features_does_not_matter(training):
    """Only the direction of a backbone's features counts, not their size."""
    reduced, labels = training
    familiar = familiarity.fit(reduced, labels, prototypes=2, seed=0)
    louder = [reduced[0] * 3, reduced[1]]
    np.testing.assert_allclose(familiar.distance(louder), familiar.distance(reduced), atol=1e-5)


def test_few_pictures_are_enough(training):
    """A class with fewer pictures than prototypes, or fewer pictures than dimensions, still makes a model."""
    reduced, labels = training
    some = np.array([0, 30, 31, 60])
    familiar = familiarity.fit([part[some] for part in reduced], labels[some], prototypes=8, seed=0)
    assert familiar.distance([part[some] for part in reduced]) == pytest.approx(np.zeros(4), abs=1e-3)
