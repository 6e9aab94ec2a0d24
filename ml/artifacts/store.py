"""The model store: model folders side by side, and one small text file, ``current``, that says which one answers.

The file holds the current version in its first line and below it those that were current before, the newest first;
the shipped starter, whose version changes with Trapline's, is called ``starter`` there. The file is replaced
atomically, so that a running daemon may read it at any time; where it is empty or absent the starter answers.
"""

from dataclasses import dataclass
from pathlib import Path

from ml.artifacts.folder import ArtifactError, Card, load
from ml.files import write_atomically

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
    card: Card | None = None  # where it can


def current(models: Path) -> Path:
    """Return the folder of the model that answers; cheap enough to ask between batches.

    Raises ``ArtifactError`` where the pointer names a folder that is gone; see ``answering``.
    """
    history = _history(models)
    return _folder(models, history[0]) if history else STARTER


def promote(models: Path, version: str) -> None:
    """Make ``version`` current, after verifying its files; the one before stays as what ``rollback`` returns to."""
    if version == _listed(STARTER, is_current=False).version:
        version = STARTER.name
    load(_folder(models, version))
    earlier = [past for past in _history(models) if past != version]
    _point(models, [version, *earlier][:_REMEMBERED])


def rollback(models: Path) -> Path:
    """Return to the model that was current before, and return its folder; in the end it is the shipped starter.

    Whatever is gone or broken among the earlier ones is passed over, so that a whole one answers afterwards.
    """
    history = _history(models)
    if not history:
        raise ArtifactError(f"nothing was promoted in {models}: the starter model answers already")
    earlier = history[1:]
    while earlier and _listed(_path(models, earlier[0]), is_current=False).problem:
        del earlier[0]
    _point(models, earlier)
    return current(models)


def answering(models: Path) -> Listed:
    """Return the model that answers; where it is gone or broken, with what is wrong."""
    history = _history(models)
    try:
        return _listed(current(models), is_current=True)
    except ArtifactError as error:
        return Listed(history[0], _path(models, history[0]), is_current=True, problem=str(error))


def listed(models: Path) -> list[Listed]:
    """Return the shipped starter and every model of the store, by name; gone and broken ones with what is wrong."""
    chosen = answering(models)
    stored = sorted(path for path in models.glob("*/") if not path.name.startswith("."))
    others = [_listed(folder, is_current=False) for folder in (STARTER, *stored) if folder != chosen.folder]
    return sorted([chosen, *others], key=lambda each: (each.folder != STARTER, each.folder))


def _listed(folder: Path, *, is_current: bool) -> Listed:
    try:
        model = load(folder)
        return Listed(model.version, folder, is_current, None, model.card)
    except ArtifactError as error:
        return Listed(folder.name, folder, is_current, str(error))


def _history(models: Path) -> list[str]:
    try:
        return (models / _POINTER).read_text(errors="replace").split()  # junk is a version that is not there
    except FileNotFoundError:
        return []


def _folder(models: Path, version: str) -> Path:
    folder = _path(models, version)
    if folder != STARTER and (folder.parent != models or not folder.is_dir()):
        raise ArtifactError(
            f"there is no model {version!r} in {models}; `trapline models list` shows those there are, "
            "`trapline models rollback` returns to the one before"
        )
    return folder


def _path(models: Path, version: str) -> Path:
    return STARTER if version == STARTER.name else models / version


def _point(models: Path, history: list[str]) -> None:
    write_atomically(models / _POINTER, "".join(f"{version}\n" for version in history).encode())
