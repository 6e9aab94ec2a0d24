"""From folders of pictures to a model that answers."""

from dataclasses import replace

import numpy as np
import pytest

from ml.artifacts import load
from ml.decision import Decision
from ml.ensemble import Ensemble
from ml.images import kept_pixels
from training import rows
from training.dataset import class_folders, examined, read
from training.fit import fit
from training.judging.evaluate import judge, scores_of
from training.record import STACK


def pixels_of(folder):
    return np.stack([kept_pixels(each.kept) for each in examined(sorted(folder.rglob("*.png")), size=32)])


def test_the_model_answers_pictures_it_has_not_seen(ensemble, draw, tmp_path):
    """Trained, saved and loaded, it tells the classes of fresh pictures apart and explains each answer."""
    fresh = draw(tmp_path, seed=99)
    for label in ("panda", "lion", "jaguar"):
        answers = ensemble.predict(pixels_of(fresh / label))
        assert [answer.label for answer in answers].count(label) >= 8
        assert all(
            answer.heatmap.shape == (8, 8) and 0 <= answer.heatmap.min() <= answer.heatmap.max() <= 1
            for answer in answers
        )
        assert all(answer.stacked.sum() == pytest.approx(1) for answer in answers)
        assert set(answers[0].probabilities) == {"tiny_a", "tiny_b"}
    others = ensemble.predict(pixels_of(fresh / "other"))
    assert [answer.decision for answer in others].count(Decision.OTHER) >= 8
    assert others[0].background == "other"
    assert others[0].label in {"panda", "lion", "jaguar"}


def test_any_number_of_pictures_is_answered(ensemble, pictures):
    """No picture, one, a whole batch or some more: as many answers, and the same ones."""
    pixels = pixels_of(pictures)[:9]
    together = ensemble.predict(pixels)
    assert ensemble.predict(pixels[:0]) == []
    assert len(together) == 9
    for place in (0, 3, 4, 8):
        (alone,) = ensemble.predict(pixels[place : place + 1])
        np.testing.assert_allclose(alone.stacked, together[place].stacked, atol=1e-6)
        np.testing.assert_allclose(alone.heatmap, together[place].heatmap, atol=1e-5)


def test_swapped_folders_give_swapped_answers(job, draw, console, tmp_path):
    """A model learns what the folders say: with two of them exchanged, so are its answers."""
    swapped = draw(tmp_path / "swapped", names={"panda": "lion", "lion": "panda"})
    model = Ensemble.load(fit(class_folders(swapped), job, models=tmp_path / "models", console=console).folder)
    fresh = draw(tmp_path / "fresh", seed=99)
    for shown, said in (("panda", "lion"), ("lion", "panda"), ("jaguar", "jaguar")):
        assert [answer.label for answer in model.predict(pixels_of(fresh / shown))].count(said) >= 8


def test_the_same_training_gives_the_same_version(fitted, pictures, job, console, tmp_path):
    """Same pictures, settings and date: the same model to the last bit, with or without the features cached."""
    again = fit(class_folders(pictures), replace(job, cache=tmp_path / "cache"), models=tmp_path, console=console)
    assert again.folder.name == fitted.folder.name


def test_the_model_keeps_what_a_later_training_needs(fitted, pictures):
    """Reduced features, label, fold, group and hashes of every picture, and what was said of it unseen, are kept."""
    model = load(fitted.folder)
    stored = rows.read(model)
    count = len(list(pictures.rglob("*.png")))
    assert len(stored.labels) == len(stored.groups) == len(stored.contents) == len(stored.unseen) == count
    assert [len(part) for part in stored.features] == [count, count]
    facts = model.card.dataset["pictures"]
    assert (stored.folds == -1).sum() == sum(each["held_out"] for each in facts.values()) > 0
    testing = fitted.run.columns["testing"]
    of_stack = dict(zip(stored.contents, stored.unseen, strict=True))
    for content, said in zip(testing.contents, testing.log_probabilities[STACK], strict=True):
        np.testing.assert_allclose(of_stack[content], said, atol=0.02, rtol=1e-3)


def test_stored_features_are_those_that_answer(ensemble, pictures):
    """A stored row differs from what the model sees in the picture by less than a step of its scale."""
    stored = rows.read(ensemble.model)
    of_first = dict(zip(stored.contents, stored.features[0], strict=True))
    for each in examined(sorted(pictures.rglob("*.png"))[:8], size=32):
        pooled = ensemble.graph(kept_pixels(each.kept)[None])[1][:1]
        (seen,) = ensemble.model.heads[0].reduction(pooled)
        np.testing.assert_allclose(of_first[each.picture.sha256], seen, atol=np.abs(stored.features[0]).max() / 60)


def test_the_figures_are_those_of_the_held_out_pictures(fitted, pictures):
    """Both columns cover every class, each backbone and the stack, and count the pictures they should."""
    training, testing = (scores_of(fitted.run.columns[name]) for name in ("pretrained", "testing"))
    assert set(training) == set(testing) == {"tiny_a", "tiny_b", "stack"}
    assert training["stack"].pictures + testing["stack"].pictures == len(list(pictures.rglob("*.png")))
    assert np.sum(testing["stack"].confusion) == testing["stack"].pictures
    assert testing["stack"].accuracy > 0.8


def test_a_given_split_is_kept(fitted_to_given):
    """Pictures in a test folder are never learned from, and their twins in training are told apart."""
    columns = fitted_to_given.run.columns
    assert len(columns["pretrained"].labels) == 36
    assert len(columns["testing"].labels) == 13
    assert [path.name for path in columns["testing"].only(columns["testing"].twins).paths] == ["twin.png"]


def test_doubted_labels_are_corrected_or_left_out(job, draw, console, tmp_path):
    """With doubt, three pandas in the lions' folder are learned as pandas or not at all, and judged as lions still."""
    draw(tmp_path / "data", pictures=16)
    for number in range(3):
        misplaced = tmp_path / "data" / "panda" / f"{number:02}.png"
        misplaced.rename(tmp_path / "data" / "lion" / f"panda{number}.png")
    doubting = replace(job, settings=job.settings.model_copy(update={"doubt": True}))
    run = fit(class_folders(tmp_path / "data"), doubting, models=tmp_path / "models", console=console).run
    assert run.card.dataset["relabelled"] + run.card.dataset["not_trusted"] >= 2
    everything = [*run.columns["pretrained"].paths, *run.columns["testing"].paths]
    assert sum(path.name.startswith("panda") for path in everything) == 3


def test_without_groups_is_told_apart(fitted_to_given):
    """Where asked for, there is a column of folds that ignore groups, over the same pictures."""
    plain, grouped = (fitted_to_given.run.columns[name] for name in ("plain", "pretrained"))
    assert plain.contents == grouped.contents
    assert not np.array_equal(plain.log_probabilities[STACK], grouped.log_probabilities[STACK])


def test_judging_answers_as_the_daemon_would(ensemble, pictures, console):
    """The evaluation over the same pictures counts all of them, copies included, and finds the model good."""
    testing = judge(class_folders(pictures), ensemble, console=console).columns["testing"]
    scores = scores_of(testing)
    assert scores["stack"].pictures == len(read(class_folders(pictures), size=32, console=console).examples)
    assert scores["stack"].accuracy > 0.9
