"""The second look: animals that a detector saw are cut out, asked about, and observations of their own."""

import json
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image
from small_pictures import NOON, encoded, picture
from sqlalchemy import select

from db import store
from db.check import faults
from db.models import Detection, Media, Observation, Prediction, Review
from db.observe import refresh
from db.types import Method
from ml.artifacts import promote
from ml.images import crop_span, kept_pixels
from ml.runtime import open_ensemble
from ml.settings import ModelSettings
from watcher.config import Settings
from watcher.data_folder import DataFolder
from watcher.detections.cutting import cut_out
from watcher.detections.document import parse
from watcher.detections.taking import look
from watcher.health import lines, status
from watcher.pipeline import Pipeline
from watcher.service import Service

SETTINGS = ModelSettings(runtime="tensorflow", batch_size=4)
LEFT, RIGHT = (0.05, 0.3, 0.3, 0.4), (0.6, 0.3, 0.3, 0.4)
ANIMAL, PERSON = "1", "2"


@pytest.fixture
def service(ledger, inbox, redlist, tmp_path, small_model):
    data = DataFolder(tmp_path / "data")
    promote(data.models, small_model(data.models))
    settings = Settings(data_dir=data.root, inbox=(inbox,), intake={"settle_seconds": 0}, model=SETTINGS)
    return Service(settings, data, ledger, redlist)


@pytest.fixture(scope="module")
def opened():
    """Open each model once for all tests: its graphs take seconds to compile."""
    known = {}

    def load(folder, settings, runtime):
        if folder.name not in known:
            known[folder.name] = open_ensemble(folder, settings, runtime)
        return known[folder.name]

    return load


@pytest.fixture
def answer(service, opened):
    """Let the model answer whatever waits, and give how many answers that were."""
    pipeline = Pipeline(service.ledger, service.data, service.redlist, SETTINGS, opened)
    yield lambda **options: sum(pipeline.answer_pending(**options))
    pipeline.close()


@pytest.fixture
def two(service, take_all, answer, look_closely):
    """A picture in which a detector saw two animals, both looked at."""
    put(service, picture(1, at=NOON))
    detect(service, TWO)
    take_all()
    look_closely()
    answer()


@pytest.fixture
def look_closely(service, pool):
    """Take in what detectors saw, cut the animals out, and give how many pictures were cut."""

    def looked():
        assert [each.refused for each in look(service, service.settings.inbox[0])] in ([], [None])
        return sum(cut_out(service, service.settings.inbox[0], pool))

    return looked


def put(service, content, name="A/1.jpg"):
    path = service.settings.inbox[0] / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def detect(service, boxes, name="md.json"):
    """Write what a detector saw; ``boxes``: file → (category, place)."""
    images = [
        {"file": file, "detections": [{"category": c, "conf": 0.9, "bbox": list(place)} for c, place in seen]}
        for file, seen in boxes.items()
    ]
    head = {"info": {"detector": "md_v5a"}, "detection_categories": {"1": "animal", "2": "person"}}
    put(service, json.dumps(head | {"images": images}).encode(), name)


TWO = {"A/1.jpg": [(ANIMAL, LEFT), (ANIMAL, RIGHT)]}


def rows(service, model):
    with service.ledger.read() as session:
        assert faults(session, service.redlist) == []
        return list(session.scalars(select(model).order_by(model.id)))


def speak(service, media, region, label, *, at):
    """Let a person say what this part of a picture shows."""
    said = {"label": label, "reviewer": "Asha", "at": at, "source": "test"}
    with service.ledger.write() as session:
        store.review(session, Review(media_id=media, region=region, **said))
        refresh(session, [media], service.redlist)


def observed(service):
    """Give the boxes of what is observed, from the left; None: the whole picture."""
    with service.ledger.read() as session:
        assert faults(session, service.redlist) == []
        said = select(Prediction.box).join(Observation, Observation.prediction_id == Prediction.id)
        boxes = session.scalars(said).all()
    return sorted((box and tuple(box) for box in boxes), key=str)


@pytest.mark.parametrize("first", ["pictures", "results"])
def test_two_animals_in_one_picture_are_two_observations(service, take_all, answer, look_closely, first):
    """Whichever comes first, the model is asked of the whole and of each; each has its crop and its Grad-CAM."""
    put(service, picture(1, at=NOON))
    detect(service, TWO)
    if first == "results":
        look_closely()
    take_all()
    assert look_closely() == 1
    assert answer() == 3
    assert observed(service) == [LEFT, RIGHT]
    for said in rows(service, Prediction):
        assert (service.data.root / said.gradcam).stat().st_size > 0
        assert said.kept is None or kept_pixels((service.data.root / said.kept).read_bytes()).shape == (64, 64, 3)
    assert (look_closely(), answer()) == (0, 0)


def test_results_that_come_late_make_their_pictures_pending_again(service, take_all, answer, look_closely):
    """What was said of the whole stands until the model has looked at every animal."""
    put(service, picture(1, at=NOON))
    take_all()
    assert answer() == 1
    assert observed(service) == [None]
    detect(service, TWO)
    assert look_closely() == 1
    assert observed(service) == [None]
    assert "animals   2 that a detector saw wait for a closer look" in lines(status(service))
    assert answer() == 2
    assert observed(service) == [LEFT, RIGHT]
    assert status(service)["animals_pending"] == 0


def test_the_model_is_shown_the_animal_with_a_margin_and_not_squashed(service, take_all, answer, look_closely):
    """The crop comes from the file itself, however it lies on its side, and shows what is in the box."""
    pixels = np.full((240, 320, 3), 255, np.uint8)
    pixels[96:144, 32:128] = (255, 0, 0)  # 96 × 48 pixels
    put(service, encoded(Image.fromarray(pixels), quality=95, at=NOON))
    detect(service, {"A/1.jpg": [(ANIMAL, (0.1, 0.4, 0.3, 0.2))]})
    take_all()
    look_closely()
    answer()
    (seen,) = rows(service, Detection)
    red = kept_pixels((service.data.root / seen.kept).read_bytes())[..., 1] < 128
    # of a side of 96 × 1.2 pixels: the box takes 1/1.2 of the width and half of that of the height
    assert red.any(axis=0).mean() == pytest.approx(1 / 1.2, abs=0.05)
    assert red.any(axis=1).mean() == pytest.approx(0.5 / 1.2, abs=0.05)


def test_a_box_at_the_edge_is_cut_inside_the_picture():
    """It is moved to where there is something, and never larger than the picture."""
    assert crop_span((0.9, 0.9, 0.1, 0.1), 200, 100) == pytest.approx((176, 76, 200, 100))
    assert crop_span((0, 0, 1, 1), 200, 100) == (0, 0, 200, 100)
    left, top, right, bottom = crop_span((0.5, 0.5, 0, 0), 200, 100)
    assert right - left == bottom - top > 0


def test_an_animal_beside_a_person_is_observed_and_the_person_leads(service, take_all, answer, look_closely):
    """The picture is one of a person, and the lion behind the car is not lost."""
    put(service, picture(1, at=NOON))
    detect(service, {"A/1.jpg": [(PERSON, LEFT), (ANIMAL, RIGHT)]})
    take_all()
    look_closely()
    answer()
    observations = rows(service, Observation)
    assert {(each.observation_type.value, each.leads) for each in observations} == {("human", True), ("animal", False)}


@pytest.mark.usefixtures("two")
def test_what_a_detector_says_anew_replaces_what_it_said_and_is_not_asked_twice(service, answer, look_closely):
    """A box that stays keeps its crop and its answer; one that goes takes its observation with it."""
    detect(service, {"A/1.jpg": [(ANIMAL, LEFT)]})
    assert (look_closely(), answer()) == (0, 0)
    assert observed(service) == [LEFT]
    detect(service, {"A/1.jpg": [(ANIMAL, RIGHT), (ANIMAL, LEFT)]})
    look_closely()
    answer()
    assert observed(service) == [LEFT, RIGHT]
    assert len(rows(service, Prediction)) == 3


def test_copies_of_a_picture_are_asked_once(service, take_all, answer, look_closely):
    """Tagging software has written another file: its animals look the same, and are counted with the first."""
    put(service, picture(1, at=NOON))
    put(service, picture(1, at=NOON, tag="lion"), "A/2.jpg")
    detect(service, TWO | {"A/2.jpg": TWO["A/1.jpg"]})
    take_all()
    look_closely()
    answer()
    predictions, observations = rows(service, Prediction), rows(service, Observation)
    assert len({said.gradcam for said in predictions}) == 3
    assert len(observations) == 4
    assert len([each for each in observations if each.counted]) == 2


def test_without_its_file_a_picture_keeps_what_was_said_of_the_whole(service, take_all, answer, look_closely):
    """A card that went before its results came: the crop waits for the file, and so does the observation."""
    path = put(service, picture(1, at=NOON))
    take_all()
    answer()
    content = path.read_bytes()
    path.unlink()
    detect(service, TWO)
    assert (look_closely(), answer()) == (0, 0)
    assert observed(service) == [None]
    path.write_bytes(content)
    take_all()
    look_closely()
    answer()
    assert observed(service) == [LEFT, RIGHT]


def test_a_crop_that_is_gone_is_cut_again(service, take_all, answer, look_closely):
    """The file is still there, so what was cut out of it can be cut out anew."""
    put(service, picture(1, at=NOON))
    detect(service, TWO)
    take_all()
    look_closely()
    (service.data.root / rows(service, Detection)[0].kept).unlink()
    assert answer() == 2
    assert look_closely() == 1
    assert answer() == 1
    assert observed(service) == [LEFT, RIGHT]


@pytest.mark.usefixtures("two")
def test_a_promoted_model_looks_at_the_animals_too(service, answer, small_model):
    """What another model said of them is answered anew with the picture, if that is asked for."""
    second = small_model(service.data.models, seed=1)
    promote(service.data.models, second)
    assert answer() == 0
    assert answer(reanswer=True) == 3
    assert {each.classified_by for each in rows(service, Observation)} == {second}


@pytest.mark.usefixtures("two")
def test_a_person_s_word_holds_for_what_they_were_shown(service):
    """Of one animal it leaves the other to the model; of the whole picture, said later, it is all there is to say."""
    (media,) = rows(service, Media)
    region = rows(service, Detection)[0].region
    for of, label, said in ((region, "rhino", {"rhino"}), (0, "other", {"other"})):
        speak(service, media.id, of, label, at=NOON.replace(hour=13 if of else 14))
        observations = rows(service, Observation)
        assert {each.label for each in observations if each.classification_method is Method.HUMAN} == said
        assert len(observations) == (2 if of else 1)


def test_a_file_that_became_another_is_not_cut(service, take_all, answer, look_closely):
    """The boxes are of what it held: nothing is cut out of a picture that nobody looked at."""
    put(service, picture(1, at=NOON))
    take_all()
    answer()
    detect(service, TWO)
    look(service, service.settings.inbox[0])
    held = rows(service, Media)[0].sha256
    put(service, picture(2, at=NOON))
    assert look_closely() == 0
    assert held != sha256(picture(2, at=NOON)).hexdigest()
    assert observed(service) == [None]


@pytest.mark.usefixtures("two")
def test_a_word_on_an_animal_outlasts_what_the_detector_says(service, look_closely):
    """Run anew, it draws the box a little to the side, or sees nothing: the person still saw a rhino."""
    (media,) = rows(service, Media)
    spoken = next(each for each in rows(service, Detection) if each.x == LEFT[0])
    speak(service, media.id, spoken.region, "rhino", at=NOON)
    for boxes, left in (
        ([(ANIMAL, (0.051, 0.3, 0.3, 0.4)), (ANIMAL, RIGHT)], [LEFT, RIGHT]),
        ([(PERSON, RIGHT)], [LEFT, None]),
        ([], [LEFT]),
    ):
        detect(service, {"A/1.jpg": boxes})
        look_closely()
        assert observed(service) == left
        (human,) = (each for each in rows(service, Observation) if each.classification_method is Method.HUMAN)
        assert (human.label, human.region) == ("rhino", spoken.region)


def test_a_crop_that_is_lost_time_and_again_is_cut_time_and_again(service, take_all, answer, look_closely):
    """Whatever deletes it, the animal is asked about in the end."""
    put(service, picture(1, at=NOON))
    detect(service, {"A/1.jpg": [(ANIMAL, LEFT)]})
    take_all()
    for _ in range(3):
        assert look_closely() == 1
        (service.data.root / rows(service, Detection)[0].kept).unlink()
        answer()
    assert look_closely() == 1
    assert answer() == 1
    assert observed(service) == [LEFT]


def test_of_a_herd_the_surest_hundred_are_looked_at():
    """A detector that sees ghosts does not keep a station busy for days."""
    boxes = [{"category": ANIMAL, "conf": 0.3 + n / 1000, "bbox": [n / 1000, 0, 0.1, 0.1]} for n in range(150)]
    content = {"detection_categories": {"1": "animal"}, "images": [{"file": "a.jpg", "detections": boxes}]}
    (seen,) = parse(json.dumps(content).encode(), "/inbox", 0.2).pictures
    assert sorted(each.x for each in seen.boxes) == [n / 1000 for n in range(50, 150)]
