"""A run's page: figures, plots and pictures become one HTML file that opens offline, and ``metrics.json`` beside it."""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import BaseModel

from db import redlist
from ml.arrays import Floats, Pixels
from ml.ensemble import Ensemble
from ml.files import write_atomically
from ml.labels import BACKGROUND
from training.judging import plots, sheet, words
from training.judging.evaluate import SEED
from training.judging.faithfulness import faithfulness, random_maps
from training.judging.findings import Findings, find
from training.record import Judged, Run, reasons

_TABLE = ("pretrained", "retrained", "testing")
_POINTS = 101  # of a curve in metrics.json


@dataclass(frozen=True, slots=True)
class Faithful:
    """The mean scores of Grad-CAM and of random maps on the same pictures."""

    pictures: int
    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float


@dataclass(frozen=True, slots=True)
class _Pictures:
    mistakes: list[sheet.Shown]
    examples: list[sheet.Shown]
    faithful: Faithful | None


def write(run: Run, folder: Path, *, ensemble: Ensemble | None) -> None:
    """Write ``report.html`` and ``metrics.json`` into ``folder``; without the ensemble there are no pictures."""
    found = find(run, redlist.load())
    pictures = _pictures(run.columns[found.main], ensemble) if ensemble else _Pictures([], [], None)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "report.html", _html(run, found, pictures).encode())
    numbers = json.dumps(_numbers(run, found, pictures.faithful), indent=1, allow_nan=False)
    write_atomically(folder / "metrics.json", numbers.encode())


def _pictures(judged: Judged, ensemble: Ensemble) -> _Pictures:
    wrong = sheet.ask(ensemble, judged, sheet.worst(judged))
    right = sheet.ask(ensemble, judged, sheet.typical(judged))
    return _Pictures(sheet.shown(wrong, judged), sheet.shown(right, judged), _faithful(right, ensemble))


def _faithful(asked: sheet.Asked, ensemble: Ensemble) -> Faithful | None:
    """Score the maps of the examples of a species; None where there is none."""
    species = [place for place, each in enumerate(asked.answers) if each.background is None]
    if not species:
        return None
    maps = np.stack([asked.answers[place].heatmap for place in species])
    explained = np.array([ensemble.classes.index(asked.answers[place].label) for place in species])

    def predict(pixels: Pixels) -> Floats:
        return np.stack([each.stacked for each in ensemble.predict(pixels)])

    ours, chance = (
        faithfulness(predict, asked.pixels[species], each, explained) for each in (maps, random_maps(maps, seed=SEED))
    )
    means = (float(each.mean()) for each in (ours.deletion, ours.insertion, chance.deletion, chance.insertion))
    return Faithful(len(species), *means)


def _html(run: Run, found: Findings, pictures: _Pictures) -> str:
    environment = templates_environment()
    style = environment.get_template("training/run.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    table = redlist.load()
    return environment.get_template("training/run.html.j2").render(
        run=run,
        found=found,
        main=found.columns[found.main],
        table={title: words.COLUMNS[title] for title in _TABLE if title in found.columns},
        titles=words.COLUMNS,
        letters={
            name: (table.resolve(name, None).category or "").split("–")
            for name in run.card.classes
            if name not in BACKGROUND
        },
        redlist=table,
        plots=_plots(run, found),
        pictures=pictures,
        left_out=reasons(run.left_out),
        stack=words.stack_against_best(found, found.main),
        tuning=words.gain(found.tuning) if found.tuning else None,
        fine_tuning=words.gain(found.fine_tuning) if found.fine_tuning else None,
        style_hash=f"sha256-{digest}",
    )


def _plots(run: Run, found: Findings) -> dict[str, Any]:
    """Draw what there is data for."""
    main = found.columns[found.main]
    shown = {words.COLUMNS[title]: found.columns[title] for title in _TABLE if title in found.columns}
    drawn: dict[str, Any] = {
        "confusion": plots.confusion(main.confusion, [words.label(name) for name in run.card.classes]),
        "calibration": plots.calibration({title: each.reliability for title, each in shown.items()}),
        "risk_coverage": plots.risk_coverage({title: each.risk_coverage for title, each in shown.items()}),
        "learning": _learning(run),
    }
    if main.big_cats:
        drawn["big_cats"] = plots.confusion(
            main.big_cats.confusion, [words.label(name) for name in main.big_cats.labels]
        )
    if run.tuned:
        drawn["trials"] = plots.trials([trial["value"] for trial in run.tuned.trials])
    return drawn


def _learning(run: Run) -> dict[str, dict[str, Markup]]:
    return {
        title: {what: plots.learning(curves, what) for what in ("loss", "accuracy")}
        for title, curves in run.curves.items()
        if curves
    }


def templates_environment() -> Environment:
    """Return what renders the pages of ``templates/training``; everything is escaped."""
    # select_autoescape() would not escape a file that ends in .j2, so escaping is on for all.
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=PackageLoader("templates", "."),
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The macros are shared with reports, which are translated; these pages are in English.
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # the extension's
    environment.filters |= {
        "number": lambda count: f"{count:,}",
        "percent": words.percent,
        "span": words.span,
        "label": words.label,
        "answerer": words.answerer,
        "counted": lambda title: (title, "count"),  # a column of a table
        "day": lambda date: f"{date.day} {date:%b %Y}",
    }
    return environment


def _numbers(run: Run, found: Findings, faithful: Faithful | None) -> Any:
    """Return all of it as JSON has it: a figure of nothing is null, a long curve is told at 101 points."""
    card = run.card.model_dump(mode="json", include={"name", "created", "classes", "dataset", "settings", "versions"})
    return _plain(
        card
        | {"thresholds": asdict(run.thresholds), "notes": run.notes}
        | {"curves": {title: [asdict(curve) for curve in curves] for title, curves in run.curves.items()}}
        | {"left_out": reasons(run.left_out)}
        | asdict(found)
        | ({"trials": list(run.tuned.trials), "best": run.tuned.best} if run.tuned else {})
        | ({"faithfulness": asdict(faithful)} if faithful else {})
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray):
        chosen = np.unique(np.linspace(0, len(value) - 1, _POINTS).astype(int))
        return _plain(value[chosen].tolist())
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else round(float(value), 6)
    return value.item() if isinstance(value, np.integer) else value
