"""The data folder: where everything that Trapline makes lies, how it is written, and who may use it now."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ml.files import PART, write_atomically

PRODUCTS = ("kept", "gradcam")  # what only the process that holds the folder writes


class DataFolderError(RuntimeError):
    """The data folder cannot be used; the message says what to do."""


class DataFolderBusyError(DataFolderError):
    """Another process holds the data folder."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The places in the data folder. What ``kept`` and ``gradcam`` hold is named by content hash."""

    root: Path

    @property
    def ledger(self) -> Path:
        """The SQLite file."""
        return self.root / "trapline.db"

    @property
    def models(self) -> Path:
        """The model store."""
        return self.root / "models"

    @property
    def reports(self) -> Path:
        """Where reports go unless the configuration says otherwise."""
        return self.root / "reports"

    @property
    def runs(self) -> Path:
        """What trainings leave on record, a folder each."""
        return self.root / "runs"

    @property
    def redlist(self) -> Path:
        """The Red List: the refreshed table, and every version that was ever used."""
        return self.root / "redlist"

    @property
    def runtime(self) -> Path:
        """What is made of the models for this machine, and can be made again."""
        return self.root / "runtime"

    @property
    def heartbeat(self) -> Path:
        """What the daemon says of itself while it runs."""
        return self.root / "daemon.json"

    def prepare(self) -> None:
        """Make the folder, and prove that it can be written.

        Raises
        ------
        DataFolderError
            It cannot be made or written.

        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            write_atomically(self.root / "writable", b"")
        except OSError as error:
            raise DataFolderError(
                f"the data folder {self.root} cannot be written ({error.strerror}): "
                "give its owner the right to, or choose another with data_dir or TRAPLINE_DATA_DIR"
            ) from error

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold the folder against other Trapline processes; the system lets go of it if this one dies.

        Raises
        ------
        DataFolderBusyError
            Another process holds it.

        """
        with (self.root / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip() or "another Trapline"
                raise DataFolderBusyError(
                    f"the data folder {self.root} is in use by {holder}: wait for it, stop it, or use another data_dir"
                ) from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}")
            lock.flush()
            self._sweep()
            yield

    def in_use(self) -> bool:
        """Tell whether a process holds the folder now."""
        try:
            with (self.root / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _sweep(self) -> None:
        """Remove what an earlier process left half-written; nobody else writes here now."""
        for kind in PRODUCTS:
            for part in (self.root / kind).rglob(f"*{PART}"):
                part.unlink(missing_ok=True)


def product(kind: str, sha256: str, suffix: str, region: int = 0) -> str:
    """Give the path of a product below the data folder: ``kept/ab/ab…-224.jpg``, or of a region ``…-224-7.jpg``."""
    of = f"-{region}" if region else ""
    return f"{kind}/{sha256[:2]}/{sha256}-{suffix}{of}.jpg"
