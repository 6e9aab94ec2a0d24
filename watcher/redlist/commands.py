"""The commands ``trapline redlist show`` and ``trapline redlist refresh``."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from typer import Argument, Context, Option

from db.redlist import RedList, RedListError, Taxon
from db.redlist.revision import changes, succeeded
from watcher.config import Settings, load_settings
from watcher.data_folder import DataFolder
from watcher.redlist.tables import in_force, keep, replace_refreshed

if TYPE_CHECKING:
    from watcher.redlist.api import RedListApi

TERMS = (
    "The Red List is asked with your own token and under its terms of use: not for commercial purposes, always cited "
    "(https://www.iucnredlist.org/terms/terms-of-use). Trapline keeps names, categories and countries."
)

app = typer.Typer(help="What a label means at a place, and what the IUCN Red List says now.", no_args_is_help=True)
out = Console()


@app.command()
def show(
    context: Context,
    label: Annotated[str | None, Argument(help="What the model says, such as rhino; else all labels.")] = None,
    country: Annotated[str | None, Option(help="Where: two capital letters such as KE; else anywhere.")] = None,
) -> None:
    """Show what each label may be, its category, where it lives, and who says so."""
    settings = load_settings(context.obj)
    redlist = in_force(DataFolder(settings.data_dir).redlist, settings.ledger.redlist)
    labels = sorted({each for taxon in redlist.taxa for each in taxon.labels})
    if label is not None and label not in labels:
        raise RedListError(f"{label!r} is no label of the Red List table: {', '.join(labels)} are")
    if country is not None and not re.fullmatch("[A-Z]{2}", country):
        raise RedListError(f"{country!r} is no country: give two capital letters (ISO 3166) such as KE")
    _show(redlist, [label] if label else labels, country)


@app.command()
def refresh(
    context: Context,
    yes: Annotated[bool, Option("--yes", help="Change the table without asking, for cron.")] = False,
) -> None:
    """Ask the IUCN Red List about every taxon of the table, show what is different, and take it over."""
    from watcher.redlist.api import RedListApi

    settings = load_settings(context.obj)
    data = DataFolder(settings.data_dir)
    data.prepare()
    api = RedListApi(settings.redlist, data.redlist / "cache")
    before = in_force(data.redlist, None)  # a user's own table is the user's to change
    _print(TERMS)
    after = _asked(api, before)
    found = changes(before.taxa, after)
    for change in found:
        _print(str(change))
    if not found:
        _print(f"nothing has changed since {before.date}: the table stays as it is")
    elif yes or typer.confirm(f"Change the table of {before.date} in {len(found)} taxa?"):
        _take_over(settings, data, succeeded(before.former, before.taxa, after))
    else:
        _print("nothing is changed")


def _show(redlist: RedList, labels: list[str], country: str | None) -> None:
    table = Table(show_lines=True)
    for heading in ("label", "taxon", "since"):
        table.add_column(heading, no_wrap=True)
    table.add_column("lives in")
    shown: dict[str, Taxon] = {}
    for label in labels:
        found = redlist.resolve(label, country)
        if not found.taxa:
            table.add_row(f"{label}\nout of range", "", "", f"not in {country}")
        for number, taxon in enumerate(found.taxa):
            shown[taxon.scientific_name] = taxon
            name = f"{label}\n{found.category}" if number == 0 else ""
            table.add_row(name, taxon.scientific_name, _dated(redlist, taxon), " ".join(sorted(taxon.countries)))
    out.print(table)
    for taxon in shown.values():
        _print(taxon.citation)
    _print(f"Table {redlist.version}. {redlist.citation}. {redlist.note}")


def _dated(redlist: RedList, taxon: Taxon) -> str:
    """Give the category of a taxon with the year since when it holds, then those that it had before."""
    former = (row for row in reversed(redlist.former) if row.scientific_name == taxon.scientific_name)
    return "\n".join(f"{row.category} {row.published}" for row in (taxon, *former))


def _asked(api: "RedListApi", redlist: RedList) -> list[Taxon]:
    """Ask about each taxon; those that the Red List does not have stay as they are, and are named."""
    today = datetime.now(UTC).date()
    after = []
    for taxon in track(redlist.taxa, "asking", console=out, transient=True, disable=not out.is_terminal):
        revised = api.revised(taxon, today)
        if revised is None:
            _print(f"{taxon.scientific_name}: the Red List has no global assessment, so its row stays as it is")
        after.append(revised or taxon)
    return after


def _take_over(settings: Settings, data: DataFolder, rows: list[Taxon]) -> None:
    """Put the new table in place; the one before stays beside it, under its version."""
    old = keep(data.redlist, in_force(data.redlist, settings.ledger.redlist))
    replace_refreshed(data.redlist, rows)
    redlist = in_force(data.redlist, settings.ledger.redlist)
    _print(f"table {redlist.version} counts from now on; the one before is kept: {keep(data.redlist, redlist)}, {old}")
    if data.in_use():
        _print("a Trapline runs with the table from before: start it anew")
    _print("what was observed is judged anew by the next trapline process, or when trapline watch starts")


def _print(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
