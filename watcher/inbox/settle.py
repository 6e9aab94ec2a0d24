"""Has a file come to rest? A pure tracker of looks at it, by the daemon's own clock."""

from dataclasses import dataclass, field
from enum import StrEnum

from db.store import SeenFile

Key = tuple[str, bytes]


class Rest(StrEnum):
    """What a look at a file says of it."""

    MOVING = "moving"
    SETTLED = "settled"


@dataclass(slots=True)
class Settler:
    """Remembers since when each file has looked the same. What has not settled is known here only.

    File times are never compared with the clock: copying tools keep the old ones.
    """

    settle_seconds: float
    _since: dict[Key, tuple[str, float]] = field(default_factory=dict)

    def look(self, file: SeenFile, now: float) -> Rest:
        """Note one look (``now``: a monotonic clock, seconds); settled after two equal ones far enough apart."""
        before = self._since.get((file.root, file.path))
        if before is None or before[0] != file.signature:
            self._since[file.root, file.path] = (file.signature, now)
            return Rest.MOVING if self.settle_seconds > 0 else Rest.SETTLED
        return Rest.SETTLED if now - before[1] >= self.settle_seconds else Rest.MOVING

    def unchanged_for(self, file: SeenFile, now: float) -> float:
        """Give for how many seconds the file has been seen unchanged."""
        before = self._since.get((file.root, file.path))
        return now - before[1] if before is not None and before[0] == file.signature else 0.0

    def forget(self, file: SeenFile) -> None:
        """Drop a file that is known to the ledger now, or gone."""
        self._since.pop((file.root, file.path), None)

    def keep_only(self, root: str, paths: set[bytes]) -> None:
        """Drop the files below ``root`` that a full scan did not find."""
        for key in [k for k in self._since if k[0] == root and k[1] not in paths]:
            del self._since[key]

    def __len__(self) -> int:
        """Count the files that have not settled."""
        return len(self._since)
