"""A small world of made-up features: a champion that knows one look of pictures, and reviews of another look.

Logistic regressions stand for the heads; what the gate and the doubts get to see is made as a retraining makes it.
"""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression

from ml.heads import log_softmax
from training.retraining.doubts import Batch
from training.retraining.gate import Exam

CLASSES = ("lion", "rhino", "amur_leopard", "jaguar", "other")
REVIEWERS = ("Asha", "Ben", "Chipo", "Dawa")
_SIZE, _FOLDS = 24, 5


@dataclass(frozen=True)
class Pictures:
    features: np.ndarray
    truth: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    bursts: np.ndarray
    reviewers: np.ndarray


@dataclass(frozen=True)
class World:
    """The champion's pictures, and those reviewed: to learn from, and of reserved deployments."""

    own: Pictures
    field: Pictures
    test: Pictures


def draw(seed, *, new_look=2.0):
    """``new_look``: how far the stations' pictures of a class lie from those that the champion knows."""
    random = np.random.default_rng(seed)
    means = random.normal(size=(len(CLASSES), _SIZE)) * 1.1
    looks = means + random.normal(size=means.shape) * new_look / np.sqrt(2)
    return World(
        own=_pictures(random, means, deployments=150, each=3, spread=0.3),
        field=_pictures(random, looks, deployments=12, each=30, spread=0.4),
        test=_pictures(random, looks, deployments=5, each=30, spread=0.4),
    )


def flipped(pictures, share, seed):
    """Give ``share`` of the labels another value, drawn from those that are wrong."""
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(pictures.labels))[: round(share * len(pictures.labels))]
    labels = pictures.labels.copy()
    labels[chosen] = (labels[chosen] + random.integers(1, len(CLASSES), len(chosen))) % len(CLASSES)
    return replace(pictures, labels=labels)


def misread(pictures, reviewer, *, step=1):
    """Let all labels of one reviewer be wrong in the same way, as if two columns of a table were exchanged."""
    mine = pictures.reviewers == reviewer
    return replace(pictures, labels=np.where(mine, (pictures.labels + step) % len(CLASSES), pictures.labels))


def sat(world):
    """Train champion and challenger; give their exams."""
    own, field, test = world.own, world.field, world.test
    folds, field_folds = own.groups % _FOLDS, field.groups % _FOLDS
    champion = _fit(own.features, own.labels)
    challenger = _fit(np.concatenate([own.features, field.features]), np.concatenate([own.labels, field.labels]))
    before, after = np.zeros((2, len(own.labels), len(CLASSES)))
    for fold in range(_FOLDS):
        inside, outside, also = folds != fold, folds == fold, field_folds != fold
        before[outside] = _fit(own.features[inside], own.labels[inside])(own.features[outside])
        joined = np.concatenate([own.features[inside], field.features[also]])
        labels = np.concatenate([own.labels[inside], field.labels[also]])
        after[outside] = _fit(joined, labels)(own.features[outside])
    return (
        Exam("reserved", champion(test.features), challenger(test.features), test.labels, test.groups),
        Exam("own", before, after, own.labels, own.groups),
    )


def batch_of(world, confirmed=False):
    """Give the new reviews with the opinions that a retraining would have of them."""
    own = world.own
    new = Pictures(*(np.concatenate(pair) for pair in zip(*map(_fields, (world.field, world.test)), strict=True)))
    opinion, folds = np.zeros((len(new.labels), len(CLASSES))), new.bursts % _FOLDS
    for fold in range(_FOLDS):
        inside, also, outside = own.groups % _FOLDS != fold, folds != fold, folds == fold
        model = _fit(
            np.concatenate([own.features[inside], new.features[also]]),
            np.concatenate([own.labels[inside], new.labels[also]]),
        )
        opinion[outside] = model(new.features[outside])
    champion = _fit(own.features, own.labels)(new.features)
    distances = np.linalg.norm(new.features[:, None] - own.features, axis=2).min(axis=1)
    usual = np.linalg.norm(own.features[:, None] - own.features, axis=2)
    np.fill_diagonal(usual, np.inf)
    familiar = distances <= np.quantile(usual.min(axis=1), 0.98)
    return new, Batch(
        pictures=tuple(str(place) for place in range(len(new.labels))),
        labels=new.labels,
        reviewers=tuple(new.reviewers.tolist()),
        confirmed=np.full(len(new.labels), confirmed),
        opinion=opinion,
        champion=champion,
        sure=familiar & (np.exp(champion.max(axis=1)) >= 0.9),
    )


def _pictures(random, means, *, deployments, each, spread):
    count = deployments * each
    groups = np.repeat(np.arange(deployments), each)
    bursts = np.arange(count) // 3
    truth = random.integers(0, len(CLASSES), bursts.max() + 1)[bursts]
    offsets = random.normal(size=(deployments, _SIZE)) * spread
    features = means[truth] + offsets[groups] + random.normal(size=(count, _SIZE))
    reviewers = np.array(REVIEWERS)[bursts % len(REVIEWERS)]
    return Pictures(features, truth, truth.copy(), groups, bursts, reviewers)


def _fields(pictures):
    return (
        pictures.features, pictures.truth, pictures.labels, pictures.groups, pictures.bursts, pictures.reviewers
    )  # fmt: skip


def _fit(features, labels):
    model = LogisticRegression(C=0.1, max_iter=200).fit(features, labels)
    return lambda rows: log_softmax(model.decision_function(rows))
