"""The model store: model folders side by side, and one small text file, ``current``, that says which one answers.

The file holds the current version in its first line and below it those that were current before, the newest first.
It is replaced atomically, so that a running daemon may read it at any time; without it the shipped starter answers.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ml.artifacts.folder import ArtifactError, load, sync

STARTER = Path(__file__).resolve().parent.parent / "starter"
_POINTER = "current"
_REMEMBERED = 20  # versions kept in the pointer's history


@dataclass(frozen=True, slots=True)
class Listed:
    """A model of the store as a list shows it."""

    version: str
    folder: Path
    is_current: bool
    problem: str | None  # why it cannot be used, where it cannot


def current(models: Path) -> Path:
    """Return the folder of the model that answers; cheap enough to ask between batches."""
    history = _history(models)
    return _folder(models, history[0]) if history else STARTER


def promote(models: Path, version: str) -> None:
    """Make ``version`` current, after verifying its files; the one before stays as what ``rollback`` returns to."""
    load(_folder(models, version))
    earlier = [past for past in _history(models) if past != version]
    _point(models, [version, *earlier][:_REMEMBERED])


def rollback(models: Path) -> Path:
    """Return to the model that was current before (in the end the shipped starter), and return its folder."""
    history = _history(models)
    if not history:
        raise ArtifactError(f"nothing was promoted in {models}: the starter model answers already")
    _point(models, history[1:])
    return current(models)


def listed(models: Path) -> list[Listed]:
    """Return every model of the store and the shipped starter, by name; broken ones with what is wrong."""
    answering = current(models)
    stored = sorted(path for path in models.glob("*/") if not path.name.startswith("."))
    return [_listed(folder, is_current=folder == answering) for folder in (STARTER, *stored)]


def _listed(folder: Path, *, is_current: bool) -> Listed:
    try:
        return Listed(load(folder).version, folder, is_current, None)
    except ArtifactError as error:
        return Listed(folder.name, folder, is_current, str(error))


def _history(models: Path) -> list[str]:
    try:
        return (models / _POINTER).read_text().split()
    except FileNotFoundError:
        return []


def _folder(models: Path, version: str) -> Path:
    folder = models / version
    if folder.parent != models or not folder.is_dir():
        raise ArtifactError(f"there is no model {version!r} in {models}; `trapline models list` shows those there are")
    return folder


def _point(models: Path, history: list[str]) -> None:
    beside = models / f".{_POINTER}-{os.getpid()}"
    with beside.open("w") as file:
        file.write("".join(f"{version}\n" for version in history))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(models / _POINTER)
    sync(models)
