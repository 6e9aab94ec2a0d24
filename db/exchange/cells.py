"""What is written into Camtrap DP's columns of an answer, a file, a time."""

import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from db.exchange.names import Name, in_common
from db.exchange.tables import Cells
from db.types import Decision

BOX = ("bboxX", "bboxY", "bboxWidth", "bboxHeight")
DIGITS = 6  # of a box: finer than any picture
# Formats that have another name than their media type.
TYPES = {"MPO": "image/jpeg"}


def stamp(local: datetime, at: datetime) -> str:
    """Write a time to the second, on the station's clock and with its offset from UTC."""
    return local.isoformat(timespec="seconds") + _offset(local - at.replace(tzinfo=None))


@lru_cache(maxsize=256)
def _offset(ahead: timedelta) -> str:
    hours, minutes = divmod(round(abs(ahead) / timedelta(minutes=1)), 60)
    return f"{'-' if ahead < timedelta() else '+'}{hours:02}:{minutes:02}"


def observation_id(row: Any) -> str:
    """Name an answer: by its picture, and the region of it."""
    return f"{row.sha256}-{row.region}"


def answer_cells(row: Any) -> Cells:
    """Write what was said of a picture, and by whom.

    The model's probability is that of an animal: where it names none, there is none to tell. A detector's is that of
    what it saw.
    """
    name = name_of(row.taxa)
    return {
        "observationType": row.observation_type.value,
        "scientificName": name.scientific if name else "",
        "classificationMethod": row.classification_method.value,
        "classifiedBy": f"Trapline, model {row.classified_by}" if row.by_model else row.classified_by,
        "classificationTimestamp": row.classified_at.isoformat(timespec="seconds") if row.classified_at else "",
        "classificationProbability": row.probability if row.decision is Decision.ANSWERED or not row.by_model else None,
        "observationTags": _tags(row.label, row.decision, row.category),
        "observationComments": _comment(row.taxa),
    }


def box_cells(row: Any) -> Cells:
    """Write where in its picture an animal is; nothing where the answer is of all of it, or the box holds nothing.

    A box that reaches over the picture's edge ends with it.
    """
    if row.box is None:
        return {}
    x, y, width, height = row.box
    sides = [round(side, DIGITS) for side in (x, y, min(width, 1 - x), min(height, 1 - y))]
    return dict(zip(BOX, sides, strict=True)) if min(sides[2:]) > 0 else {}


@lru_cache(maxsize=1024)
def name_of(taxa: str) -> Name | None:
    """Give the name in common of taxa as the ledger stores them; None where there is none."""
    names = candidates(taxa)
    return in_common(names) if names else None


@lru_cache(maxsize=1024)
def candidates(taxa: str) -> tuple[str, ...]:
    """Give the names of taxa as the ledger stores them."""
    return tuple(json.loads(taxa))


@lru_cache(maxsize=1024)
def _tags(label: str | None, decision: Decision, category: str | None) -> str:
    tags = {"decision": decision.value, "label": label, "redListCategory": category}
    return "|".join(f"{key}:{value.replace('|', '/')}" for key, value in tags.items() if value)


@lru_cache(maxsize=1024)
def _comment(taxa: str) -> str:
    names = candidates(taxa)
    return f"one of: {', '.join(names)}" if len(names) > 1 else ""


def file_path(path: str) -> str:
    """Write a path below the inbox as Camtrap DP allows it: relative, and never upwards."""
    path = path.replace("..", "%2E%2E")
    return f"%{ord(path[0]):02X}{path[1:]}" if path[:1] in {".", "/", "~"} else path


def media_type(name: str) -> str:
    """Give the media type of a picture format."""
    return TYPES.get(name, f"image/{name.lower()}")
