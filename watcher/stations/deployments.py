"""A row of the table as a deployment, and to which deployment a picture belongs."""

from dataclasses import asdict, dataclass
from datetime import datetime
from unicodedata import normalize

from db.derive import instant, set_right
from db.models import Deployment
from watcher.inbox.scan import COUNTER_FOLDER


@dataclass(frozen=True, slots=True)
class Captured:
    """A capture time as the camera wrote it, and its offset from UTC in minutes, if it wrote one."""

    at: datetime
    offset: int | None
    sure: bool  # it can be right as it is
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A row of ``stations.csv``: one camera at one place for one span of time; the fields are the ledger's."""

    root: str
    folder: str
    station: str
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    country: str | None = None
    timezone: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    clock_offset: int = 0
    captive: bool = False
    name: str | None = None
    location: str | None = None
    coordinate_uncertainty: int | None = None
    setup_by: str | None = None
    camera_model: str | None = None
    camera_delay: int | None = None
    camera_height: float | None = None
    camera_depth: float | None = None
    camera_tilt: int | None = None
    camera_heading: int | None = None
    detection_distance: float | None = None
    timestamp_issues: bool | None = None
    bait: bool | None = None
    feature: str | None = None
    habitat: str | None = None
    groups: str | None = None
    tags: str | None = None
    comments: str | None = None

    @property
    def key(self) -> str:
        """What identifies the row: its inbox, its folder and the start of its span."""
        return f"listed:{self.root}:{self.folder}:{self.start.isoformat() if self.start else ''}"

    @property
    def folders(self) -> list[str]:
        """The names of the folder and of those above it, from the inbox on."""
        return [] if self.folder == "." else self.folder.split("/")

    def deployment(self) -> Deployment:
        """Give the ledger's row."""
        facts = asdict(self)
        del facts["root"]
        return Deployment(key=self.key, **facts)

    def spans(self, captured: Captured | None) -> bool:
        """Tell whether a picture of this time can be of this deployment; one without a sure time can."""
        return captured is None or not captured.sure or self._holds(instant(captured.at, captured.offset, self._clock))

    def sets_right(self, captured: Captured | None) -> bool:
        """Tell whether a time that cannot be right becomes one of this deployment by its offset."""
        if captured is None or captured.sure:
            return False
        at = set_right(captured.at, captured.offset, self._clock, until=captured.received_at)
        return at is not None and self._holds(at)

    @property
    def _clock(self) -> Deployment:
        return Deployment(timezone=self.timezone, clock_offset=self.clock_offset)

    def _holds(self, at: datetime) -> bool:
        return (self.start is None or self.start <= at) and (self.end is None or at <= self.end)


def deployment_of(
    listed: tuple[Listed, ...], *, station: str, folders: list[str], captured: Captured | None, serial: str | None
) -> Deployment:
    """Give the deployment of a sighting.

    It is the listed row with the longest folder that holds the file and whose span holds the capture time; of several
    for a time that cannot be right, the one that sets the camera's clock right. Else it is station and serial number of
    the camera; else station and second folder.
    """
    names = [normalize("NFC", name) for name in folders]
    holding = [row for row in listed if names[: len(row.folders)] == row.folders and row.spans(captured)]
    if holding:
        return max(holding, key=lambda row: (len(row.folders), row.sets_right(captured), row.key)).deployment()
    camera = serial or next((name for name in folders[1:2] if not COUNTER_FOLDER.fullmatch(name)), None)
    return Deployment(
        key=f"seen:{station}:{camera or ''}", station=station, camera=camera, clock_offset=0, captive=False
    )
