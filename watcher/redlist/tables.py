"""The Red List tables of a station: the shipped one, the refreshed one, the user's own, and every version ever used."""

from collections.abc import Iterable
from pathlib import Path

from db.redlist import RedList, Taxon, as_csv, load
from ml.files import sync, write_atomically

REFRESHED = "taxa.csv"


def in_force(folder: Path, own: Path | None) -> RedList:
    """Read the shipped table, the refreshed one in ``folder`` if there is one, and the user's own: the later wins.

    Raises `RedListError` naming file, line, column and what was expected.
    """
    refreshed = folder / REFRESHED
    return load(*([refreshed] if refreshed.exists() else []), *([own] if own else []))


def keep(folder: Path, redlist: RedList) -> Path:
    """Keep these tables under their version, which every observation names, and give the path.

    Named as the user's own (``ledger.redlist``), the file gives the same answers again.
    """
    path = folder / f"{redlist.version.replace(' ', '_')}.csv"
    if not path.exists():
        write_atomically(path, as_csv((*redlist.taxa, *redlist.former)))
    return path


def replace_refreshed(folder: Path, rows: Iterable[Taxon]) -> None:
    """Put a table in the place of the refreshed one, whole or not at all, once it was read back without a fault."""
    fresh = folder / f"{REFRESHED}.new"
    write_atomically(fresh, as_csv(rows))
    try:
        load(fresh)
        fresh.replace(folder / REFRESHED)
    finally:
        fresh.unlink(missing_ok=True)
    sync(folder)
