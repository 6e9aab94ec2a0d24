"""Where commands may write what they hand on."""

from pathlib import Path

from sqlalchemy.orm import Session

from db.queries.exported.files import roots
from watcher.service import Service


class TargetError(ValueError):
    """Nothing can be written there; the message says where it can."""


def new_target(target: Path, service: Service, session: Session) -> Path:
    """Give the place to write, of which nothing is there yet, or a folder with nothing in it.

    The inbox is only read, and what lies there would be taken for a part of it; the data folder is Trapline's own.

    Raises
    ------
    TargetError
        Something is there, or it lies in an inbox, in a folder that was processed once, or in the data folder.

    """
    path = target.resolve()
    for inbox in (*service.settings.inbox, *map(Path, roots(session))):
        if path.is_relative_to(inbox):
            raise TargetError(f"{target} would lie among the pictures: name a place outside of {inbox}")
    if path.is_relative_to(service.data.root):
        raise TargetError(f"{target} would lie in the data folder: name a place outside of {service.data.root}")
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise TargetError(f"{target} is there already: delete it first, or name another")
    return path
