"""From the champion's stored pictures and new ones to a challenger, and what both say of pictures they had not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml import stacking
from ml.arrays import Floats, Ints
from ml.artifacts import Model
from ml.heads import log_softmax
from ml.reduction import Reduction
from training.dataset import Example
from training.learn import Learned, cross_validate, learn, log_probabilities
from training.retraining.field import portion
from training.retraining.gate import Exam
from training.rows import Rows
from training.settings import TrainingSettings
from training.splits import near, near_duplicates


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A picture that the champion may not have learned from."""

    example: Example  # held out: for the test alone
    content: str  # sha256 of the original file
    group: str  # what is trained and validated together
    burst: str  # what shows the same scene
    reviewed: bool  # a person looked at it at a station; else it is of a data set


@dataclass(frozen=True, slots=True)
class Material:
    """The champion's pictures, labelled as is known now, and the newcomers; arrays over newcomers, reduced features."""

    rows: Rows
    newcomers: tuple[Newcomer, ...]
    features: list[Floats]  # of the newcomers: each backbone's, float32 (m, views, the champion's dimensions)
    labels: Ints  # (m,)
    known: Ints  # (m,) place among the rows, -1: not there
    folds: Ints  # (m,) -1: not learned from
    groups: Ints  # (m,)
    test: NDArray[np.bool_]  # (m,) the field test: neither model learned from it, nor from its like

    @property
    def shared(self) -> list[Floats]:
        """The newcomers' features in the dimensions that the rows are stored in: those a challenger learns in."""
        return [new[..., : old.shape[1]] for old, new in zip(self.rows.features, self.features, strict=True)]


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenger, what it learned from, and the exams; arrays over all pictures, the rows first."""

    learned: Learned
    rows: Rows  # of the challenger: all pictures but the field test
    exams: tuple[Exam, Exam]  # field, own
    unseen: Floats  # the challenger's stack on the champion's rows, (n, classes)
    field_log_probabilities: Floats  # the challenger's backbones on the field test (t, backbones, classes)
    held_out_log_probabilities: Floats  # and on the held-out rows (h, backbones, classes)


def material(rows: Rows, newcomers: Sequence[Newcomer], features: list[Floats], classes: Sequence[str]) -> Material:
    """Put rows and newcomers (reduced features, each (m, views, dimensions)) together without a leak.

    A newcomer that is among the rows stays in its fold, with the label that a person gave it since; a reserved one
    that the champion has seen is no test. The others of a group join the fold of those that are known, else one that
    the group's name decides, so that it is the same in every retraining. What resembles a picture on another side of
    a split (a row of another fold or the held-out set, the field test) is not learned from; a test picture that
    resembles a row that was learned from is no test. Groups with pictures that resemble each other join the same fold;
    where known pictures hold them in different ones, what resembles the other's is not learned from.
    """
    places = {content: place for place, content in enumerate(rows.contents)}
    known = np.array([places.get(each.content, -1) for each in newcomers], np.intp)
    labels = np.array([classes.index(each.example.label) for each in newcomers], np.intp)
    held_out = np.array([each.example.held_out for each in newcomers], np.bool_)
    homes = {each.group: int(rows.folds[place]) for each, place in zip(newcomers, known, strict=True) if place >= 0}
    count = int(rows.folds.max()) + 1
    fresh = (known < 0) & ~held_out
    pairs = _like_pairs(newcomers, fresh)
    names = _joined([each.group for each in newcomers], pairs, homes)
    folds = np.array([homes.get(name, int(portion(f"fold {name}") * count)) for name in names], np.intp)
    phashes = ["" if each.example.picture.flat else each.example.picture.phash for each in newcomers]
    like_rows = _alike(phashes, rows.phashes)
    learned_from = rows.folds >= 0
    reviewed = np.array([each.reviewed for each in newcomers], np.bool_)
    test = (known < 0) & held_out & reviewed & ~like_rows[:, learned_from].any(axis=1)
    elsewhere = (like_rows & (rows.folds[None] != folds[:, None])).any(axis=1)
    like_test = _alike(phashes, [phashes[place] for place in np.flatnonzero(test)]).any(axis=1)
    folds[~fresh | elsewhere | like_test] = -1
    one, other = pairs.T
    folds[pairs[(folds[one] != folds[other]) & (folds[one] >= 0) & (folds[other] >= 0)]] = -1
    changed = (known >= 0) & reviewed
    current = rows.labels.copy()
    current[known[changed]] = labels[changed]
    groups = _groups(names, known, rows.groups)
    return Material(replace(rows, labels=current), tuple(newcomers), features, labels, known, folds, groups, test)


def challenge(champion: Model, of: Material, settings: TrainingSettings) -> Challenge:
    """Train a challenger as the champion was trained, on its pictures and the newcomers, and let both sit the exams."""
    classes, rows, fresh = champion.card.classes, of.rows, of.folds >= 0
    inside = rows.folds >= 0
    stored = _stored_views(of)
    learned = learn(
        [np.concatenate([old[inside], new[fresh]]) for old, new in zip(stored, of.shared, strict=True)],
        np.concatenate([rows.labels[inside], of.labels[fresh]]),
        np.concatenate([rows.folds[inside], of.folds[fresh]]),
        classes=classes,
        settings=settings,
        reductions=_reductions(champion, rows),
    )
    if champion.card.fine_tuned:
        learned = _as_sure_as(champion, learned)
    held_out = log_probabilities(learned.heads, [part[~inside, 0] for part in stored])
    unseen = np.empty((len(rows.labels), len(classes)), np.float32)
    unseen[inside] = learned.stacked[: inside.sum()]
    unseen[~inside] = learned.stack.log_probabilities(held_out)
    tested = [part[of.test, 0] for part in of.features]
    in_field = log_probabilities(learned.heads, [part[of.test, 0] for part in of.shared])
    exams = (
        Exam(
            "pictures of reserved deployments",
            champion.stack.log_probabilities(log_probabilities(champion.heads, tested)),
            learned.stack.log_probabilities(in_field),
            of.labels[of.test],
            of.groups[of.test],
        ),
        _own(champion, rows, unseen),
    )
    joined = Rows(
        [np.concatenate([old, new[fresh, 0]]) for old, new in zip(rows.features, of.shared, strict=True)],
        np.concatenate([rows.labels, of.labels[fresh]]),
        np.concatenate([rows.folds, of.folds[fresh]]),
        np.concatenate([rows.groups, of.groups[fresh]]),
        [*rows.contents, *(of.newcomers[place].content for place in np.flatnonzero(fresh))],
        [*rows.phashes, *(of.newcomers[place].example.picture.phash for place in np.flatnonzero(fresh))],
        np.concatenate([unseen, learned.stacked[inside.sum() :]]),
    )
    return Challenge(learned, joined, exams, unseen, in_field, held_out)


def _as_sure_as(champion: Model, learned: Learned) -> Learned:
    """Keep the champion's stack and thresholds.

    Fine-tuned tops have seen the rows, so what the folds say of them is too good to learn from how sure to be.
    """
    stacked = champion.stack.log_probabilities(learned.out_of_fold)
    return replace(learned, stack=champion.stack, thresholds=champion.card.thresholds, stacked=stacked)


def _own(champion: Model, rows: Rows, unseen: Floats) -> Exam:
    """Compare on the champion's pictures, out of fold, and held out.

    Of fine-tuned backbones only on those held out: the tops have seen the others, whatever the heads have not.
    """
    fair = rows.folds < 0 if champion.card.fine_tuned else np.ones(len(rows.folds), np.bool_)
    return Exam(
        "pictures of the champion's own set", rows.unseen[fair], unseen[fair], rows.labels[fair], rows.groups[fair]
    )


def opinion(champion: Model, of: Material, settings: TrainingSettings) -> Floats:
    """Return what the newcomers look like, log-probabilities (m, classes), to models that saw all but their burst.

    These models are asked about labels and then thrown away; so they may learn from the field test too, and pictures
    of one deployment may teach them about each other, which a challenger's folds rightly forbid.
    """
    count = int(of.rows.folds.max()) + 1
    apart = of.rows.folds >= 0
    apart[of.known[of.known >= 0]] = False
    stored = _stored_views(of)
    bursts = np.array([int(portion(f"burst {each.burst}") * count) for each in of.newcomers], np.intp)
    labels = np.concatenate([of.rows.labels[apart], of.labels])
    said = cross_validate(
        [np.concatenate([old[apart], new]) for old, new in zip(stored, of.shared, strict=True)],
        labels,
        np.concatenate([of.rows.folds[apart], bursts]),
        classes=champion.card.classes,
        settings=settings,
        reductions=_reductions(champion, of.rows),
    ).log_probabilities.mean(axis=1)
    calibrated: Floats = log_softmax(said / stacking.temperature(said, labels))
    return calibrated[apart.sum() :]


def _reductions(champion: Model, rows: Rows) -> list[Reduction]:
    """Cut the champion's reductions to the dimensions that the rows are stored in."""
    return [
        Reduction(head.reduction.mean, head.reduction.components[:, : part.shape[1]])
        for head, part in zip(champion.heads, rows.features, strict=True)
    ]


def _stored_views(of: Material) -> list[Floats]:
    """Return the rows' features (n, views, dimensions): those of newcomers anew, else the one that is stored, again."""
    stored = []
    mine = of.known >= 0
    for old, new in zip(of.rows.features, of.shared, strict=True):
        views = np.repeat(old[:, None], new.shape[1], axis=1)
        views[of.known[mine]] = new[mine]
        stored.append(views)
    return stored


def _alike(phashes: Sequence[str], others: Sequence[str]) -> NDArray[np.bool_]:
    """Return (n, m) as ``near`` does; an empty hash resembles nothing."""
    one = [place for place, each in enumerate(phashes) if each]
    other = [place for place, each in enumerate(others) if each]
    alike = np.zeros((len(phashes), len(others)), np.bool_)
    alike[np.ix_(one, other)] = near([phashes[place] for place in one], [others[place] for place in other])
    return alike


def _like_pairs(newcomers: Sequence[Newcomer], fresh: NDArray[np.bool_]) -> Ints:
    """Return the places (pairs, 2) of ``fresh`` newcomers that resemble each other."""
    places = np.flatnonzero(fresh)
    if not len(places):
        return np.empty((0, 2), np.intp)
    pairs: Ints = places[near_duplicates([newcomers[place].example for place in places.tolist()])]
    return pairs


def _joined(groups: Sequence[str], pairs: Ints, homes: Mapping[str, int]) -> list[str]:
    """Return for each newcomer the group whose fold it takes.

    Its own where pictures of that are known; else, of the groups linked to its own by ``pairs``, the first by name,
    those with a home in a fold before all others.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, place = np.unique(np.array(groups, np.str_), return_inverse=True)
    linked = place[pairs]
    usable = np.array([homes.get(str(name), 0) >= 0 for name in names], np.bool_)  # what is held out pulls none along
    linked = linked[usable[linked].all(axis=1)]
    links = coo_array((np.ones(len(linked), np.int8), linked.T), shape=(len(names), len(names)))
    parts = connected_components(links, directed=False)[1].tolist()
    first: dict[int, str] = {}
    for name, part in sorted(zip(names.tolist(), parts, strict=True), key=lambda each: (each[0] not in homes, each[0])):
        first.setdefault(part, name)
    leads = [name if name in homes else first[part] for name, part in zip(names.tolist(), parts, strict=True)]
    return [leads[at] for at in place]


def _groups(names: Sequence[str], known: Ints, groups: Ints) -> Ints:
    """Number the newcomers' groups: as a row of theirs is numbered, else after all of the rows'."""
    numbers: dict[str, int] = {}
    for name, place in zip(names, known.tolist(), strict=True):
        if place >= 0:
            numbers.setdefault(name, int(groups[place]))
    following = int(groups.max()) + 1
    for name in names:
        if name not in numbers:
            numbers[name] = following
            following += 1
    return np.array([numbers[name] for name in names], np.intp)
