"""A model is judged on pictures of any folder: its answers, which of them it knows, and the page."""

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from typer.testing import CliRunner

from ml.images import kept_pixels
from training.cli import app
from training.dataset import class_folders, examined
from training.judging import page
from training.judging.evaluate import judge, metrics
from training.record import STACK


def test_a_folder_is_judged_by_what_the_daemon_would_answer(ensemble, draw, console, tmp_path):
    """The run has the testing column alone, and its accuracy is that of the answers to the kept pictures."""
    run = judge(class_folders(draw(tmp_path / "fresh", 4, seed=5)), ensemble, console=console)
    column = run.columns["testing"]
    kept = [each.kept for each in examined(column.paths, size=32)]
    said = [int(np.argmax(each.stacked)) for each in ensemble.predict(np.stack([kept_pixels(each) for each in kept]))]
    assert list(run.columns) == ["testing"]
    assert len(column.labels) == 16
    accuracy = metrics(run.columns, run.thresholds)["testing"][STACK]["accuracy"]
    assert accuracy == pytest.approx(accuracy_score(column.labels, said), abs=1e-5)


def test_pictures_that_were_learned_from_are_known_again(fitted, pictures, ensemble, console):
    """Of the model's own pictures those of its folds have a twin among what was learned from, the held-out ones not."""
    run = judge(class_folders(pictures), ensemble, console=console)
    column, held_out = run.columns["testing"], fitted.run.columns["testing"].contents
    assert column.twins.tolist() == [content not in held_out for content in column.contents]


def test_the_page_of_a_whole_training_has_its_maps(fitted, ensemble, tmp_path):
    """Figures, pictures beside their Grad-CAM, and the map's own scores, from a real fit."""
    page.write(fitted.run, tmp_path, ensemble=ensemble)
    numbers = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert {"pretrained", "testing"} <= numbers["columns"].keys()
    assert numbers["faithfulness"]["pictures"] > 0
    html = (tmp_path / "report.html").read_text("utf-8")
    assert html.count("data:image/jpeg") >= 2


def test_the_command_writes_the_page(fitted, pictures, tmp_path):
    """``evaluate --out`` makes the folder with the page and its figures, of the pictures that were named."""
    said = [pictures, "--model", fitted.folder, "--out", tmp_path / "page"]
    result = CliRunner().invoke(app, ["evaluate", *map(str, said)])
    assert result.exit_code == 0, result.output
    assert "The page is" in result.output
    numbers = json.loads((tmp_path / "page" / "metrics.json").read_text("utf-8"))
    assert numbers["columns"]["testing"]["pictures"] == len(list(pictures.rglob("*.png")))
    assert (tmp_path / "page" / "report.html").is_file()
