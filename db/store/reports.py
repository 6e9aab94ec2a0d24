"""Reports that were written, and the corrections that come back."""

from collections.abc import Callable, Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.models import CorrectionsFile, Question, Report
from db.store.parts import parts


def report(session: Session, wanted: Report, questions: Iterable[Question]) -> None:
    """Record a report that was written, and what it asked people to look at."""
    session.add(wanted)
    session.flush()
    for question in questions:
        question.report_id = wanted.id
        session.add(question)
    session.flush()


def corrections(session: Session, file: CorrectionsFile) -> None:
    """Record what became of a corrections file; that it was refused before is forgotten."""
    forget_refused_corrections(session, [file.place])
    session.add(file)
    session.flush()


def corrections_met_again(
    session: Session, place: str, sha256: str, signature: str, *, is_gone: Callable[[str], bool]
) -> bool:
    """Tell whether this is a file that was taken before, perhaps moved, and note where and as what it is there now.

    It was moved where ``is_gone`` says of the place where it was that nothing is there any more.
    """
    of = CorrectionsFile
    known = session.scalar(select(of).where(of.sha256 == sha256, of.refused.is_(None)).order_by(of.id).limit(1))
    if known is None or (known.place != place and not is_gone(known.place)):
        return False
    known.place, known.signature = place, signature
    forget_refused_corrections(session, [place])
    return True


def forget_refused_corrections(session: Session, places: Iterable[str]) -> None:
    """Forget the corrections files that were refused at these places: they are gone, or others now."""
    for some in parts(places):
        session.execute(
            delete(CorrectionsFile).where(CorrectionsFile.place.in_(some), CorrectionsFile.refused.is_not(None))
        )
