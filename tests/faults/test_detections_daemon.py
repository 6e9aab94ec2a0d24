"""Detection results that come to a real daemon: early, late, broken, and beside what it has answered already."""

import json

from arrivals import copy, pictures
from daemon import until

DETECTOR = "md_v5a.0.0.pt"
SHOWN = "SELECT path_text, observation_type, classified_by FROM observation JOIN sighting USING (media_id)"


def results(boxes):
    """What MegaDetector writes; ``boxes``: file → category of the one box in it, or None."""
    images = [
        {"file": file, "detections": [{"category": what, "conf": 0.8, "bbox": [0.1, 0.1, 0.5, 0.5]}] if what else []}
        for file, what in boxes.items()
    ]
    categories = {"1": "animal", "2": "person", "3": "vehicle"}
    return json.dumps({"info": {"detector": DETECTOR}, "detection_categories": categories, "images": images})


def test_results_count_whenever_they_come_and_people_are_in_no_report(house):
    """A daemon that is killed in between goes on from there, and looks closely at the animal."""
    names = [f"100COPY_/{name}" for name, _ in pictures(1, 4)]
    folder = house.inbox / "Mara"
    with house.running() as process:
        copy(folder, pictures(1, 4))
        until(lambda: house.is_answered(4))
        (folder / "bad.json").write_text('{"images": [], "detection_categories": ')
        (folder / "md.json").write_text(results(dict(zip(names, ["1", "2", "3", None], strict=True))))
        until(lambda: house.count("observation", f"classified_by = '{DETECTOR}'") == 3)
        process.kill()
        process.wait()
    with house.watching():
        (house.inbox / "Delta").mkdir()
        (house.inbox / "Delta/md.json").write_text(results({"100COPY_/IMG_2_00000.JPG": "2"}))
        until(lambda: house.count("detections_file", "signature <> '' AND pictures > 0") == 2)
        copy(house.inbox / "Delta", pictures(2, 1))
        until(lambda: house.is_answered(5))
        until(lambda: house.count("observation", "region > 0 AND prediction_id IS NOT NULL") == 1)
        state = house.status()
    words = {path.partition("/")[2]: (kind, by) for path, kind, by in house.ask(SHOWN)}
    model = words.pop(names[0])
    assert model == ("animal", state["model"])
    assert words == {
        names[1]: ("human", DETECTOR),
        names[2]: ("vehicle", DETECTOR),
        names[3]: ("blank", DETECTOR),
        "100COPY_/IMG_2_00000.JPG": ("human", DETECTOR),
    }
    assert state["detections"] == 5
    (refused,) = state["detections_refused"]
    assert refused["path"].endswith("Mara/bad.json")
    assert "no sound JSON" in refused["reason"]
    house.trapline("report", code=0)
    page = (house.data / "reports/latest.html").read_text()
    assert page.count("data:image/") > 0
    hidden = "SELECT media_id FROM detection WHERE region = 0 OR category <> 'animal'"
    assert house.count("question", f"media_id IN ({hidden})") == 0
