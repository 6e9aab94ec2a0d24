"""From a corrections file to reviews: all that it says, in one transaction, or nothing and the reason.

A human's word outranks the machine's for ever, and the latest one wins, whatever the order in which files arrive; of
two words of the very same time the one that came last. The clock of a phone is no proof: a word counts as said between
the writing of its report and now.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy.orm import Session

from db import store
from db.models import CorrectionsFile, Report, Review
from db.observe import refresh
from db.queries.corrections import (
    SOURCE,
    asked_by,
    labels_of_models,
    met_in,
    refused_in,
    report_named,
    said_by,
    taken_before,
)
from db.types import printable
from ml.labels import BACKGROUND, SPECIES
from watcher.reviews.document import Corrections, CorrectionsError, parse, shown
from watcher.reviews.files import Found, found, found_in, read
from watcher.service import Service

FOLDER = "corrections"  # of an inbox; what looks for pictures passes it over
_CANNOT_TELL = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: how many corrections were taken from it, or why it is refused."""

    place: str  # its path, printable
    corrections: int
    refused: str | None = None


def take_in(service: Service, path: Path) -> Outcome:
    """Take the corrections of one file that somebody names; a file that is refused leaves no trace."""
    path = path.parent.resolve() / path.name
    place = printable(os.fsencode(path))
    try:
        return Outcome(place, _take(service, found(path), read(path)))
    except OSError as error:
        return Outcome(place, 0, f"it cannot be read ({error.strerror}): name a file that can be")
    except CorrectionsError as error:
        return Outcome(place, 0, str(error))


def look(service: Service, root: Path) -> Iterator[Outcome]:
    """Take in the new and changed ``corrections/*.json`` of an inbox, and yield what became of each.

    A file that changed in the last ``settle_seconds`` waits. One that is refused is remembered with the reason, until
    it changes or goes; one that cannot be read now is tried at each look. Of an inbox that is away nothing is known.

    Raises
    ------
    CorrectionsError
        The folder may not be read.

    """
    folder = root.resolve() / FOLDER
    try:
        present = list(found_in(folder))
    except PermissionError as error:
        raise CorrectionsError(f"{folder} cannot be read ({error.strerror}): give this user the right to") from error
    except OSError:
        return
    with service.ledger.read() as session:
        met = met_in(session, printable(os.fsencode(folder)))
    refused = {before.place: before for before in met if before.refused}
    if gone := refused.keys() - {file.place for file in present}:
        with service.ledger.write() as session:
            store.forget_refused_corrections(session, gone)
    known = {(before.place, before.signature) for before in met}
    for file in present:
        if (file.place, file.signature) in known or file.is_moving(service.settings.intake.settle_seconds):
            continue
        before = refused.get(file.place)
        outcome = _looked_at(service, file, before.refused if before and not before.signature else None)
        if outcome is not None:
            yield outcome


def refused_now(service: Service, session: Session) -> list[Outcome]:
    """Give the files in the inboxes that were refused when they were last looked at."""
    folders = (printable(os.fsencode(root.resolve() / FOLDER)) for root in service.settings.inbox)
    return [Outcome(place, 0, why) for folder in folders for place, why in refused_in(session, folder)]


def _looked_at(service: Service, file: Found, trouble: str | None) -> Outcome | None:
    """Take in a file of an inbox and remember what became of it; None where that is no news.

    ``trouble``: why it could not be read at the last look.
    """
    content, signed = b"", file.signature
    try:
        content = read(file.path)
        with service.ledger.write() as session:
            if store.corrections_met_again(session, file.place, _digest(content), file.signature, is_gone=_is_gone):
                return None
        return Outcome(file.place, _take(service, file, content))
    except FileNotFoundError:
        return None
    except OSError as error:
        refused, signed = f"it cannot be read ({error.strerror}): mend that, and it is tried again", ""
        if refused == trouble:
            return None
    except CorrectionsError as error:
        refused = str(error)
    with service.ledger.write() as session:
        store.corrections(session, _row(file.place, signed, content, refused=refused))
    return Outcome(file.place, 0, refused)


def _is_gone(place: str) -> bool:
    return not Path(place).exists()


def _take(service: Service, file: Found, content: bytes) -> int:
    """Write the reviews and derive what follows from them; give their number."""
    said = parse(content)
    with service.ledger.write() as session:
        report, media = _held_against(session, said, content)
        new = _new(session, said, media, report.written_at)
        for review in new:
            store.review(session, review)
        store.corrections(session, _row(file.place, file.signature, content, document=said.id, corrections=len(new)))
        refresh(session, [review.media_id for review in new], service.redlist)
    return len(new)


def _new(
    session: Session, said: Corrections, media: Mapping[tuple[str, int], int], written_at: datetime
) -> list[Review]:
    """Make the reviews of what this person has not said in an earlier file of the same report."""
    now = datetime.now(UTC)
    known = said_by(session, said.reviewer, media.values())
    reviews = [
        Review(
            media_id=media[each.media, each.region],
            region=each.region,
            label=each.label,
            reviewer=said.reviewer,
            at=min(now, max(written_at, each.said_at)),
            source=f"{SOURCE}{said.id}",
        )
        for each in said.corrections
    ]
    return [each for each in reviews if (each.media_id, each.region, each.label, each.at) not in known]


def _held_against(session: Session, said: Corrections, content: bytes) -> tuple[Report, dict[tuple[str, int], int]]:
    """Give the report and what it asked about ((sha256, region) → media); refuse what the ledger speaks against."""
    before = taken_before(session, said.id, _digest(content))
    if before is not None:
        raise CorrectionsError(
            f"it was taken before, from {before.place}: delete this one, or save anew from the report"
        )
    report = report_named(session, said.report)
    if report is None:
        raise CorrectionsError(
            "it belongs to a report that this ledger has not written: put it where that report came from"
        )
    media = asked_by(session, report.id)
    labels = {*SPECIES, *BACKGROUND, _CANNOT_TELL, *labels_of_models(session)}
    for each in said.corrections:
        if (each.media, each.region) not in media:
            what = f"part {each.region} of the picture" if each.region else "the picture"
            raise CorrectionsError(
                f"its report did not ask about {what} {each.media[:12]}…: save it from the report again"
            )
        if each.label not in labels:
            raise CorrectionsError(f"no model here knows the label {shown(each.label)}: choose one that reports offer")
    return report, media


def _row(
    place: str,
    signed: str,
    content: bytes,
    *,
    document: str | None = None,
    corrections: int = 0,
    refused: str | None = None,
) -> CorrectionsFile:
    return CorrectionsFile(
        place=place,
        signature=signed,
        sha256=_digest(content),
        document=document,
        corrections=corrections,
        refused=refused,
        at=datetime.now(UTC),
    )


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
