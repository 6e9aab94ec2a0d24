"""The ledger in PostgreSQL keeps the promises that it keeps in SQLite."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from ledger_builders import answer, observed, review, take
from postgres import Server
from sqlalchemy import URL, func, select, text

from db.engine import Ledger, LedgerError, open_ledger_at
from db.models import Base, Deployment, Media
from db.types import Decision


@pytest.fixture
def url(postgresql: Server) -> URL:
    return postgresql.new_database()


@pytest.fixture
def ledger(url: URL):
    opened = open_ledger_at(url)
    yield opened
    opened.close()


def test_the_migrated_schema_is_that_of_the_models(ledger: Ledger) -> None:
    """Every migration runs, and together they make what the code expects."""
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_what_was_written_is_there_when_it_is_opened_again(url: URL, ledger: Ledger) -> None:
    """Files, answers and what people say, with all that follows from them."""
    with ledger.write() as session:
        media = take(session, "A/1.JPG", "one")
        answer(session, media)
        review(session, media, "rhino")
    again = open_ledger_at(url)
    with again.read() as session:
        found = observed(session, media)
        assert (found.label, found.decision) == ("rhino", Decision.ANSWERED)
    again.close()


def test_no_update_is_lost_between_writers(ledger: Ledger) -> None:
    """What a writer has read still holds when it writes, also where another process writes as well."""
    with ledger.write() as session:
        session.add(Deployment(key="A", station="A"))
    other = Ledger(ledger.engine)  # with a lock of its own, as another process has

    def count_up(by: Ledger) -> None:
        for _ in range(20):
            with by.write() as session:
                session.scalars(select(Deployment)).one().clock_offset += 1

    with ThreadPoolExecutor() as pool:
        list(pool.map(count_up, [ledger, other]))
    with ledger.read() as session:
        assert session.scalar(select(Deployment.clock_offset)) == 40


def test_a_reader_sees_one_moment(ledger: Ledger) -> None:
    """What is written while a report is read does not come into half of it."""
    count = select(func.count()).select_from(Media)
    with ledger.read() as reader:
        assert reader.scalar(count) == 0
        with ledger.write() as session:
            take(session, "A/1.JPG", "one")
        assert reader.scalar(count) == 0
    with ledger.read() as reader:
        assert reader.scalar(count) == 1


def test_a_ledger_of_a_newer_trapline_is_refused(url: URL, ledger: Ledger) -> None:
    """It is left as it is, and the message says what to do."""
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match=r"newer Trapline \(schema 9999\): upgrade Trapline"):
        open_ledger_at(url)


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    """The message names the database and says what to do."""
    url = URL.create("postgresql+psycopg", username="a", password="secret", host="127.0.0.1", port=1, database="b")
    with pytest.raises(LedgerError, match=r"@127\.0\.0\.1:1/b cannot be opened \(.*\): start the server") as caught:
        open_ledger_at(url)
    assert "secret" not in str(caught.value)
