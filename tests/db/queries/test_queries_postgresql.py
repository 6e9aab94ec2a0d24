"""A generated season in SQLite and in PostgreSQL: every query says the same of both."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from postgres import Server
from season import END, REDLIST, season
from sqlalchemy.orm import Session

from db.engine import Ledger, open_ledger, open_ledger_at
from db.queries import frames
from db.queries.cameras.health import camera_findings
from db.queries.ecology import ecology
from db.queries.pending import pending
from db.queries.report import gather
from db.queries.rhythm import silent
from db.queries.status import totals
from db.queries.to_review import to_review
from db.queries.upkeep import disk_days_left, missed_jobs
from db.settings import LedgerSettings

SETTINGS = LedgerSettings()
BEGIN = END - timedelta(days=30)
WEEK = (END - timedelta(days=12), END - timedelta(days=5))


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory, postgresql: Server) -> Iterator[tuple[Ledger, Ledger]]:
    folder = tmp_path_factory.mktemp("season")
    both = open_ledger(folder / "ledger.db"), open_ledger_at(postgresql.new_database())
    for opened in both:
        season(opened, folder, nights=30, media=3000)
    yield both
    for opened in both:
        opened.close()


def faults(session: Session) -> list[tuple[Any, ...]]:
    """Give what is found of cameras; SQLite knows the seconds between two times to a millisecond."""
    return [
        (
            each.deployment_id,
            each.fault,
            each.pictures,
            *(round(time.timestamp(), 2) for time in (each.begin, each.end, each.came)),
            {name: round(number, 6) for name, number in each.numbers.items()},
        )
        for each in camera_findings(session, BEGIN, END, timedelta(days=7))
    ]


QUESTIONS = {
    "report": lambda session: gather(session, since=WEEK[0], until=WEEK[1], redlist=REDLIST, settings=SETTINGS),
    "ecology": lambda session: ecology(session, begin=BEGIN, end=END, settings=SETTINGS),
    "to review": lambda session: to_review(session, since=WEEK[0], until=WEEK[1], redlist=REDLIST, seed="x"),
    "camera faults": faults,
    "silent cameras": lambda session: silent(session, END),
    "totals": totals,
    "what waits": lambda session: pending(session, after=5, limit=20, unless_by="season-2"),
    "jobs": lambda session: missed_jobs(session, BEGIN, END),
    "disk": lambda session: disk_days_left(session, END, 10**12),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_query_says_the_same_in_both_databases(ledgers: tuple[Ledger, Ledger], question: str) -> None:
    """Reports, ecology, what to review, silences and status, of a whole season."""
    said, as_well = (ask(ledger, QUESTIONS[question]) for ledger in ledgers)
    assert said == as_well
    assert said is not None


@pytest.mark.parametrize("of", [frames.bursts, frames.events, frames.effort, frames.rai, frames.activity])
def test_a_frame_is_the_same_in_both_databases(ledgers: tuple[Ledger, Ledger], of: Any) -> None:
    """To the last row."""
    found, as_well = (ask(ledger, lambda session: of(session, *WEEK)) for ledger in ledgers)
    pd.testing.assert_frame_equal(found, as_well)
    assert len(found) > 5


def ask(ledger: Ledger, question: Any) -> Any:
    with ledger.read() as session:
        return question(session)
