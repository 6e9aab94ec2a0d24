"""The command ``trapline``: one door, its options, and every error in one sentence."""

import json
import logging
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from typer import Argument, Context, Exit, Option

from db.types import Decision, State
from ml.artifacts import Card, listed, promote, rollback
from training.cli import Defaults
from training.cli import app as training
from training.dataset import DatasetError
from watcher.cameras import cameras
from watcher.config import Settings, load_settings
from watcher.data_folder import DataFolder, DataFolderBusyError
from watcher.export import ExportError, export
from watcher.process import FolderError, Processed, process, write_answers
from watcher.redlist.commands import app as redlist
from watcher.reports.writing import ReportError, report_now
from watcher.reviews import take_in
from watcher.service import EXPECTED, Service, open_service
from watcher.summary import summary
from watcher.targets import TargetError
from watcher.watch import NoInboxError, watch

SOME_REJECTED, PROBLEMS, WRONG, BUSY, INTERRUPTED = 3, 1, 2, 75, 130  # exit statuses beside 0

ERRORS = (*EXPECTED, DatasetError, ExportError, FolderError, NoInboxError, ReportError, TargetError)

NAMED = 50  # rejected files that the summary names

WORDS = {
    Decision.OTHER: "none of the eleven",
    Decision.UNKNOWN: "not sure enough",
    Decision.UNFAMILIAR: "unlike anything learned",
    Decision.OUT_OF_RANGE: "does not live there",
}

app = typer.Typer(
    help="Names the animals in camera-trap folders, keeps them in a ledger, and reports every night.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(help="The model store: which model answers.", no_args_is_help=True)
app.add_typer(models, name="models")
reviews = typer.Typer(help="What people say of the pictures that a report asks about.", no_args_is_help=True)
app.add_typer(reviews, name="review")
app.add_typer(export, name="export")
app.add_typer(redlist, name="redlist")
app.command("cameras")(cameras)
app.command("summary")(summary)
app.add_typer(training, name="train", help="Train and judge models.")

out = Console()


def main() -> None:
    """Run the command; what a user can mend is told in words, without a traceback."""
    try:
        app()
    except ERRORS as error:
        _say_wrong(str(error))
        sys.exit(BUSY if isinstance(error, DataFolderBusyError) else WRONG)
    except OSError as error:
        if error.strerror is None:
            raise
        where = f" ({error.filename})" if error.filename else ""
        _say_wrong(f"{error.strerror}{where}: mend that and run the same command again; nothing is lost")
        sys.exit(WRONG)


def _say_wrong(message: str) -> None:
    for line in message.splitlines():
        sys.stderr.write(f"trapline: {line}\n")


@app.callback()
def configure(
    context: Context,
    config: Annotated[Path | None, Option(help="The configuration; else TRAPLINE_CONFIG, else ./config.toml.")] = None,
) -> None:
    """Name the configuration, which is read when a command needs it."""
    context.obj = partial(_training_defaults, config) if context.invoked_subcommand == "train" else config


def _training_defaults(config: Path | None) -> Defaults:
    settings = load_settings(config)
    data = DataFolder(settings.data_dir)
    return Defaults(
        settings=settings.training,
        models=data.models,
        weights=settings.model.weights_folder,
        retraining=settings.retraining,
        data=data.root,
        ledger=data.ledger,
    )


def _settings(context: Context) -> Settings:
    return load_settings(context.obj)


@app.command()
def demo(
    context: Context,
    folder: Annotated[Path, Argument(help="Where to draw and answer; made if it is missing.")] = Path("demo"),
    backbones: Annotated[str, Option(help="starter or reference.")] = "starter",
) -> None:
    """Draw a small world of camera traps, train a model on it, answer its pictures and write the report. Offline."""
    from watcher.demo.run import run

    run(folder, ensemble=backbones, settings=_settings(context), console=out)


@app.command("process")
def process_command(
    context: Context,
    folders: Annotated[list[Path], Argument(help="Folders of pictures; they are only read.")],
    answers: Annotated[Path | None, Option("--out", help="Write one row a file to this CSV.")] = None,
    again: Annotated[bool, Option(help="Let the current model answer what an older one answered.")] = False,
) -> None:
    """Answer every picture in some folders; run it again and only what is new is done."""
    if answers is not None and any(answers.resolve().is_relative_to(folder.resolve()) for folder in folders):
        raise FolderError(f"{answers} would lie among the pictures: give --out a place outside of them")
    with open_service(_settings(context)) as service, service.data.exclusively():
        try:
            done = process(service, folders, again=again, console=out)
        except KeyboardInterrupt:
            _say_wrong("stopped; run the same command again and it goes on from here")
            raise Exit(INTERRUPTED) from None
        if answers is not None:
            write_answers(service, done.roots, answers)
        _summarize(service, done, answers)
    raise Exit(0 if done.complete else SOME_REJECTED)


@app.command("watch")
def watch_command(context: Context) -> None:
    """Watch the inbox: answer what comes, report every night, until it is stopped."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("alembic", "apscheduler"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    with open_service(_settings(context)) as service, service.data.exclusively():
        status = watch(service)
    raise Exit(status)


@app.command()
def report(
    context: Context,
    since: Annotated[datetime | None, Option(help="After this; else after the last nightly report.")] = None,
    until: Annotated[datetime | None, Option(help="Until this; else now.")] = None,
    to: Annotated[Path | None, Option("--out", help="The folder to write it to.")] = None,
) -> None:
    """Write the report now and print where it is."""
    settings = _settings(context)
    zone = ZoneInfo(settings.report.timezone)
    # In UTC: of two times on one clock Python compares what the clock shows, also where it was set between them.
    begin, end = (time.replace(tzinfo=zone).astimezone(UTC) if time else None for time in (since, until))
    with open_service(settings, create=False) as service:
        out.print(str(report_now(service, begin, end, to)), soft_wrap=True)


@app.command()
def status(
    context: Context,
    as_json: Annotated[bool, Option("--json", help="For a program to read.")] = False,
) -> None:
    """Say what the daemon does, what waits and what is wrong; exit 1 where something needs a hand."""
    from watcher.health import status as state_of

    with open_service(_settings(context), create=False) as service:
        state = state_of(service)
    if as_json:
        sys.stdout.write(json.dumps(state, indent=1) + "\n")
    else:
        _print_status(state)
    raise Exit(PROBLEMS if state["problems"] else 0)


@app.command()
def doctor(
    context: Context,
    check: Annotated[bool, Option("--check", help="Compare ledger, products and originals as well.")] = False,
) -> None:
    """Check everything that Trapline needs and say how to mend what is wrong; exit 1 where something is."""
    from watcher.health import doctor as checks

    ill = False
    for found in checks(context.obj, thorough=check):
        ill |= not found.well
        mark = "[green]ok[/]   " if found.well else "[red]wrong[/]"
        out.print(f"{mark} {found.name}: ", end="", highlight=False)
        out.print(found.says, markup=False, highlight=False, soft_wrap=True)
    raise Exit(PROBLEMS if ill else 0)


@models.command("list")
def models_list(context: Context) -> None:
    """List the models and what each scored on its own test; the one that answers is marked.

    Two tests compare only where the pictures are the same: they are named by the first digits of their fingerprint.
    """
    table = Table("", "version", "accuracy", "macro F1", "ECE", "tested on", "pictures", "state")
    for model in listed(DataFolder(_settings(context).data_dir).models):
        table.add_row("*" if model.is_current else "", model.version, *_scored(model.card), model.problem or "whole")
    out.print(table)


def _scored(card: Card | None) -> tuple[str, ...]:
    if card is None or "testing" not in card.metrics:
        return ("",) * 5
    stack = card.metrics["testing"]["stack"]
    shares = (f"{stack[name]:.1%}" if name in stack else "" for name in ("accuracy", "macro_f1", "ece"))
    return (*shares, str(stack["pictures"]), stack["fingerprint"][:8])


@models.command("promote")
def models_promote(context: Context, version: Annotated[str, Argument(help="As `models list` shows it.")]) -> None:
    """Let another model answer; a running daemon takes it up with its next batch."""
    promote(DataFolder(_settings(context).data_dir).models, version)
    out.print(f"{version} answers now; the one before comes back with: trapline models rollback")


@models.command("rollback")
def models_rollback(context: Context) -> None:
    """Let the model answer that answered before."""
    out.print(f"{rollback(DataFolder(_settings(context).data_dir).models).name} answers now")


@reviews.callback()
def _review() -> None:
    """Keep ``import`` a command of its own, though it is the only one."""


@reviews.command("import")
def review_import(
    context: Context,
    files: Annotated[list[Path], Argument(help="What reports saved; the daemon takes those in corrections/ itself.")],
) -> None:
    """Take the corrections of some files; exit 2 where one is refused, which changes nothing."""
    is_refused = False
    with open_service(_settings(context), create=False) as service:
        for outcome in (take_in(service, file) for file in files):
            if outcome.refused:
                is_refused = True
                _say_wrong(f"{outcome.place} is refused: {outcome.refused}")
            else:
                says = f"{outcome.place}: {outcome.corrections} corrections taken"
                out.print(says, markup=False, highlight=False, soft_wrap=True)
    raise Exit(WRONG if is_refused else 0)


def _summarize(service: Service, done: Processed, answers: Path | None) -> None:
    from db.queries.status import at_two_deployments, labels_of, rejected

    totals = done.totals
    with service.ledger.read() as session:
        labels = labels_of(session, done.roots)
        faulty = rejected(session, limit=NAMED, roots=done.roots)
        strays = at_two_deployments(session, done.roots)
    table = Table("", "pictures", title="Answers")
    for title, category, count in labels:
        table.add_row(f"{title} ({category})" if category else title, str(count))
    for decision in (Decision.OTHER, Decision.UNKNOWN, Decision.UNFAMILIAR, Decision.OUT_OF_RANGE):
        if totals.decisions.get(decision):
            table.add_row(WORDS[decision], str(totals.decisions[decision]))
    out.print(table)
    rate = f", {done.answered / done.seconds:.1f} images/s" if done.answered else ""
    out.print(
        f"{totals.files.get(State.TAKEN, 0)} files hold {totals.media} pictures; "
        f"{done.answered} answers now in {done.seconds:.0f} s{rate}"
    )
    count = totals.files.get(State.REJECTED, 0)
    if count:
        out.print(f"{count} rejected:")
        for file in faulty:
            out.print(f"  {file.path}: {file.reason}", markup=False, highlight=False, soft_wrap=True)
    if count > len(faulty):
        out.print(f"  and {count - len(faulty)} more, each with its reason in the table that --out writes")
    if strays:
        out.print(f"{strays} pictures lie at two stations (a card in the wrong folder?); each is counted once")
    if totals.files.get(State.RETRY):
        out.print(f"{totals.files[State.RETRY]} could not be read now: run the same command again")
    out.print(f"ledger: {service.data.ledger}", soft_wrap=True)
    if answers is not None:
        out.print(f"answers: {answers.resolve()}", soft_wrap=True)


def _print_status(state: dict[str, object]) -> None:
    from watcher.health import lines

    for line in lines(state):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
