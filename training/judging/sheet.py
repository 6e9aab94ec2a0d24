"""The pictures of a run's page: the worst mistakes and an example of each class, each beside its Grad-CAM."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ml import gradcam
from ml.arrays import Ints, Pixels
from ml.ensemble import Answer, Ensemble
from ml.images import Picture, kept_pixels
from training.dataset import examined
from training.record import STACK, Judged

MISTAKES = 12
_NEVER_SHOWN = "person"
_LONGER_SIDE, _QUALITY = 200, 75  # of a thumbnail


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture as the sheet shows it; the pictures are data URIs."""

    name: str
    label: str  # what it is labelled
    answer: str  # what the stack said of it when it had not seen it
    probability: float  # of that answer
    explained: str  # the label that the Grad-CAM speaks for
    picture: str
    heat: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Pictures that the model was asked again for their maps."""

    places: Ints  # (n,) in the column
    pixels: Pixels  # (n, size, size, 3)
    pictures: tuple[Picture, ...]
    answers: tuple[Answer, ...]


def worst(judged: Judged) -> Ints:
    """Return the places of the surest wrong answers, the surest first; pictures of persons are never shown."""
    sure, answers = _said(judged)
    wrong = np.flatnonzero((answers != judged.labels) & _showable(judged, answers))
    return wrong[np.argsort(-sure[wrong], kind="stable")][:MISTAKES]


def typical(judged: Judged) -> Ints:
    """Return of each class the place of the right answer whose probability is the middle one."""
    sure, answers = _said(judged)
    right = (answers == judged.labels) & _showable(judged, answers)
    of_classes = [np.flatnonzero(right & (judged.labels == place)) for place in range(len(judged.classes))]
    return np.array([of[np.argsort(sure[of], kind="stable")[len(of) // 2]] for of in of_classes if len(of)], np.intp)


def ask(ensemble: Ensemble, judged: Judged, places: Ints) -> Asked:
    """Read the pictures at ``places`` and answer them; those that are gone or damaged by now are left out."""
    size = ensemble.model.card.picture_size
    results = list(zip(places, examined([judged.paths[place] for place in places], size=size), strict=True))
    found = [(place, each) for place, each in results if not isinstance(each, str)]
    pixels = [kept_pixels(each.kept) for _, each in found]
    return Asked(
        np.array([place for place, _ in found], np.intp),
        np.stack(pixels) if pixels else np.zeros((0, size, size, 3), np.uint8),
        tuple(each.picture for _, each in found),
        tuple(ensemble.predict(np.stack(pixels))) if pixels else (),
    )


def shown(asked: Asked, judged: Judged) -> list[Shown]:
    """Make the thumbnails."""
    sure, answers = _said(judged)
    return [
        Shown(
            name=judged.paths[place].name,
            label=judged.classes[judged.labels[place]],
            answer=judged.classes[answers[place]],
            probability=float(sure[place]),
            explained=answer.label,
            picture=_thumbnail(Image.fromarray(pixels), picture),
            heat=_thumbnail(Image.open(io.BytesIO(gradcam.overlay(pixels, answer.heatmap))), picture),
        )
        for place, pixels, picture, answer in zip(
            asked.places, asked.pixels, asked.pictures, asked.answers, strict=True
        )
    ]


def _said(judged: Judged) -> tuple[np.ndarray, Ints]:
    stacked = judged.log_probabilities[STACK]
    return np.exp(stacked.max(axis=1)), stacked.argmax(axis=1)


def _showable(judged: Judged, answers: Ints) -> np.ndarray:
    hidden = [place for place, name in enumerate(judged.classes) if name == _NEVER_SHOWN]
    return ~np.isin(judged.labels, hidden) & ~np.isin(answers, hidden)


def _thumbnail(kept: Image.Image, picture: Picture) -> str:
    """Kept pictures are squashed to a square: give them the camera's proportions again."""
    turned = picture.orientation >= 5  # noqa: PLR2004  # EXIF: 5 to 8 lie on their side
    width, height = (picture.height, picture.width) if turned else (picture.width, picture.height)
    scale = _LONGER_SIDE / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    out = io.BytesIO()
    kept.resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
