"""The page, metrics.json and the model card say what the answers say, and nothing that there is no data for."""

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from run_world import CLASSES, Painted, judged, made_run
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix, f1_score

from db import redlist
from training.judging import model_card, page, sheet, words
from training.judging.evaluate import metrics
from training.judging.findings import Versus, find
from training.judging.intervals import Interval
from training.record import STACK

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}&amp;"
ALL = ("pretrained", "plain", "retrained", "testing")


class Html(HTMLParser):
    """Collects elements with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return re.sub(r"\s+", " ", self.words)


def written(run, folder, ensemble=None):
    page.write(run, folder, ensemble=ensemble)
    return Html((folder / "report.html").read_text("utf-8")), json.loads((folder / "metrics.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run with everything in it."""
    folder = tmp_path_factory.mktemp("run")
    return made_run(folder, columns=ALL, tuned=True, curves=("pretrained", "retrained"), twins=10, notes=("It stays.",))


@pytest.fixture(scope="module")
def made(whole, tmp_path_factory):
    return written(whole, tmp_path_factory.mktemp("out"), Painted(whole))


@pytest.mark.parametrize("title", ALL)
def test_metrics_are_those_of_scikit_learn(whole, made, title):
    """Accuracy, macro F1, each class' precision, recall and F1, and the confusion matrix, of every column."""
    column, told = whole.columns[title], made[1]["columns"][title]
    for name, answers in column.log_probabilities.items():
        said = answers.argmax(axis=1)
        figures = told["figures"][name]
        assert figures["accuracy"]["value"] == pytest.approx(accuracy_score(column.labels, said), abs=1e-6)
        assert figures["macro_f1"]["value"] == pytest.approx(f1_score(column.labels, said, average="macro"), abs=1e-6)
        assert figures["accuracy"]["low"] <= figures["accuracy"]["value"] <= figures["accuracy"]["high"]
    said = column.log_probabilities[STACK].argmax(axis=1)
    report = classification_report(column.labels, said, target_names=CLASSES, output_dict=True, zero_division=0)
    for name, each in told["classes"].items():
        found = (each["precision"], each["recall"]["value"], each["f1"], each["pictures"])
        expected = (report[name][key] for key in ("precision", "recall", "f1-score", "support"))
        assert found == pytest.approx(tuple(expected), abs=1e-6)
    assert told["confusion"] == confusion_matrix(column.labels, said).tolist()


def test_the_page_prints_the_figures_of_metrics_json(made):
    """Accuracy with its interval of each backbone and the stack stands in the table, in each column."""
    html, numbers = made
    for title in ("pretrained", "retrained", "testing"):
        for figures in numbers["columns"][title]["figures"].values():
            each = figures["accuracy"]
            assert f"{each['value']:.1%}{100 * each['low']:.1f}–{100 * each['high']:.1f}" in html.text


def test_parts_without_data_are_absent(tmp_path):
    """Of a model that is only judged there is no training column, curve, tuning or picture; all links lead on."""
    html, numbers = written(made_run(tmp_path), tmp_path / "out")
    for word in ("Retrained", "Pretrained", "Plain folds", "Without twins", "Tuning", "How it learned", "Grad-CAM"):
        assert word not in html.text
    assert list(numbers["columns"]) == ["testing"]
    assert {section["id"] for section in html.all("section")} == {"table", "classes", "sure", "kinds", "data"}
    assert {link["href"] for link in html.all("a")} - {"#run"} == {f"#{each['id']}" for each in html.all("section")}


def test_parts_with_data_are_there(made):
    """All columns, splits side by side, twins, tuning, fine-tuning, curves, mistakes, examples, notes."""
    html, _ = made
    for word in (
        "Retrained", "Folds in groups", "Plain folds", "Without twins", "Tuning", "Loss by epoch", "It stays.",
        "The worst mistakes", "An example of each class", "A random map", "Within the big cats",
        "The tuned settings are better than the defaults", "The fine-tuned backbones are not distinguishable",
    ):  # fmt: skip
        assert word in html.text
    assert {link["href"] for link in html.all("a")} - {"#run"} == {f"#{each['id']}" for each in html.all("section")}


def test_figures_of_pictures_that_were_learned_from_come_with_a_warning(tmp_path):
    """Where every picture has a twin among what was learned from there is no figure without twins, but a word."""
    warning = "The model learned from all of these pictures"
    for twins, warned in ((60, True), (59, False)):
        html, _ = written(made_run(tmp_path / str(twins), twins=twins), tmp_path / "out")
        assert (warning in html.text) is warned


def test_it_can_be_read_without_eyes(made):
    """Every picture, plot and table is described; one main heading, and one a part."""
    html, _ = made
    assert html.all("img")
    assert all(each["alt"] for each in html.all("img"))
    assert len(html.all("caption")) == len(html.all("table")) > 0
    described = [attributes for _, attributes in html.elements if attributes.get("role") == "img"]
    assert len(described) == len(html.all("svg")) > 0
    assert all(each["aria-label"] for each in described)
    assert len(html.all("h1")) == len(html.all("main")) == 1


def test_the_page_loads_nothing_and_has_no_style_but_its_own(made, whole, tmp_path):
    """The policy names the hash of the one style there is; no element has a style, no address stands anywhere."""
    page.write(whole, tmp_path, ensemble=None)
    text = (tmp_path / "report.html").read_text("utf-8")
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in text
    html, _ = made
    assert not html.all("script")
    assert not [attributes for _, attributes in html.elements if "style" in attributes]
    links = [value for _, each in html.elements for key, value in each.items() if key in {"src", "href", "xlink:href"}]
    assert all(link.startswith(("data:image/jpeg", "#")) for link in links)


def test_names_of_plots_parts_do_not_collide(made):
    """No id stands twice, and each that is referred to is there."""
    html, _ = made
    ids = Counter(attributes["id"] for _, attributes in html.elements if "id" in attributes)
    assert max(ids.values()) == 1
    used = {each["xlink:href"][1:] for each in html.all("use")}
    values = " ".join(str(value) for _, each in html.elements for value in each.values())
    used |= set(re.findall(r"url\(#(.+?)\)", values))
    assert used <= set(ids)


def test_a_hostile_name_is_text_and_nothing_else(tmp_path):
    """Files, models, settings and notes of any name make the very elements that plain names make."""
    shapes = []
    for name in ("plain", HOSTILE.replace("/", "")):
        folder = tmp_path / str(len(shapes))
        run = made_run(folder, name=name, notes=(name,), columns=("testing",))
        column = run.columns["testing"]
        paths = [path.rename(path.with_name(f"{name}{place}")) for place, path in enumerate(column.paths)]
        card = run.card.model_copy(update={"settings": {name: name}, "versions": {name: name}})
        run = replace(run, card=card, columns={"testing": replace(column, paths=tuple(paths))})
        html, _ = written(run, folder / "out", Painted(run))
        shapes.append(Counter((tag, *sorted(attributes)) for tag, attributes in html.elements))
    assert shapes[0] == shapes[1]
    assert not html.all("script")
    assert "{{ 7*7 }}" in html.text


def test_the_same_run_gives_the_same_page(whole, tmp_path):
    """Byte for byte, so that two runs can be compared."""
    for name in "ab":
        page.write(whole, tmp_path / name, ensemble=None)
    for file in ("report.html", "metrics.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_sheet_shows_the_surest_mistakes_first_and_never_a_person(tmp_path):
    """Wrong answers only, in the order of their probability; what is labelled or answered a person is left out."""
    column = judged(tmp_path, pictures=120, sharpness=0.3)
    answers, sure = column.log_probabilities[STACK].argmax(axis=1), column.log_probabilities[STACK].max(axis=1)
    worst = sheet.worst(column)
    assert len(worst) == sheet.MISTAKES
    assert (answers[worst] != column.labels[worst]).all()
    assert (np.diff(sure[worst]) <= 0).all()
    person = CLASSES.index("person")
    surest = sure[(answers != column.labels) & (answers != person) & (column.labels != person)].max()
    assert sure[worst[0]] == surest
    typical = sheet.typical(column)
    assert person not in column.labels[[*worst, *typical]]
    assert (answers[typical] == column.labels[typical]).all()
    assert len(set(column.labels[typical])) == len(typical) == len(CLASSES) - 1


def test_a_picture_that_is_gone_is_left_out_of_the_sheet(tmp_path):
    """The page is written all the same, with the pictures that are left, in the camera's proportions."""
    run = made_run(tmp_path)
    column = run.columns["testing"]
    typical = sheet.typical(column)
    column.paths[typical[0]].unlink()
    asked = sheet.ask(Painted(run), column, typical)
    assert asked.places.tolist() == typical[1:].tolist()
    shown = sheet.shown(asked, column)
    assert [each.name for each in shown] == [column.paths[place].name for place in typical[1:]]
    assert all(each.picture.startswith("data:image/jpeg;base64,") for each in shown)


def test_categories_hold_the_labels_of_the_red_list(whole):
    """A label that may be several species stands under the span; a wrong label of the right category counts as such."""
    found = find(whole, redlist.load()).columns["testing"].categories
    assert {label for each in found.values() for label in each.labels} == set(CLASSES) - {"other", "person"}
    assert found["NT–CR"].labels == ("rhino",)
    assert all(each.category.value >= each.right.value for each in found.values())


def test_big_cats_are_asked_for_alone(whole):
    """The probabilities of the other classes do not matter: what is taken for a rhino is judged by its best cat."""
    column = whole.columns["testing"]
    cats = find(whole, redlist.load()).columns["testing"].big_cats
    places = [CLASSES.index(name) for name in cats.labels]
    chosen = np.isin(column.labels, places)
    among = np.exp(column.log_probabilities[STACK][chosen][:, places])
    said = np.array(places)[(among / among.sum(axis=1, keepdims=True)).argmax(axis=1)]
    assert cats.right[STACK].value == pytest.approx(accuracy_score(column.labels[chosen], said))
    assert sum(map(sum, cats.confusion)) == cats.pictures == chosen.sum()


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.03, "is better than"), (-0.01, 0.03, "is not distinguishable from"), (-0.03, -0.01, "is worse than")],
)
def test_the_interval_decides_what_is_said_of_the_stack(whole, low, high, said):
    """Better or worse only where the interval of the difference leaves nought out."""
    found = find(whole, redlist.load())
    versus = Versus("efficientnet_lite0", STACK, Interval(0, -1, 1), Interval((low + high) / 2, low, high), 0.5)
    columns = found.columns | {"testing": replace(found.columns["testing"], stack=versus)}
    sentence = words.stack_against_best(replace(found, columns=columns), "testing")
    assert f"The stack {said} EfficientNet-Lite0, the best single backbone (chosen out of fold)" in sentence


def test_the_best_backbone_is_chosen_out_of_fold(tmp_path):
    """Not the one that happens to do best on the test pictures."""
    run = made_run(tmp_path, columns=("pretrained", "testing"))
    first, second = run.card.backbones
    truth = np.eye(len(CLASSES))[run.columns["testing"].labels] * 20
    perfect = truth - np.log(np.exp(truth).sum(axis=1, keepdims=True))
    for title, name in (("pretrained", first), ("testing", second)):
        column = run.columns[title]
        run.columns[title] = replace(column, log_probabilities=column.log_probabilities | {name: perfect})
    assert find(run, redlist.load()).columns["testing"].stack.first == first


def test_a_column_of_background_alone_has_no_figures_of_species(tmp_path):
    """Nothing is divided by nought, and JSON gets no nan."""
    run = made_run(tmp_path)
    column = run.columns["testing"]
    run.columns["testing"] = column.only(column.labels == CLASSES.index("other"))
    html, numbers = written(run, tmp_path / "out")
    assert numbers["columns"]["testing"]["figures"]["stack"]["species_accuracy"]["value"] is None
    assert "nan" not in html.text
    told = metrics(run.columns, run.thresholds)["testing"]["stack"]
    assert {"accuracy", "false_alarms"} <= told.keys()
    assert not {"species_accuracy", "answered"} & told.keys()


def test_the_figures_that_travel_with_a_model(whole):
    """Each column tells of each backbone and the stack; JSON holds them as they are."""
    told = metrics(whole.columns, whole.thresholds)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert list(told) == list(ALL)
    stack = told["testing"]["stack"]
    low, high = stack["intervals"]["accuracy"]
    assert low <= stack["accuracy"] <= high
    assert {"macro_f1", "species_accuracy", "ece", "answered", "right", "false_alarms"} <= stack.keys()


def test_the_model_card_tells_what_a_stranger_must_know(whole):
    """Counts, fingerprint, figures with intervals, thresholds, the weakest class, limits, licences, versions."""
    card = model_card.write(whole)
    column = find(whole, redlist.load()).columns["testing"]
    weakest = min(column.classes, key=lambda name: column.classes[name].f1)
    accuracy = column.figures[STACK]["accuracy"]
    for said in (
        "# Model test, 2026-11-24", "| lion | 12 | 3 |", "c0de" * 16, "must not be used", "licence: Apache-2.0",
        "keras 3", f"{accuracy.value:.1%} ({100 * accuracy.low:.1f}–{100 * accuracy.high:.1f})", "with 60.0% at least",
    ):  # fmt: skip
        assert said in card
    assert card.partition("## Known weaknesses")[2].split("\n")[2].startswith(f"- {words.label(weakest)}: F1")
