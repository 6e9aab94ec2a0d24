"""Detection results beside the pictures: what is believed, what is refused, and what follows."""

import json
import os
import subprocess
import sys
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import permutations
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import skip_or_fail
from report_world import SINCE, UNTIL, filling
from rich.console import Console
from seen_files import seen_below
from small_pictures import NOON, picture
from sqlalchemy import func, select

from db import store
from db.check import faults
from db.models import Detection, DetectionsFile, Media, Model, Observation, Prediction, Review, Sighting
from db.observe import refresh
from db.queries.report import gather
from db.queries.to_review import to_review
from db.settings import LedgerSettings
from db.types import Decision, Detected, Method, ObservationType
from watcher.config import Settings
from watcher.data_folder import DataFolder
from watcher.detections.document import DetectionsError, Results, parse
from watcher.detections.taking import look, refused_now
from watcher.health import lines, status
from watcher.process import process
from watcher.service import Service

DETECTOR = "md_v5a.0.0.pt"
CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
ANIMAL, PERSON, VEHICLE = "1", "2", "3"
FOLDER = "/inbox/Mara"


@pytest.fixture
def service(ledger, inbox, redlist, tmp_path):
    settings = Settings(data_dir=tmp_path / "data", inbox=(inbox,), intake={"settle_seconds": 0})
    return Service(settings, DataFolder(tmp_path / "data"), ledger, redlist)


@pytest.fixture
def answer_all(ledger, redlist):
    """Let a model answer whatever has no answer: it is a lion."""

    def answer():
        with ledger.write() as session:
            now = datetime.now(UTC)
            model = store.model(
                session, Model(version="m1", demo=False, classes=["lion"], metrics={}, first_used_at=now)
            )
            waiting = list(session.scalars(select(Media.id).where(Media.answered_by.is_(None))))
            for media in waiting:
                said = Prediction(
                    media_id=media, region=0, model_id=model, label="lion", probability=0.9, background=None,
                    decision=Decision.ANSWERED, probabilities={"a": [0.9, 0.1], "b": [0.1, 0.9]}, stacked=[0.6, 0.4],
                    distance=0.1, gradcam="g.jpg", predicted_at=now,
                )  # fmt: skip
                store.answer(session, said)
            refresh(session, waiting, redlist)

    return answer


def box(category, confidence=0.9, place=(0.1, 0.2, 0.3, 0.4)):
    return {"category": category, "conf": confidence, "bbox": list(place)}


def results(pictures, **more):
    """What MegaDetector writes; ``pictures``: file → boxes."""
    images = [{"file": file, "detections": boxes} for file, boxes in pictures.items()]
    info = {"format_version": "1.5", "detector": DETECTOR}
    return {"info": info, "detection_categories": CATEGORIES, "images": images} | more


def put(service, content, name="md.json"):
    path = service.settings.inbox[0] / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def drop(service, *names, seed=0, **more):
    """Put a picture under each name, no two alike."""
    for number, name in enumerate(names, start=seed):
        put(service, picture(number, at=NOON, **more), name)


def looked(service):
    """Look once, and give file name → why it was refused (None: it was taken)."""
    return {Path(each.place).name: each.refused for each in look(service, service.settings.inbox[0])}


def shown(service):
    """Give file → (type, who said it) of what the ledger shows; the ledger must be sound."""
    with service.ledger.read() as session:
        assert faults(session, service.redlist) == []
        rows = session.execute(select(Observation, Media.sha256).join(Media, Observation.media_id == Media.id)).all()
    inbox = service.settings.inbox[0]
    files = {sha256(path.read_bytes()).hexdigest(): path.relative_to(inbox).as_posix() for path in inbox.rglob("*.jpg")}
    return {files[content]: (seen.observation_type.value, seen.classified_by) for seen, content in rows}


SEEN = {
    "nothing": ([], ("blank", DETECTOR)),
    "nothing sure": ([box(ANIMAL, 0.19), box(PERSON, 0.1)], ("blank", DETECTOR)),
    "a person": ([box(PERSON)], ("human", DETECTOR)),
    "a car": ([box(VEHICLE)], ("vehicle", DETECTOR)),
    "a driver": ([box(VEHICLE, 0.99), box(PERSON, 0.3)], ("human", DETECTOR)),
    "a dog and its walker": ([box(ANIMAL, 0.99), box(PERSON, 0.3)], ("human", DETECTOR)),
    "an animal": ([box(ANIMAL)], ("animal", "m1")),
    "two animals": ([box(ANIMAL), box(ANIMAL, 0.2, (0.5, 0.5, 0.2, 0.2))], ("animal", "m1")),
    "a category that is not listed": ([box("7")], ("blank", DETECTOR)),
}


@pytest.mark.parametrize(("boxes", "expected"), SEEN.values(), ids=SEEN)
def test_a_detector_s_word_counts_for_people_vehicles_and_empty_pictures(
    service, take_all, answer_all, boxes, expected
):
    """Of an animal the model says which; a person outranks whatever stands beside it."""
    drop(service, "Mara/a.jpg")
    put(service, results({"a.jpg": boxes}), "Mara/md.json")
    assert looked(service) == {"md.json": None}
    take_all()
    answer_all()
    assert shown(service) == {"Mara/a.jpg": expected}
    with service.ledger.read() as session:
        seen = session.scalars(select(Observation)).one()
    assert seen.classification_method is Method.MACHINE
    if seen.classified_by == DETECTOR:
        assert (seen.decision, seen.label, seen.taxa, seen.category) == (Decision.OTHER, None, [], None)
        assert seen.probability == {"blank": None, "human": boxes and boxes[-1]["conf"]}.get(expected[0], 0.9)


@pytest.mark.parametrize("order", [*permutations(["results", "pictures", "answers"])], ids=", ".join)
def test_the_order_of_arrival_does_not_matter(service, take_all, answer_all, order):
    """Results wait for their pictures, pictures for their answer, and what comes late counts at once."""
    steps = {
        "results": lambda: (put(service, results({"a.jpg": [box(PERSON)], "b.jpg": []}), "Mara/md.json"),
                            looked(service)),
        "pictures": lambda: (drop(service, "Mara/a.jpg", "Mara/b.jpg", "Mara/c.jpg"), take_all()),
        "answers": answer_all,
    }  # fmt: skip
    for step in order:
        steps[step]()
    answer_all()
    expected = {"a": ("human", DETECTOR), "b": ("blank", DETECTOR), "c": ("animal", "m1")}
    assert shown(service) == {f"Mara/{name}.jpg": word for name, word in expected.items()}


def test_boxes_are_kept_with_a_number_that_is_theirs(service):
    """As fractions of the picture, even where rounding took them over its edge; the same box twice is one."""
    boxes = [box(ANIMAL, 0.5), box(ANIMAL, 0.1), box(PERSON, 0.5, (-0.01, 0.5, 1.01, 0.25)), box(ANIMAL)]
    put(service, results({"a.jpg": boxes, "b.jpg": [], "c.jpg": boxes[:1]}))
    looked(service)
    with service.ledger.read() as session:
        rows = session.scalars(select(Detection).order_by(Detection.path, Detection.category)).all()
    assert [(row.path, row.category, row.confidence) for row in rows] == [
        (b"a.jpg", Detected.ANIMAL, 0.9),
        (b"a.jpg", Detected.PERSON, 0.5),
        (b"b.jpg", Detected.NOTHING, None),
        (b"c.jpg", Detected.ANIMAL, 0.5),
    ]
    assert [(row.x, row.y, row.width, row.height) for row in rows[1:3]] == [(0, 0.5, 1, 0.25), (None,) * 4]
    animal, person, nothing, again = (row.region for row in rows)
    assert animal == again != person > 0 == nothing


def test_speciesnet_is_read_as_well(service, take_all, answer_all):
    """Its predictions name files and boxes in words of their own; one that was only classified says nothing here."""
    drop(service, "Mara/a.jpg", "Mara/b.jpg", "Mara/c.jpg")
    said = {
        "predictions": [
            {"filepath": "Mara/a.jpg", "detections": [box("2") | {"label": "human"}], "prediction": "x;y;human"},
            {"filepath": "Mara/b.jpg", "detections": [], "model_version": "4.0.1a"},
            {"filepath": "Mara/c.jpg", "failures": ["DETECTOR"]},
        ]
    }
    put(service, said | {"model_version": "4.0.1a"})
    take_all()
    answer_all()
    assert looked(service) == {"md.json": None}
    by = "SpeciesNet 4.0.1a"
    assert shown(service) == {"Mara/a.jpg": ("human", by), "Mara/b.jpg": ("blank", by), "Mara/c.jpg": ("animal", "m1")}


def test_a_picture_that_the_detector_could_not_read_has_no_word():
    """Whatever stands in its place."""
    content = results({})
    content["images"] = [
        {"file": "a.jpg", "detections": None, "failure": "Failure image access"},
        {"file": "b.jpg", "detections": [], "failure": "Failure image access"},
    ]
    assert parse(json.dumps(content).encode(), FOLDER, 0.2) == Results(DETECTOR, ())


NAMES = ["100RECNX/a.jpg", "./100RECNX/a.jpg", "100RECNX\\a.jpg", f"{FOLDER}/100RECNX/a.jpg", "x/../100RECNX/a.jpg"]


@pytest.mark.parametrize("name", NAMES)
def test_paths_are_relative_to_the_folder_of_the_results(name):
    """However the program that wrote them spells that."""
    found = parse(json.dumps(results({name: []})).encode(), FOLDER, 0.2)
    assert [each.path for each in found.pictures] == ["100RECNX/a.jpg"]


def test_of_several_results_those_nearest_to_the_picture_count(service, take_all, answer_all):
    """Whichever was read last."""
    drop(service, "Mara/100RECNX/a.jpg")
    put(service, results({"100RECNX/a.jpg": [box(PERSON)]}), "Mara/md.json")
    looked(service)
    put(service, results({"Mara/100RECNX/a.jpg": []}), "md.json")
    looked(service)
    take_all()
    answer_all()
    assert shown(service) == {"Mara/100RECNX/a.jpg": ("human", DETECTOR)}


def test_the_same_file_is_read_once_and_a_changed_one_again(service, take_all, answer_all):
    """What it says then replaces what it said; of what it does not name any more its word stays."""
    drop(service, "a.jpg", "b.jpg")
    put(service, results({"a.jpg": [box(PERSON)], "b.jpg": [box(VEHICLE)]}))
    assert looked(service) == {"md.json": None}
    assert looked(service) == {}
    take_all()
    answer_all()
    put(service, results({"a.jpg": []}))
    assert looked(service) == {"md.json": None}
    assert shown(service) == {"a.jpg": ("blank", DETECTOR), "b.jpg": ("vehicle", DETECTOR)}
    put(service, results({"a.jpg": []})).unlink()
    assert looked(service) == {}
    assert shown(service)["a.jpg"] == ("blank", DETECTOR)


def test_another_threshold_lets_all_results_be_read_again(service, take_all, answer_all):
    """A station that finds its detector too timid need not copy anything anew."""
    drop(service, "a.jpg")
    put(service, results({"a.jpg": [box(PERSON, 0.15)]}))
    looked(service)
    take_all()
    answer_all()
    assert shown(service) == {"a.jpg": ("blank", DETECTOR)}
    bolder = service.settings.model_copy(
        update={"detections": service.settings.detections.model_copy(update={"threshold": 0.1})}
    )
    bold = Service(bolder, service.data, service.ledger, service.redlist)
    assert looked(bold) == {"md.json": None}
    assert looked(bold) == {}
    assert shown(service) == {"a.jpg": ("human", DETECTOR)}


def test_a_word_stays_with_its_picture_when_the_file_becomes_another(service, take_all, answer_all):
    """Cameras count their files from 1 again: an old word must not make a lion an empty picture."""
    drop(service, "a.jpg")
    put(service, results({"a.jpg": []}))
    looked(service)
    take_all()
    drop(service, "a.jpg", seed=1)
    take_all()
    answer_all()
    with service.ledger.read() as session:
        types = session.scalars(select(Observation.observation_type).order_by(Observation.media_id)).all()
    assert types == [ObservationType.BLANK, ObservationType.ANIMAL]
    put(service, results({"a.jpg": [box(VEHICLE)]}))
    looked(service)
    with service.ledger.read() as session:
        types = session.scalars(select(Observation.observation_type).order_by(Observation.media_id)).all()
    assert types == [ObservationType.BLANK, ObservationType.VEHICLE]


def said(service):
    """Give the observation types in the order in which the pictures came; the ledger must be sound."""
    with service.ledger.read() as session:
        assert faults(session, service.redlist) == []
        return session.scalars(select(Observation.observation_type).order_by(Observation.media_id)).all()


def test_a_word_waits_while_its_path_holds_what_was_not_taken_yet(service, take_all, answer_all):
    """The results of a new card are not for the old card's picture of the same name, however soon they are read."""
    drop(service, "a.jpg")
    take_all()
    answer_all()
    drop(service, "a.jpg", seed=1)
    put(service, results({"a.jpg": [box(VEHICLE)]}))
    assert looked(service) == {"md.json": None}
    assert said(service) == [ObservationType.ANIMAL]
    take_all()
    answer_all()
    assert said(service) == [ObservationType.ANIMAL, ObservationType.VEHICLE]


def test_a_word_waits_while_the_file_is_to_be_tried_again(service, take_all, answer_all):
    """Of what could not be read nobody knows whether it is the picture that was there before."""
    drop(service, "a.jpg")
    take_all()
    answer_all()
    drop(service, "a.jpg", seed=1)
    (file,) = seen_below(service.settings.inbox[0])
    with service.ledger.write() as session:
        store.postpone(session, file, code="EIO", reason="x", now=datetime.now(UTC))
    put(service, results({"a.jpg": []}))
    looked(service)
    take_all()
    answer_all()
    assert said(service) == [ObservationType.ANIMAL, ObservationType.BLANK]


def test_a_word_finds_the_picture_that_was_away_when_it_was_read(service, take_all, answer_all, tmp_path):
    """A share may blink: the picture is not taken again, and has its word all the same."""
    drop(service, "a.jpg")
    take_all()
    answer_all()
    place = service.settings.inbox[0]
    put(service, results({"Mara/a.jpg": []}))
    (place / "Mara").mkdir()
    drop(service, "Mara/a.jpg", seed=1)
    take_all()
    answer_all()
    (place / "Mara").rename(tmp_path / "away")
    looked(service)
    (tmp_path / "away").rename(place / "Mara")
    assert said(service) == [ObservationType.ANIMAL] * 2
    assert looked(service) == {}
    assert said(service) == [ObservationType.ANIMAL, ObservationType.BLANK]


def test_process_gives_words_to_the_pictures_that_are_there_now(service, take_all, answer_all, small_model):
    """Whatever was at their paths when it ran last."""
    (service.data.models / "current").parent.mkdir()
    (service.data.models / "current").write_text(small_model(service.data.models) + "\n")
    drop(service, "a.jpg", "b.jpg")
    take_all()
    answer_all()
    drop(service, "a.jpg", seed=1)
    put(service, results({"a.jpg": [box(PERSON)]}))
    process(service, [service.settings.inbox[0]], again=False, console=Console(quiet=True))
    assert said(service) == [ObservationType.ANIMAL, ObservationType.HUMAN]


def test_a_file_of_too_many_parts_is_refused_before_it_takes_memory():
    """A hundred thousand pictures with a box each are not too many."""
    one = b'{"file": "%d.jpg", "detections": [{"category": "1", "conf": 0.9, "bbox": [0.1, 0.2, 0.3, 0.4]}]}'
    some = b'{"detection_categories": {"1": "animal"}, "images": [%s]}'
    allowed = parse(some % b",".join(one % number for number in range(99_999)), FOLDER, 0.2)
    assert len(allowed.pictures) == 99_999
    tracemalloc.start()
    try:
        content = some % b",".join([b"{}"] * 600_000)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        with pytest.raises(DetectionsError, match="more than 1,200,000 brackets and commas"):
            parse(content, FOLDER, 0.2)
        assert tracemalloc.get_traced_memory()[1] - before < 100_000
    finally:
        tracemalloc.stop()


READING = """
import sys
from pathlib import Path
from db.engine import open_ledger
from db.redlist import load
from watcher.config import Settings
from watcher.data_folder import DataFolder
from watcher.detections.taking import look, refused_now
from watcher.service import Service
data, inbox = map(Path, sys.argv[1:])
settings = Settings(data_dir=data, inbox=(inbox,), intake={"settle_seconds": 0})
for outcome in look(Service(settings, DataFolder(data), open_ledger(data / "trapline.db"), load()), inbox):
    print(outcome)
"""


def test_a_file_that_killed_its_reader_is_refused_by_the_next_until_it_changes(service):
    """Or a daemon with little memory would be killed by it again at each start."""
    path = put(service, b'{"detection_categories": {}, "images": [' + b",".join([b'{"x":1}'] * 590_000) + b"]}")
    begun = select(func.count()).where(DetectionsFile.refused == "")
    reader = subprocess.Popen([sys.executable, "-c", READING, service.data.root, path.parent])
    deadline = time.monotonic() + 60
    count = 0
    while not count and reader.poll() is None and time.monotonic() < deadline:
        with service.ledger.read() as session:
            count = session.scalar(begun)
    reader.kill()
    reader.wait()
    assert count == 1
    with service.ledger.read() as session:
        assert refused_now(service, session) == []
    assert "broke off while it read it" in looked(service)["md.json"]
    assert looked(service) == {}
    put(service, results({"a.jpg": []}))
    assert looked(service) == {"md.json": None}
    with service.ledger.read() as session:
        assert refused_now(service, session) == []
        assert session.scalar(begun) == 0


def test_a_word_holds_for_every_copy_of_the_picture(service, take_all, answer_all):
    """The same picture with other tags, of which the detector saw one file only, whichever that was."""
    drop(service, "a.jpg", tag="one")
    put(service, picture(0, at=NOON, tag="two"), "b.jpg")
    put(service, results({"b.jpg": [box(PERSON)]}))
    take_all()
    answer_all()
    looked(service)
    assert shown(service) == {"a.jpg": ("human", DETECTOR), "b.jpg": ("human", DETECTOR)}


def test_a_human_outranks_the_detector(service, take_all, answer_all):
    """Who looked knows better, before and after."""
    drop(service, "a.jpg")
    take_all()
    answer_all()
    with service.ledger.write() as session:
        media = session.scalars(select(Media.id)).one()
        store.review(
            session, Review(media_id=media, region=0, label="lion", reviewer="Asha", at=datetime.now(UTC), source="t")
        )
        refresh(session, [media], service.redlist)
    put(service, results({"a.jpg": []}))
    looked(service)
    assert shown(service) == {"a.jpg": ("animal", "Asha")}


def test_people_are_hidden_and_empty_pictures_are_not_asked_about(service):
    """Neither gallery nor review shows a picture in which a detector saw people, whatever anybody says of it later."""
    with filling(service.ledger) as world:
        station, model = world.station("Mara"), world.model()
        media = [world.picture(station, model, probability=0.5) for _ in range(4)]
        seen = {1: Detected.PERSON, 2: Detected.VEHICLE, 3: Detected.NOTHING, 4: Detected.PERSON}
        file = DetectionsFile(root="/inbox", place="/inbox/md.json", signature="1", threshold=0.2, detector=DETECTOR,
                              pictures=4, at=UNTIL)  # fmt: skip
        file_id = store.detections_file(world.session, file)
        boxes = {f"Mara/IMG_{n:04}.JPG".encode(): [Detection(region=1, category=what)] for n, what in seen.items()}
        rows = select(Sighting.path, Sighting.signature).where(Sighting.path.in_(boxes))
        now = dict(world.session.execute(rows).all())
        assert sorted(store.detected(world.session, file_id, "/inbox", boxes, now)) == media
        world.review(media[3], "lion")
        world.picture(station, model)
    with service.ledger.read() as session:
        report = gather(session, since=SINCE, until=UNTIL, redlist=service.redlist, settings=LedgerSettings())
        asked = to_review(session, SINCE, UNTIL, redlist=service.redlist, seed="x")
    rest = {max(media) + 1}
    assert {each.media_id for each in report.gallery} == rest
    assert {each.media_id for each in asked if not each.spoken} <= rest
    assert report.totals.decisions[Decision.OTHER] == 3
    assert report.totals.decisions[Decision.ANSWERED] == 2


HOSTILE = {
    "no JSON": b"{",
    "no UTF-8": b'{"images": "\xff"}',
    "nothing": b"",
    "nested without end": b"[" * 100_000,
    "no number": json.dumps(results({"a.jpg": [box(ANIMAL, float("nan"))]})).encode(),
    "pixels": [{"file": "a.jpg", "detections": [{"category": "animal", "confidence": 0.9, "bbox": [1, 2, 30, 40]}]}],
    "a sure box beyond all sureness": results({"a.jpg": [box(ANIMAL, 17)]}),
    "a box outside": results({"a.jpg": [box(PERSON, 0.9, (0, 0, 2, 1))]}),
    "a box with three sides": results({"a.jpg": [box(PERSON, 0.9, (0, 0, 1))]}),
    "a text for a number": results({"a.jpg": [box(ANIMAL, "0.9")]}),
    "pictures that are none": results({}, images={"a.jpg": []}),
    "a category nobody knows": results({"a.jpg": [box("4")]}, detection_categories=CATEGORIES | {"4": "bird"}),
    "a picture twice": results({"a.jpg": [], "./a.jpg": []}),
    "a picture above": results({"../a.jpg": []}),
    "a picture elsewhere": results({"/etc/passwd": []}),
    "a picture on a drive": results({"C:\\cards\\a.jpg": []}),
    "its own folder": results({"x/..": []}),
    "a name with an end": results({"a\0.jpg": []}),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_not_sound_is_refused_whole_and_named(service, take_all, answer_all, content):
    """``status`` says why until it is mended or deleted; the sound ones beside it are taken."""
    drop(service, "a.jpg")
    path = put(service, content, "bad\x1b[2J.json")
    put(service, results({"a.jpg": [box(VEHICLE)]}), "good.json")
    refused = looked(service)
    assert refused.pop("good.json") is None
    ((name, why),) = refused.items()
    assert name.isprintable()
    assert why.isprintable()
    assert len(why) < 500
    assert looked(service) == {}
    take_all()
    answer_all()
    assert shown(service) == {"a.jpg": ("vehicle", DETECTOR)}
    with service.data.exclusively():
        state = status(service)
    assert [each["reason"] for each in state["detections_refused"]] == [why]
    assert any("detection results are refused (1)" in each for each in state["problems"])
    assert any(why in line for line in lines(state))
    path.unlink()
    looked(service)
    with service.ledger.read() as session:
        assert session.scalar(select(func.count()).where(DetectionsFile.refused.is_not(None))) == 0


OTHER = {
    "a package": {"name": "x", "resources": []},
    "COCO": {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": []},
    "a list": [1, 2],
    "an empty list": [],
    "a number": 1,
    "an export of our own": results({"a.jpg": []}, info={"detector": "none: whole frames", "classifier": "Trapline"}),
}


@pytest.mark.parametrize("content", OTHER.values(), ids=OTHER)
def test_any_other_json_is_passed_over(service, content):
    """A shared folder holds what people put there."""
    put(service, content)
    assert looked(service) == {}
    with service.ledger.read() as session:
        assert session.scalars(select(DetectionsFile.refused)).all() == [None]


def test_only_files_of_the_inbox_are_read(service, tmp_path):
    """No link is followed, nothing hidden or half-copied is opened, and corrections are another matter."""
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps(results({"a.jpg": []})))
    inbox = service.settings.inbox[0]
    (inbox / "link.json").symlink_to(outside)
    (inbox / "folder.json").mkdir()
    os.mkfifo(inbox / "pipe.json")
    put(service, results({"a.jpg": []}), ".md.json.part.json")
    put(service, b"{", "corrections/asha.json")
    assert looked(service) == {}


def test_a_file_that_cannot_be_read_now_is_tried_at_each_look(service):
    """And told once."""
    path = put(service, results({"a.jpg": []}))
    path.chmod(0)
    if os.access(path, os.R_OK):
        skip_or_fail("unprivileged", "this user may read anything")
    assert "it cannot be read" in looked(service)["md.json"]
    assert looked(service) == {}
    path.chmod(0o644)
    assert looked(service) == {"md.json": None}


def test_what_still_changes_waits(service):
    """Half a file is no file; ``process``, which looks once, takes it as it is."""
    slow = service.settings.model_copy(
        update={"intake": service.settings.intake.model_copy(update={"settle_seconds": 60})}
    )
    put(service, results({"a.jpg": []}))
    waiting = Service(slow, service.data, service.ledger, service.redlist)
    assert looked(waiting) == {}
    assert [each.refused for each in look(waiting, service.settings.inbox[0], patient=False)] == [None]


TEXT = st.text(max_size=12)
NUMBER = st.one_of(st.integers(-2, 2), st.floats(), st.floats(0, 1))
FILE = st.one_of(TEXT, st.sampled_from(["a.jpg", "b/c.jpg", "../d.jpg", "/e.jpg", f"{FOLDER}/f.jpg"]))
BOX = st.fixed_dictionaries(
    {"category": st.one_of(st.sampled_from("1234"), TEXT), "conf": NUMBER,
     "bbox": st.one_of(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.lists(NUMBER, max_size=5))},
)  # fmt: skip
PICTURE = st.fixed_dictionaries(
    {"file": FILE, "detections": st.one_of(st.none(), st.lists(BOX, max_size=3))},
    optional={"failure": st.one_of(st.none(), TEXT)},
)
DOCUMENT = st.fixed_dictionaries(
    {"detection_categories": st.one_of(st.just(CATEGORIES), st.dictionaries(TEXT, TEXT, max_size=3)),
     "images": st.lists(PICTURE, max_size=4)},
    optional={"info": st.one_of(st.none(), st.fixed_dictionaries({}, optional={"detector": TEXT}))},
)  # fmt: skip
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBER, TEXT), lambda of: st.lists(of) | st.dictionaries(TEXT, of)
)


def parsed(content):
    """Give what a file says, or why it is refused."""
    try:
        return parse(content, FOLDER, 0.2)
    except DetectionsError as error:
        return str(error)


@settings(max_examples=200, deadline=timedelta(seconds=2))
@given(st.one_of(DOCUMENT.map(json.dumps), JSON.map(json.dumps), st.text()).map(lambda t: t.encode("utf-8", "replace")))
def test_whatever_a_file_holds_it_is_read_refused_or_passed_over(content):
    """What is read lies below the folder, inside its picture, and names a detector that can be printed."""
    found = parsed(content)
    if isinstance(found, str):
        assert found.isprintable()
        assert len(found) < 500
        return
    if found is None:
        return
    assert found.detector.isprintable()
    assert len({each.path for each in found.pictures}) == len(found.pictures)
    for each in found.pictures:
        assert not PurePosixPath(each.path).is_absolute()
        assert ".." not in PurePosixPath(each.path).parts
        for seen in each.boxes:
            assert 0.2 <= seen.confidence <= 1
            assert all(0 <= side <= 1 for side in (seen.x, seen.y, seen.width, seen.height))
