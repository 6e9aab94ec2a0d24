"""Has a file come to rest? A pure tracker of looks at it, by the daemon's own clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from db.store import SeenFile

_MOST = 20_000  # files tracked at once; whatever comes beyond that waits for its turn


class Rest(StrEnum):
    """What a look at a file says of it."""

    MOVING = "moving"  # it changed, or has not been still for long enough
    READY = "ready"  # to be read; if it ends too early, it may still grow
    UNFINISHED = "unfinished"  # it was read and ended too early: it may still grow
    FINAL = "final"  # to be read, and whatever it is now, it is


@dataclass(frozen=True, slots=True)
class Settled:
    """A file to be read, and whether it is given up if it ends too early."""

    file: SeenFile
    final: bool = True


@dataclass(slots=True)
class _Track:
    look: tuple[int, str]  # device and signature
    still_since: float
    first: float
    last: float
    is_unfinished: bool = False


@dataclass(slots=True)
class Settler:
    """Remembers since when each file has looked the same. What has not settled is known here only.

    File times are never compared with the clock: copying tools keep the old ones. Times are a monotonic clock's, in
    seconds. A file that ends too early is waited for until it has been still for ``incomplete_seconds``.
    """

    settle_seconds: float
    incomplete_seconds: float = 0.0
    _tracks: dict[tuple[str, bytes], _Track] = field(default_factory=dict)

    def look(self, file: SeenFile, now: float) -> Rest:
        """Note one look; at rest after two equal ones far enough apart."""
        key, look = (file.root, file.path), (file.device, file.signature)
        track = self._tracks.get(key)
        if track is None:
            if len(self._tracks) >= _MOST:
                return Rest.MOVING
            track = self._tracks[key] = _Track(look, now, now, now)
        elif track.look != look:
            track.look, track.still_since, track.is_unfinished = look, now, False
        track.last = now
        still = now - track.still_since
        if still < self.settle_seconds:
            return Rest.MOVING
        if still >= self.incomplete_seconds:
            return Rest.FINAL
        return Rest.UNFINISHED if track.is_unfinished else Rest.READY

    def unfinished(self, file: SeenFile) -> None:
        """Note that a file was read as it is and ended too early."""
        track = self._tracks.get((file.root, file.path))
        if track is not None and track.look == (file.device, file.signature):
            track.is_unfinished = True

    def forget(self, file: SeenFile) -> None:
        """Drop a file that is known to the ledger now."""
        self._tracks.pop((file.root, file.path), None)

    def drop_unseen(self, root: str, since: float) -> None:
        """Drop the files below ``root`` that no look since then has found."""
        for key in [key for key, track in self._tracks.items() if key[0] == root and track.last < since]:
            del self._tracks[key]

    def growing(self, now: float, seconds: float) -> Iterator[tuple[str, bytes]]:
        """Yield root and path of the files that have not come to rest for so long; another thread may ask."""
        yield from (key for key, track in list(self._tracks.items()) if now - track.first >= seconds)

    def __len__(self) -> int:
        """Count the files that have not settled."""
        return len(self._tracks)
