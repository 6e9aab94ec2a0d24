"""Reviewed pictures in, a challenger out, and the champion serves until the gate says otherwise."""

import csv
import fcntl
import io
import os
import shutil
import threading
from datetime import date, timedelta

import numpy as np
import pytest
from reviewed_world import NEW_LOOK, NOW, put, reviews
from rich.console import Console
from typer.testing import CliRunner

from ml.artifacts import current, load, promote, rollback
from ml.ensemble import Ensemble
from training import rows
from training.cli import app
from training.dataset import class_folders
from training.fit import fit
from training.prepare import Job
from training.retraining.field import is_reserved
from training.retraining.outcome import last
from training.retraining.retrain import Places, retrain
from training.settings import RetrainingSettings, TrainingSettings

TODAY = date(2026, 11, 25)
SETTINGS = RetrainingSettings(reviews=20)
STATIONS = [f"Station {number}" for number in range(3, 17)]  # five are reserved


@pytest.fixture(scope="module")
def trained(backbones, draw, console, tmp_path_factory):
    """A data folder with a champion, trained on one look of the world."""
    data = tmp_path_factory.mktemp("trained")
    job = Job(
        name="champion",
        created=date(2026, 11, 24),
        backbones=backbones,
        settings=TrainingSettings(
            folds=2,
            epochs=10,
            learning_rate=0.03,
            hidden=16,
            dropout=0.1,
            prototypes=2,
            batch_size=32,
            views=("mirror",),
        ),
        cache=data / "cache" / "features",
        untrained_seed=7,
    )
    fitted = fit(class_folders(draw(data / "pictures", pictures=15)), job, models=data / "models", console=console)
    promote(data / "models", fitted.folder.name)
    return data


@pytest.fixture(scope="module")
def retrained(trained, console, tmp_path_factory):
    """A copy in which a challenger learned a new look: where it is, what was reviewed, and what came of it."""
    data = shutil.copytree(trained, tmp_path_factory.mktemp("retrained") / "data")
    said = reviews(STATIONS)
    contents = put(data, said)
    places = Places(data, data / "trapline.db", data / "models")
    return data, dict(zip(contents, said, strict=True)), retrain(places, SETTINGS, today=TODAY, console=console)


@pytest.fixture
def promoted(retrained, tmp_path):
    """A copy of that, to go on from."""
    return shutil.copytree(retrained[0], tmp_path / "data")


@pytest.fixture
def data(trained, tmp_path):
    """A copy of it, to work in."""
    return shutil.copytree(trained, tmp_path / "data")


@pytest.fixture
def run(console):
    """Retrain in a data folder: ``run(data)`` gives what came of it."""

    def start(data, settings=SETTINGS, today=TODAY, console=console):
        return retrain(Places(data, data / "trapline.db", data / "models"), settings, today=today, console=console)

    return start


def test_a_challenger_that_learned_a_new_look_takes_the_champions_place(retrained):
    """It answers from then on, its run is on record, and the reserved deployments were not learned from."""
    data, said, outcome = retrained
    assert outcome.promoted, outcome
    champion, challenger = load(data / "models" / outcome.champion), load(current(data / "models"))
    assert outcome.challenger == challenger.version
    assert challenger.card.name == "retrained"

    (folder,) = (data / "runs").glob(f"retrain-{TODAY}-*")
    assert {"report.html", "metrics.json", "verdict.json", "doubts.csv"} <= {path.name for path in folder.iterdir()}
    assert "is to take the champion" in (folder / "report.html").read_text()
    assert str(last(data / "runs")) == str(outcome)

    learned = set(rows.read(challenger).contents)
    reserved = {content for content, each in said.items() if is_reserved(each[2], 0.2)}
    assert 0 < len(reserved) < len(said) / 2
    assert learned == set(rows.read(champion).contents) | (set(said) - reserved)


def test_the_challenger_answers_as_it_was_judged(retrained):
    """What the daemon loads is right about pictures of the new look."""
    ensemble = Ensemble.load(current(retrained[0] / "models"))
    fresh = reviews(["Nowhere"], pictures=20, seed=99)
    answers = ensemble.predict(np.stack([np.asarray(each[0].resize((32, 32))) for each in fresh]))
    said = [answer.background or answer.label for answer in answers]
    assert sum(answer == each[1] for answer, each in zip(said, fresh, strict=True)) >= 18


def test_what_was_learned_is_not_new_again(promoted, run):
    """A second run right after finds nothing to do, and a few more labels are too few."""
    champion = current(promoted / "models")
    again = run(promoted)
    assert (again.challenger, again.reasons) == (
        None, ("there are 0 new labels to learn from, and a retraining waits for 20",),
    )  # fmt: skip
    put(promoted, reviews(["Station 2"], seed=6))
    assert "4 new labels" in run(promoted).reasons[0]
    assert current(promoted / "models") == champion


def test_a_verdict_is_not_given_twice(promoted, run):
    """Who takes a promotion back is not overruled by the next scheduled run."""
    champion = rollback(promoted / "models")
    again = run(promoted)
    assert not again.promoted
    assert again.reasons[0].startswith("the same pictures were judged on")
    assert current(promoted / "models") == champion


def test_a_promotion_that_a_kill_prevented_is_made_up_for_once(promoted, retrained, run):
    """The verdict is written, the pointer is as before: the next start promotes, and never again after a rollback."""
    rollback(promoted / "models")
    os.utime(promoted / "models" / "current", (0, 0))  # as if the switch and the rollback had never been
    again = run(promoted)
    assert again.promoted
    assert current(promoted / "models").name == retrained[2].challenger
    champion = rollback(promoted / "models")
    assert not run(promoted).promoted
    assert current(promoted / "models") == champion


def test_who_corrects_what_the_champion_learned_does_not_contradict_what_it_is_sure_of(promoted, retrained, run):
    """It only repeats what it was told."""
    colours = list(NEW_LOOK)
    said = [
        (picture, colours[(colours.index(label) + 1) % len(colours)], station, "Chipo")
        for picture, label, station, _ in reviews(STATIONS)
        if not is_reserved(station, 0.2)
    ]
    assert set(put(promoted, said, at=NOW + timedelta(minutes=1))) <= set(retrained[1])
    outcome = run(promoted)
    assert outcome.challenger
    assert not any("contradicts" in reason for reason in outcome.reasons)


def test_a_resumed_run_ends_with_the_same_model(promoted, retrained, run):
    """Killed before the promotion: the next start, a day later, makes the same version and promotes it."""
    (folder,) = (promoted / "runs").glob("retrain-*")
    (folder / "verdict.json").unlink()
    rollback(promoted / "models")
    shutil.rmtree(promoted / "cache")
    shutil.rmtree(promoted / "models" / retrained[2].challenger)
    again = run(promoted, today=TODAY + timedelta(days=1))
    assert (again.champion, again.challenger, again.promoted) == (
        retrained[2].champion, retrained[2].challenger, True,
    )  # fmt: skip
    assert list((promoted / "runs").glob("retrain-*")) == [folder]


def test_nothing_is_trained_for_a_few_labels(data, run):
    """It says so, and leaves no folder behind."""
    put(data, reviews(["Station 2"]))
    champion = current(data / "models")
    assert not run(data).promoted
    assert current(data / "models") == champion
    assert {path.name for path in (data / "runs").iterdir()} == {"retraining.json", "retraining.lock"}


def test_a_second_run_waits_for_the_first(data, run):
    """Whoever started them: the daemon, a person, or a daemon that was killed since."""
    put(data, reviews(["Station 2"]))
    (data / "runs").mkdir()
    told = threading.Event()

    class Told(io.StringIO):
        def write(self, text):
            told.set()
            return super().write(text)

    outcomes, out = [], Told()
    with (data / "runs" / "retraining.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=lambda: outcomes.append(run(data, console=Console(file=out, width=200))))
        second.start()
        assert told.wait(30)
        assert "another retraining works here" in out.getvalue()
        assert outcomes == []
    second.join(30)
    assert len(outcomes) == 1


def test_a_poisoned_batch_changes_nothing_and_the_page_says_which_labels_look_wrong(data, run):
    """One label in ten is wrong; most of those listed are wrong indeed."""
    said = reviews(STATIONS)
    random, labels = np.random.default_rng(1), list(NEW_LOOK)
    wrong = random.permutation(len(said))[: len(said) // 10]
    for place in wrong:
        picture, label, *rest = said[place]
        said[place] = (picture, labels[(labels.index(label) + 1) % len(labels)], *rest)
    contents = put(data, said)
    champion = current(data / "models")
    outcome = run(data)
    assert not outcome.promoted
    assert "new labels look wrong" in outcome.reasons[0]
    assert current(data / "models") == champion
    (folder,) = (data / "runs").glob("retrain-*")
    with (folder / "doubts.csv").open(newline="") as file:
        listed = [row["sha256"] for row in csv.DictReader(file)]
    assert len(listed) > len(wrong) / 2
    assert len(set(listed) & {contents[place] for place in wrong}) > 0.8 * len(listed)
    page = (folder / "report.html").read_text()
    assert page.count("This label looks wrong: ") == len(listed)
    assert all(f"/{content}.png" in page for content in listed)


def test_labels_of_the_look_that_the_champion_knows_are_no_reason_to_change(data, run):
    """A challenger that is as good as the champion stays in the store, and the reason is told."""
    put(data, reviews(STATIONS, colours={"panda": (230, 230, 230), "lion": (220, 170, 60), "jaguar": (200, 60, 40)}))
    champion = current(data / "models")
    outcome = run(data)
    assert not outcome.promoted
    assert outcome.reasons[0].startswith("the challenger is not better beyond chance")
    assert current(data / "models") == champion
    assert (data / "models" / outcome.challenger).is_dir()


def test_a_data_set_that_is_named_is_learned_from_as_well(data, run, draw, tmp_path):
    """Pictures that a person called something else since are those that were reviewed."""
    contents = put(data, reviews(STATIONS))
    dataset = draw(tmp_path / "more", pictures=3, seed=77)
    settings = SETTINGS.model_copy(update={"datasets": (dataset,)})
    outcome = run(data, settings)
    learned = rows.read(load(data / "models" / outcome.challenger)).contents
    before = rows.read(load(data / "models" / outcome.champion)).contents
    assert len(set(learned) - set(before) - set(contents)) == 12

    (data / "models" / "current").write_text(f"{outcome.champion}\n")
    next(dataset.glob("*/00.png")).unlink()
    other = run(data, settings)
    assert other.challenger != outcome.challenger
    assert not other.reasons[0].startswith("the same pictures were judged")


def test_reviews_after_the_day_of_training_count_in_the_field_test(data, run):
    """Labels of reserved deployments are looked at too: a test that lies is worse than none."""
    said = reviews(STATIONS)
    labels = list(NEW_LOOK)
    lying = [station for station in STATIONS if is_reserved(station, 0.2)][:2]
    said = [
        (picture, labels[(labels.index(label) + 1) % 4] if station in lying else label, station, reviewer)
        for picture, label, station, reviewer in said
    ]
    put(data, said, at=NOW)
    outcome = run(data)
    assert not outcome.promoted
    assert "look wrong" in outcome.reasons[0]


def test_the_command_says_what_it_needs():
    """Without a configuration the places have to be named; a wrong share is told by its name."""
    nowhere = CliRunner().invoke(app, ["retrain"])
    assert nowhere.exit_code == 2
    assert all(option in nowhere.output for option in ("--data", "--ledger", "--models"))
    wrong = CliRunner().invoke(app, ["retrain", "--data", "a", "--ledger", "b", "--models", "c", "--reserved", "2"])
    assert wrong.exit_code == 2
    assert "reserved" in wrong.output


def test_without_a_reserved_deployment_the_champions_own_pictures_decide(data, run):
    """There is no field test then, and a gain that only stations would see is not proved."""
    put(data, reviews(STATIONS))
    outcome = run(data, SETTINGS.model_copy(update={"reserved": 0.0}))
    assert not outcome.promoted
    assert outcome.figures["recalls"].keys() == {"pictures of the champion's own set"}
    assert "not better beyond chance" in outcome.reasons[0]
