"""A file of detection results: what its JSON must be, and what it says of each picture.

Read are MegaDetector's batch format 1.x (https://lila.science/megadetector-output-format) and the predictions of
SpeciesNet, whose boxes are the same. Both may say more (classifications, frames of videos): that is passed over.
"""

import posixpath
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import nlargest
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from db.types import Detected, printable
from watcher.reviews.document import shown

NAME = 80  # characters of a detector's name
# Brackets and commas of a file: a picture with one box has 12 of them, so it is for 100,000 such pictures. Each costs
# memory, up to 300 MB in all with 32 MiB of names, and these are counted before there is any.
MOST_PARTS = 1_200_000
MOST_BOXES = 100  # of a picture, the surest: each is a look of its own
_SLACK = 0.05  # of a picture's side: detectors round, and a box may reach over the edge
_AGAIN = "write the results again, or take the file out of the inbox"
_CATEGORIES = {
    "animal": Detected.ANIMAL,
    "person": Detected.PERSON,
    "human": Detected.PERSON,
    "vehicle": Detected.VEHICLE,
}
_SPECIESNET = {"1": "animal", "2": "human", "3": "vehicle"}
_OURS = "Trapline"  # as ``trapline export megadetector`` signs: what we said ourselves is no second opinion
_DRIVE = re.compile(r"[A-Za-z]:/")


class DetectionsError(ValueError):
    """A file of detection results is refused as a whole; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Box:
    """Something seen: left, top, width and height as fractions (0 to 1) of the upright picture."""

    category: Detected
    confidence: float
    x: float
    y: float
    width: float
    height: float

    @property
    def corner(self) -> tuple[float, float, float, float]:
        """The four numbers of its place."""
        return self.x, self.y, self.width, self.height


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that the detector looked at; ``path`` is below the folder of the results."""

    path: str
    boxes: tuple[Box, ...]  # as sure as was asked, or surer; the surest first, a hundred at most


@dataclass(frozen=True, slots=True)
class Results:
    """What a file says. Pictures that the detector could not read are not among them."""

    detector: str
    pictures: tuple[Picture, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Box(_Part):
    category: str
    conf: float = Field(ge=0, le=1)
    bbox: list[Annotated[float, Field(ge=-_SLACK, le=1 + _SLACK)]] = Field(min_length=4, max_length=4)


class _Picture(_Part):
    file: str = Field(min_length=1, max_length=4096, validation_alias=AliasChoices("file", "filepath"))
    detections: list[_Box] | None = None
    failure: str | None = None


class _Info(_Part):
    detector: str | None = None


class _Document(_Part):
    # checked one by one: a model for every box of a long season would fill the memory of a small machine
    pictures: list[Any] = Field(validation_alias=AliasChoices("images", "predictions"))
    detection_categories: dict[str, str] = Field(_SPECIESNET, max_length=1000)
    info: _Info = _Info()
    model_version: str | None = None


_Some = TypeVar("_Some", bound=_Part)


def parse(content: bytes, folder: str, threshold: float) -> Results | None:
    """Read the JSON of a file in ``folder`` (absolute); None where it is something else than detection results.

    Boxes below ``threshold`` are left out.

    Raises
    ------
    DetectionsError
        It is not UTF-8, not JSON, nested too deeply, of too many parts, or not what this module says that it must be.

    """
    if sum(map(content.count, (b"{", b"[", b","))) > MOST_PARTS:
        raise DetectionsError(
            f"it has more than {MOST_PARTS:,} brackets and commas: write smaller files of results, or take it out of "
            "the inbox"
        )
    try:
        raw = from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise DetectionsError(f"it is no sound JSON ({shown(str(error))}): {_AGAIN}") from error
    if not _is_meant(raw):
        return None
    document = _checked(_Document, raw, "")
    detector = _detector(document, raw)
    del raw  # and with it each picture as soon as it is read: both at once would be much
    pictures = tuple(_pictures(document, folder, threshold))
    _check_once(pictures)
    return Results(detector, pictures)


def _is_meant(raw: Any) -> bool:
    """Tell detection results, right or wrong, from whatever else may be called ``*.json`` in a shared folder."""
    if isinstance(raw, list):  # pixels in place of fractions, as some programs write them
        return bool(raw) and isinstance(raw[0], dict) and "detections" in raw[0]
    if not isinstance(raw, dict) or (isinstance(raw.get("info"), dict) and raw["info"].get("classifier") == _OURS):
        return False
    return "predictions" in raw or {"images", "detection_categories"} <= raw.keys()


def _detector(document: _Document, raw: dict[str, Any]) -> str:
    name = document.info.detector
    if not name:
        name = f"SpeciesNet {document.model_version or ''}" if "predictions" in raw else "MegaDetector"
    return printable(name.encode("utf-8", "surrogatepass")).strip()[:NAME]


def _pictures(document: _Document, folder: str, threshold: float) -> Iterator[Picture]:
    left = deque(document.pictures)
    document.pictures.clear()
    for number in range(1, len(left) + 1):
        said = _checked(_Picture, left.popleft(), f"picture {number}, ")
        if said.detections is not None and not said.failure:
            boxes = list(_boxes(said.detections, document.detection_categories, threshold))
            surest = nlargest(MOST_BOXES, boxes, key=lambda box: box.confidence)
            yield Picture(_inside(said.file, folder), tuple(surest))


def _checked(model: type[_Some], raw: Any, place: str) -> _Some:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = f"{place}{shown('.'.join(map(str, fault['loc'])))}"
        raise DetectionsError(f"it is no MegaDetector 1.x JSON ({where}: {fault['msg']}): {_AGAIN}") from error


def _inside(name: str, folder: str) -> str:
    """Give the path of a picture below the folder of the results, which alone they can speak of."""
    path = posixpath.normpath(name.replace("\\", "/"))
    if path.startswith("/"):
        path = posixpath.relpath(path, folder)
    if path == "." or path.split("/")[0] == ".." or _DRIVE.match(path) or "\0" in path:
        raise DetectionsError(
            f"the picture {shown(name)} does not lie below its folder: write the file paths relative to that"
        )
    return path


def _check_once(pictures: Iterable[Picture]) -> None:
    for path, times in Counter(each.path for each in pictures).most_common(1):
        if times > 1:
            raise DetectionsError(f"it names the picture {shown(path)} twice: {_AGAIN}")


def _boxes(boxes: Iterable[_Box], categories: dict[str, str], threshold: float) -> Iterator[Box]:
    for box in boxes:
        # the format has it that a category which is not listed is no detection
        if box.conf < threshold or (name := categories.get(box.category)) is None:
            continue
        category = _CATEGORIES.get(name.lower())
        if category is None:
            raise DetectionsError(
                f"it knows the category {shown(name)}, and Trapline knows {', '.join(_CATEGORIES)} only: "
                "let the detector use these"
            )
        yield Box(category, box.conf, *(min(max(0.0, side), 1.0) for side in box.bbox))
