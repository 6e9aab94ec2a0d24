"""Has a file come to rest? A pure tracker of looks at it, by the daemon's own clock."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from db.store import SeenFile

_MOST = 2_000  # files of a station tracked at once; whatever comes beyond that waits for its turn


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
    """Remembers since when each file of an inbox has looked the same. What has not settled is known here only.

    File times are never compared with the clock: copying tools keep the old ones. Times are a monotonic clock's, in
    seconds. A file that ends too early is waited for until it has been still for ``incomplete_seconds``.
    """

    settle_seconds: float
    incomplete_seconds: float = 0.0
    _stations: defaultdict[str, dict[bytes, _Track]] = field(default_factory=lambda: defaultdict(dict))

    def look(self, file: SeenFile, now: float) -> Rest:
        """Note one look; at rest after two equal ones far enough apart."""
        tracks, look = self._stations[file.station], (file.device, file.signature)
        track = tracks.get(file.path)
        if track is None:
            if len(tracks) >= _MOST:
                return Rest.MOVING
            track = tracks[file.path] = _Track(look, now, now, now)
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
        track = self._stations[file.station].get(file.path)
        if track is not None and track.look == (file.device, file.signature):
            track.is_unfinished = True

    def forget(self, file: SeenFile) -> None:
        """Drop a file that is known to the ledger now."""
        self._stations[file.station].pop(file.path, None)

    def drop_unseen(self, since: float) -> None:
        """Drop the files that no look since then has found."""
        for station in list(self._stations):
            left = {path: track for path, track in self._stations[station].items() if track.last >= since}
            if left:
                self._stations[station] = left
            else:
                del self._stations[station]

    def growing(self, seconds: float) -> Iterator[bytes]:
        """Yield the paths of files that still changed so long after they were first seen; another thread may ask."""
        for tracks in list(self._stations.values()):
            yield from (path for path, track in list(tracks.items()) if track.still_since - track.first >= seconds)

    def __len__(self) -> int:
        """Count the files that have not settled."""
        return sum(map(len, list(self._stations.values())))
