"""What came of a retraining, as later ones and ``trapline status`` read it."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ml.files import write_atomically

_LAST, _VERDICT = "retraining.json", "verdict.json"


class Outcome(BaseModel):
    """Whether there was a challenger, what became of it, and why."""

    model_config = ConfigDict(frozen=True)

    finished: datetime
    champion: str
    challenger: str | None = None  # None: none was trained
    promoted: bool = False
    reasons: tuple[str, ...]
    figures: dict[str, Any] = {}

    def __str__(self) -> str:
        """Say it in one sentence."""
        became = f"{self.challenger} answers now" if self.promoted else f"{self.champion} stays"
        return f"{became}: {'; '.join(self.reasons)}"


def remember(runs: Path, outcome: Outcome) -> None:
    """Write what came of the last retraining into the folder of all runs."""
    write_atomically(runs / _LAST, outcome.model_dump_json(indent=1).encode())


def last(runs: Path) -> Outcome | None:
    """Return what came of the last retraining; None where there was none."""
    return _read(runs / _LAST)


def conclude(run: Path, outcome: Outcome) -> None:
    """Write the verdict into the run's own folder: from then on it is not given again."""
    write_atomically(run / _VERDICT, outcome.model_dump_json(indent=1).encode())


def concluded(run: Path) -> Outcome | None:
    """Return the verdict of this run; None where it did not come to its end."""
    return _read(run / _VERDICT)


def switched(models: Path, *, since: Path) -> bool:
    """Tell whether another model was made current after the run ``since`` had its verdict, whatever is now.

    The times of the two files tell, so that a promotion which a person took back is one, too.
    """
    pointer = models / "current"
    return pointer.exists() and pointer.stat().st_mtime_ns >= (since / _VERDICT).stat().st_mtime_ns


def _read(path: Path) -> Outcome | None:
    try:
        return Outcome.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
