"""How a table fits the folders of an inbox: rows whose folder is not there, folders of which no row speaks."""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from unicodedata import normalize

from db.types import printable
from watcher.inbox.scan import COUNTER_FOLDER, Folder, folders_in
from watcher.stations.cells import LONGEST, nearest
from watcher.stations.table import Stations

NAMED = 20
GUESSED = 100  # rows whose folder is not there, for which one that is nearly of its name is searched
DEEPEST = 32  # folders in each other, of which is known that a row speaks of them


@dataclass(frozen=True, slots=True)
class Fit:
    """One table and one inbox.

    ``missing`` are the folders of rows that are not there, each with the one that is nearly of its name, or nothing;
    ``unlisted`` those at the top of the inbox that no row speaks of.
    """

    table: str
    deployments: int
    missing: dict[str, str]
    unlisted: list[str]


def fit(folder: Folder, stations: Stations) -> Fit:
    """Compare a table with the folders that the inbox has now; of what cannot be read nothing is said."""

    @cache
    def inside(place: bytes) -> dict[str, bytes]:
        return {normalize("NFC", printable(name)): name for name in folders_in(folder, place)}

    listed = {row.folder: row.folders for row in stations.listed}
    spoken_of = {"/".join(names[:depth]) for names in listed.values() for depth in range(min(len(names), DEEPEST) + 1)}
    missing: dict[str, str] = {}
    unlisted: list[str] = []
    try:
        for name, names in listed.items():
            if (near := _missing(inside, names, spoken_of, guessed=len(missing) < GUESSED)) is not None:
                missing[name] = near
        if listed and "." not in listed:
            unlisted = [name for name in sorted(inside(b"")) if name not in spoken_of]
    except OSError:
        return Fit(str(stations.path), len(stations.listed), {}, [])
    stray = [name for name in unlisted if not COUNTER_FOLDER.fullmatch(name)]
    return Fit(str(stations.path), len(stations.listed), missing, stray)


def _missing(
    inside: Callable[[bytes], dict[str, bytes]], names: list[str], spoken_of: Collection[str], *, guessed: bool
) -> str | None:
    """Give what was meant by a folder that is not there, as far as that can be guessed; None where it is there."""
    place = b""
    for depth, name in enumerate(names):
        there = inside(place)
        if name not in there:
            if not guessed:
                return ""
            above, below = names[:depth], names[depth + 1 :]
            free = (other for other in there if "/".join([*above, other]) not in spoken_of)
            # Mara-08 is no slip for Mara-07
            near = nearest(name, (other for other in free if _numbers(other) == _numbers(name)))
            return "/".join([*above, near, *below]) if near else ""
        place = os.path.join(place, there[name])  # noqa: PTH118  # bytes, which pathlib has not
    return None


def _numbers(name: str) -> list[str]:
    return [digits.lstrip("0") for digits in re.findall(r"\d+", name)]


def astray(fits: Iterable[Fit]) -> Iterator[str]:
    """Say of which rows the folder is misspelt, as it seems: it is in no inbox, and one nearly of that name is."""
    for table, missing in _by_table(fits).items():
        for name, near in missing.items():
            if near:
                yield f"{table}: no folder {name[:LONGEST]!r} in the inbox: did you mean {near[:LONGEST]!r}?"


def loose_ends(fits: Iterable[Fit]) -> Iterator[str]:
    """Say what may be as it should: rows whose folder is still to come or was put away, and folders without a row."""
    fits = list(fits)
    for table, missing in _by_table(fits).items():
        if names := [name for name, near in missing.items() if not near]:
            yield f"{table}: no folder in the inbox for {_list(names)}"
    for each in fits:
        if each.unlisted:
            yield f"{each.table}: no row for {_list(each.unlisted)}"


def _by_table(fits: Iterable[Fit]) -> dict[str, dict[str, str]]:
    """Give what is missing from all inboxes that share a table."""
    tables: dict[str, dict[str, str]] = {}
    for each in fits:
        before = tables.get(each.table, each.missing)
        tables[each.table] = {name: before[name] or near for name, near in each.missing.items() if name in before}
    return tables


def _list(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(repr(name[:LONGEST]) for name in names[:NAMED]) + more
