from dataclasses import replace
from datetime import timedelta

import pytest
from ledger_builders import NOW, answer, content, deployment, observed, prediction, seen, take
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db import store
from db.engine import Ledger
from db.models import Deployment, JobRun, Link, Media, Model, Prediction, Report, Sighting
from db.queries.pending import stale
from db.queries.status import asked_until, failed_jobs, last_report
from db.types import LinkKind, LinkStatus, ReportKind, State

WEEK = timedelta(days=7)


def sightings(session: Session) -> list[tuple[bytes, int, State, int | None]]:
    rows = session.scalars(select(Sighting).order_by(Sighting.path, Sighting.generation))
    return [(row.path, row.generation, row.state, row.media_id) for row in rows]


def links(session: Session) -> set[tuple[int, int, LinkStatus]]:
    return {(link.media_id, link.canonical_id, link.status) for link in session.scalars(select(Link))}


def test_the_same_content_twice_is_one_media_with_two_sightings(ledger: Ledger) -> None:
    """What is known of the bytes is known once, whatever the files are called."""
    with ledger.write() as session:
        first, again = take(session, "A/1.JPG", "one"), take(session, "B/9.JPG", "one")
        assert first == again
        assert session.scalar(select(func.count()).select_from(Media)) == 1
        assert sightings(session) == [(b"A/1.JPG", 1, State.TAKEN, first), (b"B/9.JPG", 1, State.TAKEN, first)]


def test_a_file_that_is_taken_twice_is_one_sighting(ledger: Ledger) -> None:
    """A step that is repeated after a crash, or for a touched file, changes nothing but the signature."""
    with ledger.write() as session:
        take(session, "A/1.JPG", "one", signature="1")
        media_id = take(session, "A/1.JPG", "one", signature="2")
        assert sightings(session) == [(b"A/1.JPG", 1, State.TAKEN, media_id)]
        assert session.scalar(select(Sighting.signature)) == "2"


def test_another_content_at_a_path_is_a_new_generation(ledger: Ledger) -> None:
    """The old one is superseded and keeps its media; what follows from it is to be derived anew."""
    with ledger.write() as session:
        old = take(session, "A/1.JPG", "one")
        answer(session, old)
        new = take(session, "A/1.JPG", "two")
        assert sightings(session) == [(b"A/1.JPG", 1, State.SUPERSEDED, old), (b"A/1.JPG", 2, State.TAKEN, new)]
        assert stale(session, limit=10) == [old]


def test_a_content_that_turns_bad_supersedes_too(ledger: Ledger) -> None:
    """A good file that is overwritten by a bad one stays a media; the path is rejected."""
    with ledger.write() as session:
        old = take(session, "A/1.JPG", "one")
        store.reject(session, seen("A/1.JPG", signature="2"), code="corrupt", reason="cut off", now=NOW)
        assert sightings(session) == [(b"A/1.JPG", 1, State.SUPERSEDED, old), (b"A/1.JPG", 2, State.REJECTED, None)]


def test_a_rejected_file_that_is_completed_is_the_same_row(ledger: Ledger) -> None:
    """An upload that was read too early leaves no trace once it is whole."""
    with ledger.write() as session:
        store.reject(session, seen(signature="1"), code="truncated", reason="cut off", now=NOW)
        media_id = take(session, "A/1.JPG", "one", signature="2")
        (row,) = session.scalars(select(Sighting))
        assert (row.state, row.media_id, row.generation) == (State.TAKEN, media_id, 1)
        assert (row.code, row.reason) == (None, None)


def test_a_retry_waits_longer_each_time_and_never_gives_up(ledger: Ledger) -> None:
    """2 s, doubled each time, 10 minutes at most, for ever; a success starts anew."""
    waited = []
    with ledger.write() as session:
        for _ in range(100):
            store.postpone(session, seen(), code="OSError", reason="the share is away", now=NOW)
            (row,) = session.scalars(select(Sighting))
            assert row.state is State.RETRY
            assert row.retry_at is not None
            waited.append((row.retry_at - NOW).total_seconds())
        assert waited[:10] == [2, 4, 8, 16, 32, 64, 128, 256, 512, 600]
        assert set(waited[9:]) == {600}
        take(session, "A/1.JPG", "one")
        store.postpone(session, seen(signature="2"), code="OSError", reason="the share is away", now=NOW)
        assert row.retry_at == NOW + timedelta(seconds=2)


def test_a_taken_file_that_cannot_be_read_for_a_while_keeps_its_content(ledger: Ledger) -> None:
    """Nothing is superseded until it is known that the path holds something else."""
    with ledger.write() as session:
        media_id = take(session, "A/1.JPG", "one")
        store.postpone(session, seen(signature="2"), code="OSError", reason="the share is away", now=NOW)
        assert sightings(session) == [(b"A/1.JPG", 1, State.RETRY, media_id)]
        take(session, "A/1.JPG", "one", signature="2")
        assert sightings(session) == [(b"A/1.JPG", 1, State.TAKEN, media_id)]


def test_a_file_that_is_gone_is_missing_until_it_is_back(ledger: Ledger) -> None:
    """Its media and its answer stay, whether it comes back or not."""
    with ledger.write() as session:
        media_id = take(session, "A/1.JPG", "one")
        answer(session, media_id)
        (row,) = session.scalars(select(Sighting))
        store.mark_missing(session, [row.id], now=NOW + WEEK)
        assert (row.state, row.missing_since, row.media_id) == (State.MISSING, NOW + WEEK, media_id)
        assert observed(session, media_id).label == "lion"
        assert stale(session, limit=10) == [media_id]
        take(session, "A/1.JPG", "one")
        assert (row.state, row.missing_since, row.generation) == (State.TAKEN, None, 1)


def test_a_whole_card_may_go_missing_at_once(ledger: Ledger) -> None:
    """More files than a statement can name are marked all the same."""
    with ledger.write() as session:
        store.reject(session, seen(), code="corrupt", reason="cut off", now=NOW)
        (row,) = session.scalars(select(Sighting))
        store.mark_missing(session, range(row.id, row.id + 40_000), now=NOW)
        assert row.state is State.MISSING


def test_a_kept_picture_that_was_made_anew_is_the_one_named(ledger: Ledger) -> None:
    """After a change of size the row names the file that has just been written."""
    with ledger.write() as session:
        media_id = take(session, "A/1.JPG", content("one", kept="kept/one-224.jpg"))
        store.read_again(session, media_id)
        assert session.scalar(select(Sighting.signature)) == ""
        take(session, "A/1.JPG", content("one", kept="kept/one-320.jpg"))
        assert session.scalar(select(Media.kept)) == "kept/one-320.jpg"


def test_a_deployment_is_one_row_a_key_and_follows_its_table(ledger: Ledger) -> None:
    """A corrected row of stations.csv corrects the deployment; what it no longer says is emptied."""
    with ledger.write() as session:
        first = store.deployment(session, deployment("A", country="KE", latitude=1.5))
        again = store.deployment(session, deployment("A", country="TZ", latitude=None))
        assert first == again
        row = session.get_one(Deployment, first)
        assert (row.country, row.latitude) == ("TZ", None)


@pytest.fixture
def three(ledger: Ledger) -> tuple[int, int, int]:
    """Three media."""
    with ledger.write() as session:
        one, two, three = (take(session, f"A/{name}.JPG", name) for name in ("one", "two", "three"))
    return one, two, three


def judge(session: Session, status: LinkStatus) -> None:
    session.scalars(select(Link)).one().status = status
    session.flush()


def test_links_are_computed_anew_for_a_group(ledger: Ledger, three: tuple[int, int, int]) -> None:
    """A new member may change who is canonical; links of the other kind and of other groups stay."""
    one, two, third = three
    with ledger.write() as session:
        store.relink(session, LinkKind.SAME_PICTURE, [one, two], {one: two})
        store.relink(session, LinkKind.REEXPORT, [third, two], {third: two})
        store.relink(session, LinkKind.SAME_PICTURE, [one, two], {two: one})
        assert links(session) == {(two, one, LinkStatus.CERTAIN), (third, two, LinkStatus.SUSPECTED)}


def test_what_a_person_confirmed_stays(ledger: Ledger, three: tuple[int, int, int]) -> None:
    """A confirmed copy is linked to no other picture, nor the canonical one to it."""
    one, two, third = three
    with ledger.write() as session:
        store.relink(session, LinkKind.REEXPORT, [one, two], {one: two})
        judge(session, LinkStatus.CONFIRMED)
        for links_now in ({}, {one: third}, {two: one}):
            store.relink(session, LinkKind.REEXPORT, [one, two, third], links_now)
            assert links(session) == {(one, two, LinkStatus.CONFIRMED)}


def test_what_a_person_undid_is_not_linked_again(ledger: Ledger, three: tuple[int, int, int]) -> None:
    """Neither way round; a link with a third picture is another matter."""
    one, two, third = three
    with ledger.write() as session:
        store.relink(session, LinkKind.REEXPORT, [one, two], {one: two})
        judge(session, LinkStatus.UNDONE)
        for links_now in ({one: two}, {two: one}):
            store.relink(session, LinkKind.REEXPORT, [one, two], links_now)
            assert links(session) == {(one, two, LinkStatus.UNDONE)}
        store.relink(session, LinkKind.REEXPORT, three, {one: third})
        assert links(session) == {(one, two, LinkStatus.UNDONE), (one, third, LinkStatus.SUSPECTED)}


def test_a_model_answers_a_media_once(ledger: Ledger) -> None:
    """The same step twice leaves the first answer; another model's stands beside it and is shown from then on."""
    with ledger.write() as session:
        media_id = take(session, "A/1.JPG", "one")
        first = answer(session, media_id, "lion", version="m1")
        assert answer(session, media_id, "rhino", version="m1") == first
        assert observed(session, media_id).label == "lion"
        second = answer(session, media_id, "rhino", version="m2")
        assert observed(session, media_id).label == "rhino"
        answer(session, media_id, "rhino", version="m1")  # after a rollback
        assert observed(session, media_id).label == "lion"
        assert set(session.scalars(select(Prediction.id))) == {first, second}


def test_regions_of_a_picture_are_answered_apart(ledger: Ledger) -> None:
    """An answer is unique by media, region and model."""
    with ledger.write() as session:
        media_id = take(session, "A/1.JPG", "one")
        whole = answer(session, media_id)
        model_id = session.scalars(select(Model.id)).one()
        assert store.answer(session, prediction(media_id, model_id, region=1)) != whole


def test_a_job_runs_once_a_period(ledger: Ledger) -> None:
    """One that ended is not begun again, one that was cut off is; the next period is another."""
    with ledger.write() as session:
        job = store.begin_job(session, "report", NOW, now=NOW)
        assert store.begin_job(session, "report", NOW, now=NOW + WEEK) == job
        assert asked_until(session, "report") == NOW - timedelta(seconds=1)
        store.finish_job(session, job or 0, now=NOW, failure="OSError: the share is away")
        assert store.begin_job(session, "report", NOW, now=NOW + WEEK) is None
        assert asked_until(session, "report") == NOW
        assert asked_until(session, "retrain") is None
        assert failed_jobs(session) == {"report": "OSError: the share is away"}
        assert store.begin_job(session, "retrain", NOW, now=NOW) is not None
        assert store.begin_job(session, "report", NOW + WEEK, now=NOW) is not None
        assert session.scalar(select(JobRun.failure).where(JobRun.id == job)) == "OSError: the share is away"


def test_the_last_report_is_where_the_next_begins(ledger: Ledger) -> None:
    """Reports are remembered in the order in which they were written."""
    with ledger.write() as session:
        assert last_report(session) is None
        for days in (7, 14):
            until = NOW + timedelta(days=days)
            written = Report(
                kind=ReportKind.ASKED, token=f"{days}", path=f"{days}.html", since=until - WEEK, until=until,
                written_at=until,
            )  # fmt: skip
            store.report(session, written, [])
        last = last_report(session)
        assert last is not None
        assert (last.path, last.until) == ("14.html", NOW + 2 * WEEK)


def test_observations_are_stale_after_a_change_that_touches_many(ledger: Ledger) -> None:
    """Stations of one root, or the Red List: what followed from the old ones is to be derived anew."""
    with ledger.write() as session:
        one, two = take(session, "A/1.JPG", "one"), take(session, "A/1.JPG", "two", root="/other")
        for media_id in (one, two):
            answer(session, media_id)
        store.mark_redlist_stale(session, observed(session, one).redlist_version)
        assert stale(session, limit=10) == []
        store.mark_root_stale(session, "/other")
        assert stale(session, limit=10) == [two]
        store.mark_redlist_stale(session, "another")
        assert stale(session, limit=10) == [one, two]
        assert stale(session, limit=1) == [one]


def test_a_name_of_any_bytes_is_kept_and_can_be_shown(ledger: Ledger) -> None:
    """The path is stored as the file system has it, beside a form for people."""
    with ledger.write() as session:
        file = replace(seen(), path=b"A/caf\xe9\xff.JPG")
        store.take(session, file, content("one"), None, now=NOW)
        row = session.scalars(select(Sighting)).one()
        assert (row.path, row.path_text) == (b"A/caf\xe9\xff.JPG", r"A/caf\xe9\xff.JPG")
