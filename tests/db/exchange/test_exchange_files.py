"""The flat table and MegaDetector's JSON, from a ledger to what other programs read."""

import csv
import io
import json
from datetime import datetime

import pytest
from exchanges import NOW, PLACE, detect, of_animals, scope
from hypothesis import given
from hypothesis import strategies as st
from report_world import filling
from sqlalchemy import select

from db.detected import region_of
from db.exchange.cells import BOX, file_path
from db.exchange.flat import write_flat
from db.exchange.megadetector import write_megadetector
from db.exchange.tables import FORMULA, guarded
from db.models import Detection, Model, Prediction, Review
from db.types import Decision, Detected, LinkKind, LinkStatus, State


def flat(ledger):
    with ledger.read() as session:
        count = write_flat(session, file := io.StringIO(), scope())
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert len(rows) == count
    return rows


def megadetector(ledger):
    with ledger.read() as session:
        count = write_megadetector(session, file := io.StringIO(), scope())
    found = json.loads(file.getvalue())
    assert len(found["images"]) == count
    return found


def let_all_say(world, probabilities):
    """Let the model's classes be these, and all that it said of any picture."""
    for model in world.session.scalars(select(Model)):
        model.classes = list(probabilities)
    for prediction in world.session.scalars(select(Prediction)):
        prediction.stacked = list(probabilities.values())


def let_see_person(world):
    """Let the detector that saw the animals see a person beside them."""
    of = world.session.scalars(select(Detection)).first()
    box = {"x": 0.9, "y": 0.2, "width": 0.1, "height": 0.7}
    person = {"category": Detected.PERSON, "region": region_of(Detected.PERSON, tuple(box.values())), "confidence": 0.8}
    world.session.add(Detection(file_id=of.file_id, root=of.root, path=of.path, media_id=of.media_id, **person, **box))


def test_the_flat_table_has_each_picture_once_whatever_it_lacks(either_ledger):
    """A place that nobody gave, a clock that was wrong: those cells are empty."""
    with filling(either_ledger) as world:
        model, at = world.model("station-7"), world.station("A", **PLACE)
        lion = world.picture(at, model)
        world.link(world.picture(at, model), lion, LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
        world.picture(world.station("B"), model, time_status="missing", at=None)
    rows = {row["locationName"]: row for row in flat(either_ledger)}
    assert rows.keys() == {"A", "B"}
    whole = rows["A"]
    assert (whole["timestamp"], whole["latitude"]) == ("2026-11-23T22:15:00+03:00", "-1.4")
    assert (whole["scientificName"], whole["vernacularName"]) == ("Panthera leo", "Lion")
    assert (whole["label"], whole["redListCategory"]) == ("lion", "VU")
    assert (rows["B"]["timestamp"], rows["B"]["latitude"]) == ("", "")
    assert rows["B"]["filePath"] == "B/IMG_0003.JPG"


def test_the_flat_table_has_a_row_an_animal(either_ledger):
    """With its box; the picture and its time stand in each."""
    with filling(either_ledger) as world:
        model, at = world.model(), world.station("A", country=None, **PLACE)
        world.animals(world.picture(at, model), model, "lion", "jaguar")
        world.picture(at, model)
    found = flat(either_ledger)
    corners = {(row["label"], *(row[name] for name in BOX)) for row in found}
    assert corners == {
        ("lion", "0.0", "0.2", "0.2", "0.2"), ("jaguar", "0.25", "0.2", "0.2", "0.2"), ("lion", "", "", "", ""),
    }  # fmt: skip
    assert len({row["observationID"] for row in found}) == 3
    assert len({row["mediaID"] for row in found}) == 2


def test_a_spreadsheet_runs_nothing(ledger):
    """A folder's name may be an attack; a number below zero is none."""
    with filling(ledger) as world:
        world.picture(world.station('=HYPERLINK("http://evil")', **PLACE), world.model())
    (row,) = flat(ledger)
    assert row["locationName"] == '\'=HYPERLINK("http://evil")'
    assert row["filePath"].startswith("'=HYPERLINK")
    assert row["latitude"] == "-1.4"


@given(st.text())
def test_no_text_begins_as_a_formula(text):
    """Whatever it is."""
    assert not str(guarded({"name": text})["name"]).startswith(FORMULA)


@given(st.text(min_size=1))
def test_a_path_never_leads_out_of_the_package(path):
    """Camtrap DP takes no path that begins with a dot, a slash or a tilde, or goes upwards."""
    told = file_path(path)
    assert told[0] not in "./~"
    assert ".." not in told


def test_megadetector_s_readers_get_every_file(either_ledger):
    """What was seen is a detection of the whole frame; a copy is a file as well, and an empty picture has none."""
    with filling(either_ledger) as world:
        model, at = world.model(), world.station("A", **PLACE)
        world.file(at, state=State.TAKEN, media=world.picture(at, model), path="A/copy.JPG")
        world.picture(at, model, decision=Decision.OTHER, background="blank")
        world.picture(at, model, decision=Decision.OTHER, background="person")
        world.review(world.picture(at, model), "cheetah")
        world.file(at, state=State.REJECTED, path="A/torn.JPG", reason="damaged")
        let_all_say(world, {"lion": 0.7})
    found = megadetector(either_ledger)
    names = found["classification_categories"]
    images = {image["file"]: image["detections"] for image in found["images"]}
    assert list(images) == ["A/IMG_0001.JPG", "A/IMG_0003.JPG", "A/IMG_0004.JPG", "A/IMG_0005.JPG", "A/copy.JPG"]
    (lion,) = images["A/copy.JPG"]
    assert (lion["category"], lion["bbox"], lion["conf"]) == ("1", [0, 0, 1, 1], 1.0)
    assert [(names[label], probability) for label, probability in lion["classifications"]] == [("lion", 0.7)]
    assert images["A/IMG_0003.JPG"] == []
    assert images["A/IMG_0004.JPG"][0]["category"] == "2"
    (human,) = images["A/IMG_0005.JPG"]
    assert [(names[label], probability) for label, probability in human["classifications"]] == [("cheetah", 1.0)]
    assert found["info"]["format_version"] == "1.6"
    assert datetime.fromisoformat(found["info"]["classification_completion_time"])
    assert found["detection_categories"] == {"1": "animal", "2": "person", "3": "vehicle"}


def test_boxes_are_those_that_a_detector_drew(either_ledger):
    """The only animal's box has the classes; where there are several, they are the whole frame's."""
    one, two = (Detected.ANIMAL, 0.9), (Detected.ANIMAL, 0.5)
    with filling(either_ledger) as world:
        model, at = world.model(), world.station("A")
        for seen in ([one], [one, two], [one, (Detected.PERSON, 0.8)], [(Detected.NOTHING, None)]):
            detect(world, world.picture(at, model), *seen)
        let_all_say(world, {"lion": 0.7})
    images = [image["detections"] for image in megadetector(either_ledger)["images"]]
    lion = [["0", 0.7]]
    boxes = [{"bbox": [left, left, 0.25, 0.5]} for left in (0.1, 0.2)]
    first = {"category": "1", "conf": 0.9} | boxes[0]
    assert images[0] == [first | {"classifications": lion}]
    frame = {"category": "1", "conf": 1.0, "bbox": [0, 0, 1, 1], "classifications": lion}
    assert images[1] == [first, {"category": "1", "conf": 0.5} | boxes[1], frame]
    assert images[2] == [first, {"category": "2", "conf": 0.8} | boxes[1]]
    assert images[3] == []


def test_each_animal_s_box_has_what_was_said_of_it(either_ledger):
    """By the model or a person, in every file of the same picture, and none of it at the whole frame."""
    with filling(either_ledger) as world:
        model, at = world.model(), world.station("A", country=None)
        seen, copy = world.picture(at, model), world.picture(at, model)
        world.link(copy, seen, LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
        *_, spoken_of = world.animals(seen, model, "lion", "rhino", "rhino")
        world.session.add(
            Review(media_id=seen, region=spoken_of, label="cheetah", reviewer="Asha", at=NOW, source="corrections")
        )
        let_all_say(world, {"lion": 0.7, "rhino": 0.3})
        of_animals(world, seen)[1].stacked = [0.2, 0.8]
        let_see_person(world)
    found = megadetector(either_ledger)
    names = found["classification_categories"]
    assert [image["file"] for image in found["images"]] == ["A/IMG_0001.JPG", "A/IMG_0002.JPG"]
    for image in found["images"]:
        said = {
            (box["category"], *box["bbox"]): [(names[label], sure) for label, sure in box.get("classifications", [])]
            for box in image["detections"]
        }
        assert said == {
            ("1", 0.0, 0.2, 0.2, 0.2): [("lion", 0.7), ("rhino", 0.3)],
            ("1", 0.25, 0.2, 0.2, 0.2): [("rhino", 0.8), ("lion", 0.2)],
            ("1", 0.5, 0.2, 0.2, 0.2): [("cheetah", 1.0)],
            ("2", 0.9, 0.2, 0.1, 0.7): [],
        }


def test_a_person_is_told_where_a_detector_saw_only_an_animal(ledger):
    """What the ledger says is in the file, beside the boxes."""
    with filling(ledger) as world:
        seen = world.picture(world.station("A"), world.model())
        detect(world, seen, (Detected.ANIMAL, 0.9))
        world.review(seen, "person")
        let_all_say(world, {"lion": 0.7})
    found = megadetector(ledger)
    box, frame = found["images"][0]["detections"]
    assert (box["category"], frame["category"], frame["conf"]) == ("1", "2", 1.0)
    assert [found["classification_categories"][label] for label, _ in frame["classifications"]] == ["person"]


@pytest.mark.parametrize("label", ["lion", "person"])
def test_classes_are_listed_from_the_most_probable_on(ledger, label):
    """As the format asks; what is hardly possible is left out."""
    decision = Decision.ANSWERED if label == "lion" else Decision.OTHER
    with filling(ledger) as world:
        background = None if label == "lion" else label
        world.picture(world.station("A"), world.model(), decision=decision, background=background)
        let_all_say(world, {"lion": 0.2, "other": 0.1, "blank": 0.3, "person": 0.395, "vehicle": 0.005})
    found = megadetector(ledger)
    names = found["classification_categories"]
    (seen,) = found["images"][0]["detections"]
    assert [names[number] for number, _ in seen["classifications"]] == ["person", "blank", "lion", "other"]
    assert seen["conf"] == pytest.approx(0.3 if label == "lion" else 0.395)
