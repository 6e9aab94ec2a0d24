"""How often a lower precision decides as float32 does: counted on pictures, and kept beside the model.

The count stands in a file of its own, ``agreement.json`` in the model's folder: it follows from the model and from the
pictures at hand, and does not change what the model says.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ml.arrays import Pixels
from ml.decision import Decision
from ml.ensemble import Answer, Ensemble
from ml.files import write_atomically
from ml.settings import Precision, Runtime

_FILE = "agreement.json"
_LEAST_SHARE = 0.995
LEAST_PICTURES = 200
"""With fewer, one more might have been the one in two hundred."""


class Agreement(BaseModel):
    """Of so many pictures, so many were decided alike."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: int
    equal: int

    def __str__(self) -> str:
        return f"{self.equal} of {self.pictures} decisions are equal"

    @property
    def is_enough(self) -> bool:
        """Whether the lower precision may answer: 99.5 % of at least 200 decisions are equal."""
        return self.pictures >= LEAST_PICTURES and _LEAST_SHARE * self.pictures <= self.equal <= self.pictures


_Known = TypeAdapter(dict[str, Agreement])


def agreements(folder: Path) -> dict[tuple[Runtime, Precision], Agreement]:
    """Read what is known of the model in ``folder``; nothing, where the file is absent or is none."""
    try:
        known = _Known.validate_json((folder / _FILE).read_bytes())
        return {_pair(name): agreement for name, agreement in known.items()}
    except (OSError, ValidationError, ValueError):
        return {}


def record(folder: Path, found: dict[tuple[Runtime, Precision], Agreement]) -> None:
    """Keep what was ``found`` beside the model in ``folder``, in the place of what was known."""
    named = {f"{runtime} {precision}": agreement for (runtime, precision), agreement in found.items()}
    write_atomically(folder / _FILE, _Known.dump_json(named, indent=1))


def compare(exact: Ensemble, other: Ensemble, batches: Iterable[Pixels]) -> Agreement:
    """Count the pictures, uint8 (n, size, size, 3) a batch, of which both say the same."""
    pictures = equal = 0
    for pixels in batches:
        pairs = zip(exact.predict(pixels), other.predict(pixels), strict=True)
        equal += sum(said(one) == said(another) for one, another in pairs)
        pictures += len(pixels)
    return Agreement(pictures=pictures, equal=equal)


def said(answer: Answer) -> tuple[Decision, str | None]:
    """Return what is stored of an answer as its meaning: the decision, and the label where it is one."""
    label = answer.label if answer.decision is Decision.ANSWERED else answer.background
    return answer.decision, label


def _pair(name: str) -> tuple[Runtime, Precision]:
    runtime, _, precision = name.partition(" ")
    return Runtime(runtime), Precision(precision)
