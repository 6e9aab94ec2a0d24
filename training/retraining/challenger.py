"""A challenger on record: its features, its card, its folder in the model store, and the run that the page shows."""

import csv
import hashlib
import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ml import artifacts
from ml.arrays import Floats, Ints
from ml.artifacts import Model
from ml.ensemble import Ensemble
from ml.files import write_atomically
from ml.graph import Graph
from training import features
from training import rows as stored_rows
from training.judging import model_card, page
from training.judging.evaluate import metrics
from training.record import STACK, Judged, Run, versions
from training.retraining.challenge import Challenge, Material, Newcomer
from training.retraining.doubts import Agreement, Batch, Doubts, reasons
from training.retraining.gate import Exam, Verdict

_LISTED = 30  # doubtful labels that the page names; all of them are in the table beside it


def reduced(
    newcomers: Sequence[Newcomer],
    champion: Model,
    graph: Graph,
    *,
    views: Sequence[str],
    cache: Path,
    console: Console,
) -> list[Floats]:
    """Return each backbone's features, float32 (n, 1 + views, dimensions), in the champion's own few dimensions."""
    pooled = features.pooled(
        [each.example for each in newcomers],
        graph,
        size=champion.card.picture_size,
        views=views,
        cache=cache.joinpath(*sorted(champion.card.fine_tuned.values())),  # other weights, other features
        console=console,
    )
    return [head.reduction(part.astype(np.float32)) for head, part in zip(champion.heads, pooled, strict=True)]


def on_record(
    champion: Model, of: Material, fought: Challenge, *, created: date, left_out: Sequence[tuple[Path, str]]
) -> Run:
    """Return the run; its testing column is the field test where there is one, else what the champion held out."""
    columns = {"pretrained": _out_of_fold(champion, of, fought)}
    if of.test.any():
        columns["testing"] = _field_test(champion, of, fought)
    elif (of.rows.folds < 0).any():
        columns["testing"] = _held_out(champion, of, fought)
    learned = fought.learned
    card = champion.card.model_copy(
        update={
            "name": champion.card.name if champion.is_demo else "retrained",
            "created": created,
            "stack_weights": learned.stack.weights.tolist(),
            "stack_bias": learned.stack.bias.tolist(),
            "temperature": learned.stack.temperature,
            "thresholds": learned.thresholds,
            "metrics": metrics(columns, learned.thresholds),
            "dataset": _facts(champion, of, fought),
            "versions": versions(),
        }
    )
    return Run(card, columns, learned.thresholds, {"pretrained": learned.folds.curves}, left_out)


def save(models: Path, run: Run, fought: Challenge, champion: Model) -> Path:
    """Write the challenger into the model store, without promoting it; return its folder. It has the same backbones."""
    return artifacts.save(
        models,
        run.card,
        heads=fought.learned.heads,
        familiar=fought.learned.familiar,
        features=stored_rows.tensors(fought.rows, tuple(run.card.backbones)),
        readme=model_card.write(run),
        tops={name: path.read_bytes() for name, path in champion.tops.items()},
    )


def write(folder: Path, run: Run, *, ensemble: Ensemble, found: Doubts, batch: Batch, of: Sequence[Newcomer]) -> None:
    """Write the page with its figures, and the table of doubtful labels of ``batch``, the newcomers ``of``."""
    testing = run.columns.get("testing")
    in_sight = testing is not None and all(path.is_file() for path in testing.paths)
    page.write(run, folder, ensemble=ensemble if in_sight else None)
    write_atomically(folder / "doubts.csv", _table(batch, found, of, run.card.classes).encode())


def notes(verdict: Verdict, exams: Sequence[Exam], batch: Batch, found: Doubts, classes: Sequence[str]) -> list[str]:
    """Return the sentences that the page begins with: the verdict, why, the exams, and which labels look wrong."""
    head = "The challenger is to take the champion's place" if verdict.promote else "The champion stays"
    return [
        f"{head}: {'; '.join(verdict.reasons)}.",
        *(_exam(exam, verdict) for exam in exams if len(exam.labels)),
        *(_reviewer(each) for each in found.reviewers),
        *(f"This label looks wrong: {reason}." for reason in list(reasons(batch, found, classes).values())[:_LISTED]),
    ]


def _exam(exam: Exam, verdict: Verdict) -> str:
    champion, challenger = ((each.argmax(axis=1) == exam.labels).mean() for each in (exam.champion, exam.challenger))
    return (
        f"On {len(exam.labels)} {exam.name} the champion is right in {champion:.1%} and the challenger in "
        f"{challenger:.1%} (McNemar's exact test: p = {verdict.mcnemar[exam.name]:.2g})."
    )


def _reviewer(each: Agreement) -> str:
    gave = f"{each.reviewer} gave {each.labels} new labels, of which {each.doubtful} look wrong"
    if not each.sure:
        return f"{gave}."
    return f"{gave}, and contradicts {each.contradicted} of the {each.sure} answers that the champion is sure of."


def _table(batch: Batch, found: Doubts, of: Sequence[Newcomer], classes: Sequence[str]) -> str:
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["sha256", "file", "kept", "label", "reviewer", "suggested", "reason"])
    for place, reason in reasons(batch, found, classes).items():
        suggested = classes[int(batch.opinion[place].argmax())]
        label = classes[batch.labels[place]]
        kept, reviewer = of[place].example.path, batch.reviewers[place]
        rows.writerow([of[place].content, batch.pictures[place], kept, label, reviewer, suggested, reason])
    return file.getvalue()


def _out_of_fold(champion: Model, of: Material, fought: Challenge) -> Judged:
    learned, fresh = fought.learned, of.folds >= 0
    inside = fought.rows.folds >= 0
    newcomers = [of.newcomers[place] for place in np.flatnonzero(fresh)]
    old = int(inside.sum()) - len(newcomers)
    return _judged(
        champion,
        labels=fought.rows.labels[inside],
        groups=fought.rows.groups[inside],
        singles=learned.out_of_fold,
        stacked=learned.stacked,
        distances=learned.folds.distances,
        paths=[Path()] * old + [each.example.path for each in newcomers],
        contents=[content for content, within in zip(fought.rows.contents, inside, strict=True) if within],
    )


def _field_test(champion: Model, of: Material, fought: Challenge) -> Judged:
    newcomers = [of.newcomers[place] for place in np.flatnonzero(of.test)]
    return _judged(
        champion,
        labels=of.labels[of.test],
        groups=of.groups[of.test],
        singles=fought.field_log_probabilities,
        stacked=fought.exams[0].challenger,
        distances=fought.learned.familiar.distance([part[of.test, 0] for part in of.shared]),
        paths=[each.example.path for each in newcomers],
        contents=[each.content for each in newcomers],
    )


def _held_out(champion: Model, of: Material, fought: Challenge) -> Judged:
    outside = np.flatnonzero(of.rows.folds < 0)
    return _judged(
        champion,
        labels=of.rows.labels[outside],
        groups=of.rows.groups[outside],
        singles=fought.held_out_log_probabilities,
        stacked=fought.unseen[outside],
        distances=fought.learned.familiar.distance([part[outside] for part in of.rows.features]),
        paths=[Path()] * len(outside),
        contents=[of.rows.contents[place] for place in outside],
    )


def _judged(
    champion: Model,
    *,
    labels: Ints,
    groups: Ints,
    singles: Floats,
    stacked: Floats,
    distances: Floats,
    paths: Sequence[Path],
    contents: Sequence[str],
) -> Judged:
    named = {name: singles[:, place] for place, name in enumerate(champion.card.backbones)}
    return Judged(
        classes=champion.card.classes,
        labels=labels,
        groups=groups,
        log_probabilities=named | {STACK: stacked},
        distances=distances,
        paths=tuple(paths),
        contents=tuple(contents),
        twins=np.zeros(len(labels), np.bool_),  # what resembles another side is on neither
    )


def _facts(champion: Model, of: Material, fought: Challenge) -> dict[str, Any]:
    rows, classes = fought.rows, champion.card.classes
    lines = sorted(
        f"{content} {label} {fold}" for content, label, fold in zip(rows.contents, rows.labels, rows.folds, strict=True)
    )
    counts = {
        name: {
            "training": int(((rows.labels == place) & (rows.folds >= 0)).sum()),
            "held_out": int(((rows.labels == place) & (rows.folds < 0)).sum()),
        }
        for place, name in enumerate(classes)
    }
    return {
        "fingerprint": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        "pictures": counts,
        "groups": len(np.unique(rows.groups)),
        "champion": champion.version,
        "new": int((of.folds >= 0).sum()),
        "field_test": int(of.test.sum()),
    }
