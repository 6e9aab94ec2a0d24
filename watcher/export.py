"""``trapline export``: the ledger for other programs, written whole or not at all."""

import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TextIO
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from sqlalchemy.orm import Session
from typer import Argument, Context, Option

from db.exchange.camtrap_dp import NothingToExportError, Package, write_package
from db.exchange.flat import write_flat
from db.exchange.megadetector import write_megadetector
from db.exchange.sites import Scope
from db.queries.exported.answers import count_stale
from ml.files import PART, sync
from watcher.config import load_settings
from watcher.service import Service, open_service
from watcher.targets import new_target

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

export = typer.Typer(help="Hands the data on to other programs.", no_args_is_help=True)
out = Console()

Since = Annotated[datetime | None, Option(help="Only what was taken after this.")]
Until = Annotated[datetime | None, Option(help="Only what was taken until this.")]


class ExportError(ValueError):
    """Nothing was exported; the message says why, and what to do."""


@export.command("camtrap-dp")
def camtrap_dp(
    context: Context,
    target: Annotated[Path, Argument(metavar="OUT", help="A new folder, or a file that ends in .zip.")],
    since: Since = None,
    until: Until = None,
) -> None:
    """Write a Camtrap DP 1.0.2 package: what R reads with camtrapdp, and GBIF takes."""
    with open_service(load_settings(context.obj), create=False) as service:
        project = service.settings.project
        if project.missing:
            raise ExportError(
                f"the section [project] of the configuration lacks {', '.join(project.missing)}: Camtrap DP asks for "
                "them; config.toml shows an example"
            )
        scope = _scope(service, since, until)
        with _reading(service) as session, _whole_folder(new_target(target, service, session)) as folder:
            try:
                package = write_package(session, folder, project, scope)
            except NothingToExportError as error:
                raise ExportError(str(error)) from error
    _say_package(package, target)


@export.command("csv")
def flat(
    context: Context,
    target: Annotated[Path, Argument(metavar="OUT", help="The table to write.")],
    since: Since = None,
    until: Until = None,
) -> None:
    """Write one flat table, a row an observation, for a spreadsheet."""
    _write_file(context, target, (since, until), write_flat, "observations")


@export.command("megadetector")
def megadetector(
    context: Context,
    target: Annotated[Path, Argument(metavar="OUT", help="The JSON file to write.")],
    since: Since = None,
    until: Until = None,
) -> None:
    """Write MegaDetector's batch output (format 1.6), such as Timelapse reads."""
    _write_file(context, target, (since, until), write_megadetector, "files")


def _write_file(
    context: Context,
    target: Path,
    span: tuple[datetime | None, datetime | None],
    write: Callable[[Session, TextIO, Scope], int],
    things: str,
) -> None:
    with (
        open_service(load_settings(context.obj), create=False) as service,
        _reading(service) as session,
        _whole_file(new_target(target, service, session)) as file,
    ):
        count = write(session, file, _scope(service, *span))
    _say(f"{count} {things} in {target.resolve()}")


def _scope(service: Service, since: datetime | None, until: datetime | None) -> Scope:
    zone = ZoneInfo(service.settings.report.timezone)
    return Scope(
        begin=since.replace(tzinfo=zone) if since else EARLIEST,
        end=until.replace(tzinfo=zone) if until else LATEST,
        now=datetime.now(UTC),
        redlist=service.redlist,
        ledger=service.settings.ledger,
    )


@contextmanager
def _reading(service: Service) -> Iterator[Session]:
    """Read one moment of the ledger, and say where it is behind."""
    with service.ledger.read() as session:
        stale = count_stale(session)
        yield session
    if stale:
        _say(f"{stale} answers wait to be derived anew (by trapline watch or process) and are told as they were before")


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    """Write a text file that appears when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync(path.parent)


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that appears when it is whole; a name that ends in .zip becomes an archive of what is in it."""
    zipped = path.suffix.lower() == ".zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    part.mkdir()
    try:
        yield part
        if zipped:
            _zip(part, path)
        else:
            for file in part.iterdir():
                _settle(file)
            part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    sync(path.parent)


def _part(path: Path) -> Path:
    # the temporary name is not made from the target's, which may be as long as names can be
    return path.parent / f".{secrets.token_hex(8)}{PART}"


def _zip(folder: Path, path: Path) -> None:
    archive = folder / "archive"
    files = sorted(folder.iterdir())
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in files:
            packed.write(file, file.name)
    _settle(archive)
    archive.replace(path)


def _settle(file: Path) -> None:
    """Make the content of a file last through a power cut."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def _say_package(package: Package, target: Path) -> None:
    _say(
        f"{package.deployments} deployments, {package.media} pictures, {package.observations} observations of pictures "
        f"and {package.events} of independent events in {target.resolve()}"
    )
    if package.deployments_left_out or package.media_left_out:
        _say(
            f"left out: {package.deployments_left_out} deployments with {package.media_of_these} pictures, and "
            f"{package.media_left_out} single pictures; left_out.csv beside the tables says which and why"
        )


def _say(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)
