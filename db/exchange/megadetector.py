"""MegaDetector's batch output, format 1.6 (https://lila.science/megadetector-output-format), for tools that read it.

Boxes are those of imported detection results. At an animal's box stand the probabilities that the model gives its
classes for what is in that box. Where it was not asked of the animals one by one, what it says of the picture stands at
the box of the only animal, else at a detection of the whole frame; where the picture is taken for an empty one there is
none. What a human said stands for what the model said.
"""

import json
from collections.abc import Mapping
from typing import Any, TextIO

from sqlalchemy.orm import Session

from db.derive import WHOLE
from db.exchange.sites import Scope
from db.models import Detection
from db.queries.exported.files import File, files, labels, roots
from db.types import Detected, Method, ObservationType

CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
IDS = {name: number for number, name in CATEGORIES.items()}
PRIVATE = {ObservationType.HUMAN: "person", ObservationType.VEHICLE: "vehicle"}  # else an animal, if anything
NO_ANIMAL = ("blank", "person", "vehicle")
LEAST = 0.01  # a class that is less probable is not listed
FRAME = (0, 0, 1, 1)
Found = dict[str, Any]


def write_megadetector(session: Session, file: TextIO, scope: Scope) -> int:
    """Write the results of the files that lie there, and give their number.

    Paths are below the inbox, or absolute where there are several.
    """
    ids = {label: str(number) for number, label in enumerate(labels(session))}
    single = len(roots(session)) == 1
    head = {
        "info": {
            "format_version": "1.6",
            "classifier": "Trapline",
            "classification_completion_time": f"{scope.now:%Y-%m-%d %H:%M:%S}",
        },
        "detection_categories": CATEGORIES,
        "classification_categories": {number: label for label, number in ids.items()},
    }
    file.write(json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "images": [')
    count = 0
    for each in files(session, scope.begin, scope.end):
        path = each.path if single else f"{each.root}/{each.path}"
        image = {"file": path, "detections": _detections(each, ids)}
        file.write((",\n" if count else "\n") + json.dumps(image, ensure_ascii=False))
        count += 1
    file.write("\n ]\n}\n")
    return count


def _detections(file: File, ids: Mapping[str, str]) -> list[Found]:
    found = [_box(box, file.said.get(box.region), ids) for box in file.boxes]
    row = file.said.get(WHOLE)
    if row is None or row.observation_type is ObservationType.BLANK:
        return found
    animals = [each for each, box in zip(found, file.boxes, strict=True) if box.category is Detected.ANIMAL]
    category = PRIVATE.get(row.observation_type, "animal")
    if category == "animal" and len(animals) == 1:
        animals[0]["classifications"] = _classes(row, ids)
    elif category == "animal" or all(box.category.value != category for box in file.boxes):
        found.append(_whole(row, category, ids))
    return found


def _box(box: Detection, said: Any, ids: Mapping[str, str]) -> Found:
    corner = [round(each or 0.0, 4) for each in (box.x, box.y, box.width, box.height)]
    seen = {"category": IDS[box.category.value], "conf": round(box.confidence or 0.0, 4), "bbox": corner}
    return seen if said is None else seen | {"classifications": _classes(said, ids)}


def _whole(row: Any, category: str, ids: Mapping[str, str]) -> Found:
    confidence = 1.0 if row.classification_method is Method.HUMAN else _confidence(_likely(row), category)
    seen = {"category": IDS[category], "conf": round(confidence, 4), "bbox": FRAME}
    return seen | {"classifications": _classes(row, ids)}


def _classes(row: Any, ids: Mapping[str, str]) -> list[list[str | float]]:
    """List the classes from the most probable on."""
    said = {row.label: 1.0} if row.classification_method is Method.HUMAN else _likely(row)
    listed = sorted(said.items(), key=lambda each: -each[1])
    return [[ids[label], round(probability, 4)] for label, probability in listed if probability >= LEAST]


def _likely(row: Any) -> dict[str, float]:
    return dict(zip(row.classes or (), row.stacked or (), strict=True))


def _confidence(likely: Mapping[str, float], category: str) -> float:
    """Give how probable it is that there is such a thing at all."""
    if category == "animal":
        return min(1.0, max(0.0, 1 - sum(likely.get(label, 0.0) for label in NO_ANIMAL)))
    return likely.get(category, 0.0)
