"""How good a set of answers is: the figures of the table that every training ends with."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ml.arrays import Floats, Ints
from ml.artifacts import Model
from ml.decision import Decision, Thresholds, Verdict, decide
from ml.ensemble import Answer, Ensemble
from ml.images import kept_pixels
from ml.labels import BACKGROUND
from training import rows
from training.dataset import ClassFolder, Dataset, DatasetError, examined_again, read
from training.judging import intervals
from training.judging.intervals import Interval
from training.record import STACK, Judged, Run
from training.splits import groups_of, near

SEED = 2026
"""Of the draws behind every interval: the same answers give the same page."""
_CHUNK = 256  # pictures decoded before they are answered


class ClassScore(BaseModel):
    """One label's share of the picture."""

    precision: float
    recall: float
    f1: float
    pictures: int


class Scores(BaseModel):
    """What was measured on one set of pictures; all shares 0..1."""

    pictures: int
    accuracy: float  # over all classes
    macro_f1: float
    species_accuracy: float  # of the pictures of a species: the most probable of the species is right; else nan
    classes: dict[str, ClassScore]
    confusion: list[list[int]]  # rows: truth, columns: answer, in the model's order of classes


class Decided(BaseModel):
    """What became of the answers once the thresholds had spoken; shares 0..1."""

    answered: float | None  # of the pictures of a species; None: there is none
    right: float | None  # of the answers, those to background pictures among them
    false_alarms: float | None  # of the background pictures, those that got an answer


def score(probabilities: Floats, labels: Ints, classes: Sequence[str]) -> Scores:
    """Compare ``probabilities`` (n, classes), or logits, with class indices ``labels`` (n,)."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    answers, every = probabilities.argmax(axis=1), range(len(classes))
    columns = precision_recall_fscore_support(labels, answers, labels=every, zero_division=0)
    per_class = {
        name: ClassScore(precision=row[0], recall=row[1], f1=row[2], pictures=row[3])
        for name, row in zip(classes, np.stack(columns, axis=1).tolist(), strict=True)
    }
    present = [each.f1 for each in per_class.values() if each.pictures]
    species = np.array([place for place, name in enumerate(classes) if name not in BACKGROUND])
    animals = np.isin(labels, species)
    among_species = species[probabilities[animals][:, species].argmax(axis=1)]
    return Scores(
        pictures=len(labels),
        accuracy=float((answers == labels).mean()),
        macro_f1=float(np.mean(present)),
        species_accuracy=float((among_species == labels[animals]).mean()) if animals.any() else np.nan,
        classes=per_class,
        confusion=confusion_matrix(labels, answers, labels=every).tolist(),
    )


def scores_of(judged: Judged) -> dict[str, Scores]:
    """Score each backbone and the stack."""
    return {name: score(each, judged.labels, judged.classes) for name, each in judged.log_probabilities.items()}


def figures(judged: Judged) -> dict[str, dict[str, Interval]]:
    """Return accuracy, macro F1, accuracy among the species and ECE, with intervals, of each backbone and the stack."""
    return {
        name: intervals.estimate(answers, judged.labels, judged.groups, _statistics(judged.classes), seed=SEED)
        for name, answers in judged.log_probabilities.items()
    }


def _statistics(classes: Sequence[str]) -> dict[str, intervals.Statistic]:
    species = [place for place, name in enumerate(classes) if name not in BACKGROUND]
    return {
        "accuracy": intervals.ACCURACY,
        "macro_f1": intervals.MACRO_F1,
        "species_accuracy": intervals.among(species),
        "ece": intervals.ECE,
    }


def metrics(columns: Mapping[str, Judged], thresholds: Thresholds) -> dict[str, Any]:
    """Return the figures that travel with a model: column → backbone or stack → name → value 0..1.

    Of the stack also what the thresholds make of its answers, and the ends of each 95 % interval. What there are no
    pictures for is absent.
    """
    told: dict[str, Any] = {}
    for title, judged in columns.items():
        found = {
            name: {key: each for key, each in row.items() if not np.isnan(each.value)}
            for name, row in figures(judged).items()
        }
        told[title] = {name: {key: round(each.value, 5) for key, each in row.items()} for name, row in found.items()}
        shares = verdicts(judged, thresholds).model_dump(exclude_none=True)
        told[title][STACK] |= {key: round(share, 5) for key, share in shares.items()}
        ends = {key: [round(each.low, 5), round(each.high, 5)] for key, each in found[STACK].items()}
        told[title][STACK]["intervals"] = ends
        told[title][STACK] |= {"pictures": len(judged.labels), "fingerprint": _fingerprint(judged)}
    return told


def _fingerprint(judged: Judged) -> str:
    """Name the pictures and their labels: figures compare where these are the same."""
    named = (
        f"{content} {judged.classes[label]}" for content, label in zip(judged.contents, judged.labels, strict=True)
    )
    return hashlib.sha256("\n".join(sorted(named)).encode()).hexdigest()


def comparison(columns: Mapping[str, Judged]) -> Table:
    """Lay out three figures, a row for each backbone and the stack, a column for each set of pictures."""
    table = Table("", *(title.replace("_", " ") for title in columns), title=_FIGURES)
    scored = [scores_of(judged) for judged in columns.values()]
    for name in scored[0]:
        table.add_row(name, *(_figures(scores[name]) for scores in scored))
    return table


_FIGURES = "Accuracy, macro F1, accuracy among the species alone"


def _figures(scores: Scores) -> str:
    return f"{scores.accuracy:.1%}  {scores.macro_f1:.3f}  {scores.species_accuracy:.1%}"


def by_class(judged: Judged) -> Table:
    """Lay out the stack's precision, recall and F1 of each class, and which other it is mostly taken for."""
    scores = score(judged.log_probabilities[STACK], judged.labels, judged.classes)
    table = Table("class", "pictures", "precision", "recall", "F1", "mostly taken for", title="Each class (testing)")
    names = list(scores.classes)
    for place, (name, each) in enumerate(scores.classes.items()):
        mistakes = np.array(scores.confusion[place])
        mistakes[place] = 0
        rival = f"{names[mistakes.argmax()]} ({mistakes.max()})" if mistakes.any() else ""
        cells = (f"{value:.1%}" for value in (each.precision, each.recall, each.f1))
        table.add_row(name, str(each.pictures), *cells, rival)
    return table


def verdicts(judged: Judged, thresholds: Thresholds) -> Decided:
    """Decide of every picture as the daemon would, and compare with the labels."""
    stacked = np.exp(judged.log_probabilities[STACK])
    said = [
        decide(row, judged.classes, distance=distance, thresholds=thresholds)
        for row, distance in zip(stacked, judged.distances.tolist(), strict=True)
    ]
    return decided(said, [judged.classes[label] for label in judged.labels])


def decided(said: Sequence[Verdict | Answer], truth: Sequence[str]) -> Decided:
    """Compare decisions with the true labels."""
    answered = [each.decision is Decision.ANSWERED for each in said]
    right = [each.label == label for each, label, given in zip(said, truth, answered, strict=True) if given]
    species = [given for given, label in zip(answered, truth, strict=True) if label not in BACKGROUND]
    background = [given for given, label in zip(answered, truth, strict=True) if label in BACKGROUND]
    return Decided(answered=_share(species), right=_share(right), false_alarms=_share(background))


def _share(of: Sequence[bool]) -> float | None:
    return sum(of) / len(of) if of else None


def in_words(figures: Decided) -> str:
    """Say what a station may expect."""
    sentences = (
        ("of the animals {:.1%} get an answer", figures.answered),
        ("of the answers {:.1%} are right", figures.right),
        ("of the pictures of none of the species {:.1%} get one wrongly", figures.false_alarms),
    )
    return "; ".join(sentence.format(share) for sentence, share in sentences if share is not None)


def judge(folders: Sequence[ClassFolder], ensemble: Ensemble, *, console: Console) -> Run:
    """Answer every picture in ``folders`` as the daemon would; return a run with the column ``testing`` alone.

    Copies and bad labels count as they are. Raises ``DatasetError`` for a class that the model does not know.
    """
    size, classes, card = ensemble.model.card.picture_size, ensemble.classes, ensemble.model.card
    dataset = read([replace(folder, held_out=True) for folder in folders], size=size, console=console)
    if unknown := {each.label for each in dataset.examples} - set(classes):
        raise DatasetError(f"the model {ensemble.model.version} does not know the classes {', '.join(sorted(unknown))}")
    paths = [each.path for each in dataset.examples]
    answers: list[Answer] = []
    for start in track(range(0, len(paths), _CHUNK), "answering", console=console):
        pixels = [kept_pixels(result.kept) for result in examined_again(paths[start : start + _CHUNK], size=size)]
        answers += ensemble.predict(np.stack(pixels))
    judged = _judged(dataset, answers, ensemble.model)
    console.print(comparison({"testing": judged}), by_class(judged), in_words(verdicts(judged, card.thresholds)))
    return Run(card, {"testing": judged}, card.thresholds, curves={}, left_out=dataset.left_out)


def _judged(dataset: Dataset, answers: Sequence[Answer], model: Model) -> Judged:
    classes = model.card.classes
    singles = {name: np.stack([each.probabilities[name] for each in answers]) for name in answers[0].probabilities}
    said = singles | {STACK: np.stack([each.stacked for each in answers])}
    return Judged(
        classes=classes,
        labels=np.array([classes.index(each.label) for each in dataset.examples]),
        groups=groups_of(dataset.examples),
        log_probabilities={name: np.log(np.maximum(each, _LEAST)) for name, each in said.items()},
        distances=np.array([each.distance for each in answers]),
        paths=tuple(each.path for each in dataset.examples),
        contents=tuple(each.picture.sha256 for each in dataset.examples),
        twins=_learned_from(dataset, rows.read(model)),
    )


_LEAST = 1e-38  # of a probability, before its logarithm


def _learned_from(dataset: Dataset, stored: rows.Rows) -> NDArray[np.bool_]:
    """Return which pictures (n,) the model's training set holds, or a near-duplicate of them."""
    inside = stored.folds >= 0
    known = {content for content, within in zip(stored.contents, inside, strict=True) if within}
    same = np.array([each.picture.sha256 in known for each in dataset.examples])
    shaped = np.array([not each.picture.flat for each in dataset.examples])  # a hash of nothing resembles nothing
    seen = [phash for phash, within in zip(stored.phashes, inside, strict=True) if within]
    alike = near([each.picture.phash for each in dataset.examples], seen).any(axis=1)
    found: NDArray[np.bool_] = same | (alike & shaped)
    return found
