"""``trapline cameras``: which cameras have faults, and what to write into ``stations.csv`` about wrong clocks."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import Context, Option

from db.exchange.tables import Cells, rows_of
from db.models import Deployment
from db.queries.cameras.found import Fault
from db.queries.cameras.health import Finding, camera_findings
from db.queries.cameras.offsets import Proposal, proposals
from db.queries.cameras.series import ALWAYS
from ml.files import write_atomically
from watcher.config import load_settings
from watcher.service import open_service
from watcher.targets import new_target

COLUMNS = (
    "folder",
    "locationName",
    "cameraID",
    "latitude",
    "longitude",
    "country",
    "timezone",
    "deploymentStart",
    "deploymentEnd",
    "cameraTime",
    "actualTime",
    "captive",
    "deploymentComments",
)

SAYS = {
    Fault.CLOCK_RESET: "The clock started anew: {pictures:.0f} pictures bear its first day.",
    Fault.CLOCK_JUMPED: "The clock jumps by {jump} from one picture to the next.",
    Fault.CLOCK_AHEAD: "The clock runs ahead: {pictures:.0f} pictures were taken after they arrived.",
    Fault.CLOCK_SUN: "The clock contradicts the sun: {share:.0%} of the pictures are dark by day or bright by night.",
    Fault.SILENT: "No picture in the last {days:.1f} days before the pickup (at most {usual_days:.1f} before that): "
    "battery empty, or card full?",
    Fault.GAP: "No picture for {days:.1f} days: covered, or without power?",
    Fault.MOVED: "It looks at another scene since then: knocked, turned or covered?",
    Fault.VEGETATION: "Up to {pictures:.0f} empty pictures a day, at all hours (such days: {days:.0f}): "
    "grass or branches before it?",
    Fault.FLASH: "None of {pictures:.0f} pictures is lit at night: is its flash broken?",
}

WELL = "Nothing is wrong with any camera, as far as its pictures say."

out = Console()


def cameras(
    context: Context,
    since: Annotated[datetime | None, Option(help="Judge by what came in after this; else by all.")] = None,
    propose: Annotated[
        Path | None,
        Option(help="Write a row for stations.csv for each clock of which it is clear how wrong it is, to a new file."),
    ] = None,
) -> None:
    """Print what the pictures say of the cameras: wrong clocks, silences, knocks, waving grass, broken flashes."""
    settings = load_settings(context.obj)
    zone = ZoneInfo(settings.report.timezone)
    begin, end = since.replace(tzinfo=zone) if since else ALWAYS[0], ALWAYS[1]
    with open_service(settings, create=False) as service, service.ledger.read() as session:
        file = new_target(propose, service, session) if propose else None
        found = camera_findings(session, begin, end, timedelta(days=settings.ledger.silence_days))
        proposed = proposals(session, found) if file else ()
        rows = [_row(proposal) for proposal in proposed]
    show(found, zone, out)
    if file:
        write_proposals(rows, file)
        out.print(f"{len(rows)} rows for stations.csv: {propose}; nothing is changed until you put them there")


def show(found: Iterable[Finding], zone: ZoneInfo, console: Console) -> None:
    """Print a table for each deployment that has findings; times are on the clock of ``zone``."""
    number = 0
    for _, of in groupby(found, key=lambda finding: finding.deployment_id):
        findings = list(of)
        name = ", ".join(name for name in (findings[0].station, findings[0].camera) if name)
        table = Table("from, to", "what, and the pictures that show it", box=SIMPLE_HEAD, show_lines=True)
        for finding in findings:
            times = (f"{time.astimezone(zone):%Y-%m-%d %H:%M}" for time in (finding.begin, finding.end))
            told = (says(finding), *(picture.path for picture in finding.pictures))
            table.add_row("\n".join(times), Text("\n".join(told), overflow="fold"))
        console.print(Text(name, style="bold"), table)
        number += len(findings)
    console.print(f"Findings: {number}" if number else WELL)


def says(finding: Finding) -> str:
    """Say a finding in English."""
    of = finding.numbers
    text = SAYS[finding.fault].format(**of, jump=_span(of.get("seconds", 0)))
    return f"{text} {_span(of['offset'])} would set it right." if "offset" in of else text


def write_proposals(rows: Iterable[Cells], file: Path) -> None:
    """Write rows in the columns of ``stations.csv``, whole or not at all."""
    with TemporaryFile("w+", encoding="utf-8", newline="") as table:
        write = rows_of(table, COLUMNS)
        for row in rows:
            write(row)
        table.seek(0)
        write_atomically(file, table.read().encode())


def _row(proposal: Proposal) -> Cells:
    deployment = proposal.deployment
    write = partial(_written, zone=ZoneInfo(deployment.timezone or "UTC"))
    return {
        "folder": proposal.folder,
        "locationName": deployment.station,
        "cameraID": deployment.camera,
        "latitude": deployment.latitude,
        "longitude": deployment.longitude,
        "country": deployment.country,
        "timezone": deployment.timezone,
        "deploymentStart": write(proposal.start or deployment.start),
        "deploymentEnd": write(proposal.end or deployment.end),
        "cameraTime": f"{proposal.camera_time:%Y-%m-%dT%H:%M:%S}",
        "actualTime": f"{proposal.actual_time:%Y-%m-%dT%H:%M:%S}",
        "captive": "true" if deployment.captive else "false",
        "deploymentComments": _comment(proposal, deployment),
    }


def _written(time: datetime | None, *, zone: ZoneInfo) -> str:
    return time.astimezone(zone).isoformat(timespec="seconds") if time else ""


def _comment(proposal: Proposal, deployment: Deployment) -> str:
    where = (
        "in place of what the row of this folder says of its clock"
        if proposal.start is None
        else "beside the row of this folder, whose span must end where this one begins"
    )
    listed = f"; to put {where}" if deployment.folder else ""
    return f"Proposed by Trapline: {says(proposal.finding)} Check it with the pictures{listed}."


def _span(seconds: float) -> str:
    """Print a span with its sign, in days, hours and minutes."""
    minutes = round(abs(seconds) / 60)
    sign = "-" if seconds < 0 else "+"
    days, rest = divmod(minutes, 24 * 60)
    return f"{sign}{days} d {rest // 60:02}:{rest % 60:02}" if days else f"{sign}{rest // 60}:{rest % 60:02} h"
