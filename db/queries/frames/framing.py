"""How rows become a frame, and what all frames take as given."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

BURST_GAP = timedelta(seconds=60)
EVENT_GAP = timedelta(minutes=30)
SILENCE = timedelta(days=7)

UTC_TIME, LOCAL_TIME = "datetime64[us, UTC]", "datetime64[us]"


def framed(rows: Iterable[Sequence[Any]], columns: dict[str, str]) -> "pd.DataFrame":
    """Make a frame of rows; ``columns`` gives each column's type, so that one without rows has it too."""
    import pandas as pd

    return pd.DataFrame([tuple(row) for row in rows], columns=list(columns)).astype(columns)
