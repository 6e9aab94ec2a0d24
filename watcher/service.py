"""The composition root: opens what the commands work with. Read this first, then ``watch`` and ``process``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pebble import ProcessPool

from db.engine import Ledger, LedgerError, open_ledger
from db.redlist import RedList, RedListError
from ml.artifacts import ArtifactError, current
from ml.artifacts import load as load_model
from ml.backbones import WeightsDamaged, WeightsMissing
from ml.runtime import OutOfMemory, RuntimeMissing
from watcher.config import ConfigError, Settings
from watcher.data_folder import DataFolder, DataFolderError
from watcher.inbox.scan import Folder
from watcher.intake import Intake
from watcher.redlist.tables import in_force, keep
from watcher.stations import Listed, Stations, StationsError, read_stations

# What a user can mend: the message is one sentence that says how.
EXPECTED = (
    ArtifactError,
    ConfigError,
    DataFolderError,
    LedgerError,
    OutOfMemory,
    RedListError,
    RuntimeMissing,
    StationsError,
    WeightsDamaged,
    WeightsMissing,
)


@dataclass(frozen=True, slots=True)
class Service:
    """An open house: settings, data folder, ledger and Red List."""

    settings: Settings
    data: DataFolder
    ledger: Ledger
    redlist: RedList

    @property
    def reports(self) -> Path:
        """The folder that reports are written to."""
        return self.settings.report.folder or self.data.reports

    @property
    def picture_size(self) -> int:
        """Pixels a side of what is kept for the current model, whose files are verified for that."""
        return load_model(current(self.data.models)).card.picture_size

    @property
    def max_pixels(self) -> int:
        """Pixels that a picture may have."""
        return self.settings.intake.max_megapixels * 1_000_000

    def intake(self, pool: ProcessPool, workers: int, listed: Callable[[str], tuple[Listed, ...]]) -> Intake:
        """Give the intake that reads with the workers of ``pool``; pictures are kept at the current model's size."""
        return Intake(
            ledger=self.ledger,
            redlist=self.redlist,
            pool=pool,
            workers=workers,
            data_dir=self.data.root,
            kept_size=self.picture_size,
            max_pixels=self.max_pixels,
            listed=listed,
        )

    def folder(self, root: Path) -> Folder:
        """Give a root to scan, without what Trapline itself may have in it."""
        table = [self.settings.stations] if self.settings.stations else []
        return Folder(root.resolve(), excluded=(self.data.root, self.reports, *table))

    def stations(self, root: Path) -> Stations:
        """Read the table of deployments of a root; raises `StationsError` where it cannot be used at all."""
        return read_stations(root, self.settings.stations)


@contextmanager
def open_service(settings: Settings, *, create: bool = True) -> Iterator[Service]:
    """Open the data folder, its ledger (migrated where needed) and the Red List.

    ``create`` makes a data folder that is not there; without it that is an error. Raises `DataFolderError`,
    `LedgerError` and `RedListError`, each with what to do.
    """
    data = DataFolder(settings.data_dir)
    if not create and not data.ledger.exists():
        raise DataFolderError(
            f"there is no ledger in {data.root} yet: run trapline process or trapline watch first, "
            "or name the right folder with data_dir or TRAPLINE_DATA_DIR"
        )
    data.prepare()
    redlist = in_force(data.redlist, settings.ledger.redlist)
    keep(data.redlist, redlist)
    ledger = open_ledger(data.ledger)
    try:
        yield Service(settings, data, ledger, redlist)
    finally:
        ledger.close()
