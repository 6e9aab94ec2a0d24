"""How good a set of answers is: the figures of the table that every training ends with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import BaseModel
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ml.arrays import Floats, Ints
from ml.decision import Decision, Verdict
from ml.ensemble import Answer, Ensemble
from ml.images import kept_pixels
from ml.labels import BACKGROUND
from training.dataset import ClassFolder, DatasetError, examined_again, read

STACK = "stack"
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
    species_accuracy: float  # of the pictures of a species: the most probable of the species is right
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
        species_accuracy=float((among_species == labels[animals]).mean()),
        classes=per_class,
        confusion=confusion_matrix(labels, answers, labels=every).tolist(),
    )


def comparison(columns: Mapping[str, Mapping[str, Scores]]) -> Table:
    """Lay out three figures, a row for each backbone and the stack, a column for each set of pictures."""
    table = Table("", *(title.replace("_", " ") for title in columns), title=_FIGURES)
    for name in next(iter(columns.values())):
        table.add_row(name, *(_figures(scores[name]) for scores in columns.values()))
    return table


_FIGURES = "Accuracy, macro F1, accuracy among the species alone"


def _figures(scores: Scores) -> str:
    return f"{scores.accuracy:.1%}  {scores.macro_f1:.3f}  {scores.species_accuracy:.1%}"


def by_class(scores: Scores) -> Table:
    """Lay out precision, recall and F1 of each class, and which other it is mostly taken for."""
    table = Table("class", "pictures", "precision", "recall", "F1", "mostly taken for", title="Each class (testing)")
    names = list(scores.classes)
    for place, (name, each) in enumerate(scores.classes.items()):
        mistakes = np.array(scores.confusion[place])
        mistakes[place] = 0
        rival = f"{names[mistakes.argmax()]} ({mistakes.max()})" if mistakes.any() else ""
        cells = (f"{value:.1%}" for value in (each.precision, each.recall, each.f1))
        table.add_row(name, str(each.pictures), *cells, rival)
    return table


def decided(verdicts: Sequence[Verdict | Answer], truth: Sequence[str]) -> Decided:
    """Compare decisions with the true labels."""
    answered = [verdict.decision is Decision.ANSWERED for verdict in verdicts]
    right = [verdict.label == label for verdict, label, given in zip(verdicts, truth, answered, strict=True) if given]
    species = [given for given, label in zip(answered, truth, strict=True) if label not in BACKGROUND]
    background = [given for given, label in zip(answered, truth, strict=True) if label in BACKGROUND]
    return Decided(answered=_share(species), right=_share(right), false_alarms=_share(background))


def _share(of: Sequence[bool]) -> float | None:
    return sum(of) / len(of) if of else None


def judge(folders: Sequence[ClassFolder], ensemble: Ensemble, *, console: Console) -> dict[str, Scores]:
    """Answer every picture in ``folders`` as the daemon would; return the scores of each backbone and the stack.

    Copies and bad labels count as they are. Raises ``DatasetError`` for a class that the model does not know.
    """
    size, classes = ensemble.model.card.picture_size, ensemble.classes
    dataset = read([replace(folder, held_out=True) for folder in folders], size=size, console=console)
    truth = [each.label for each in dataset.examples]
    if unknown := set(truth) - set(classes):
        raise DatasetError(f"the model {ensemble.model.version} does not know the classes {', '.join(sorted(unknown))}")
    paths = [each.path for each in dataset.examples]
    answers: list[Answer] = []
    for start in track(range(0, len(paths), _CHUNK), "answering", console=console):
        pixels = [kept_pixels(result.kept) for result in examined_again(paths[start : start + _CHUNK], size=size)]
        answers += ensemble.predict(np.stack(pixels))
    probabilities = {
        name: np.stack([each.probabilities[name] for each in answers]) for name in answers[0].probabilities
    }
    probabilities[STACK] = np.stack([each.stacked for each in answers])
    labels = np.array([classes.index(label) for label in truth])
    scores = {name: score(rows, labels, classes) for name, rows in probabilities.items()}
    console.print(comparison({"testing": scores}), by_class(scores[STACK]), in_words(decided(answers, truth)))
    return scores


def in_words(figures: Decided) -> str:
    """Say what a station may expect."""
    sentences = (
        ("of the animals {:.1%} get an answer", figures.answered),
        ("of the answers {:.1%} are right", figures.right),
        ("of the pictures of none of the species {:.1%} get one wrongly", figures.false_alarms),
    )
    return "; ".join(sentence.format(share) for sentence, share in sentences if share is not None)
