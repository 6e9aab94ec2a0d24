"""Reviewed pictures, as labels to learn from."""

from datetime import timedelta

import pytest
from ledger_builders import NOW, answer, content, deployment, review, take, with_animals

from db.engine import Ledger
from db.models import Link
from db.queries.reviewed import Reviewed, reviewed
from db.types import LinkKind, LinkStatus


def said(ledger: Ledger) -> dict[str, Reviewed]:
    """Give kept picture → what was said of it."""
    with ledger.read() as session:
        return {each.kept: each for each in reviewed(session)}


def test_a_picture_nobody_looked_at_is_no_label(ledger: Ledger) -> None:
    """What a model said is not learned from."""
    with ledger.write() as session:
        answer(session, take(session, "A/1.JPG", "seen"))
    assert said(ledger) == {}


def test_a_row_tells_what_was_said_by_whom_and_where(ledger: Ledger) -> None:
    """With the deployment's key, so that pictures of one camera can be kept together."""
    with ledger.write() as session:
        review(session, take(session, "A/1.JPG", "one", deployed=deployment("River-1", station="River")), "rhino")
    row = said(ledger)["kept/one.jpg"]
    assert (row.label, row.reviewer, row.at, row.deployment) == ("rhino", "Asha", NOW, "River-1")
    assert row.captured_at is not None
    assert row.file == "A/1.JPG"
    assert row.agreeing == {"Asha"}


def test_the_latest_word_holds(ledger: Ledger) -> None:
    """In whatever order it reached the ledger; who agrees with it is who said the same last."""
    with ledger.write() as session:
        media = take(session, "A/1.JPG", "one")
        review(session, media, "lion", at=NOW + timedelta(days=2), reviewer="Ben")
        review(session, media, "lion", at=NOW, reviewer="Asha")
        review(session, media, "rhino", at=NOW + timedelta(days=1), reviewer="Asha")
        review(session, media, "lion", at=NOW, reviewer="Chipo")
    row = said(ledger)["kept/one.jpg"]
    assert (row.label, row.reviewer, row.agreeing) == ("lion", "Ben", {"Ben", "Chipo"})


@pytest.mark.parametrize(
    ("kind", "status", "together"),
    [
        (LinkKind.SAME_PICTURE, LinkStatus.CERTAIN, True),
        (LinkKind.REEXPORT, LinkStatus.CONFIRMED, True),
        (LinkKind.REEXPORT, LinkStatus.SUSPECTED, False),
        (LinkKind.REEXPORT, LinkStatus.UNDONE, False),
    ],
)
def test_copies_of_a_picture_are_one_row(ledger: Ledger, kind: LinkKind, status: LinkStatus, *, together: bool) -> None:
    """As far as it is sure that they are copies."""
    with ledger.write() as session:
        one, copy = take(session, "A/1.JPG", "one"), take(session, "A/2.JPG", "copy")
        session.add(Link(media_id=copy, canonical_id=one, kind=kind, status=status))
        session.flush()
        review(session, one, "lion")
        review(session, copy, "rhino", at=NOW + timedelta(hours=1))
    labels = {kept: row.label for kept, row in said(ledger).items()}
    assert labels == ({"kept/one.jpg": "rhino"} if together else {"kept/one.jpg": "lion", "kept/copy.jpg": "rhino"})


def test_copies_of_copies_are_one_row_too(ledger: Ledger) -> None:
    """However the links run."""
    with ledger.write() as session:
        ids = [take(session, f"A/{number}.JPG", f"{number}") for number in range(4)]
        for media, canonical in ((ids[1], ids[0]), (ids[3], ids[2]), (ids[2], ids[1])):
            session.add(
                Link(media_id=media, canonical_id=canonical, kind=LinkKind.SAME_PICTURE, status=LinkStatus.CERTAIN)
            )
        session.flush()
        for place, media in enumerate(ids):
            review(session, media, "lion", at=NOW + timedelta(hours=place))
    assert list(said(ledger)) == ["kept/0.jpg"]


def test_background_is_learned_and_no_idea_is_not(ledger: Ledger) -> None:
    """Blanks and people are labels; not being able to tell is none, and takes an earlier label back."""
    with ledger.write() as session:
        for label in ("blank", "person", "vehicle", "other", "unknown"):
            review(session, take(session, f"A/{label}.JPG", label), label)
        media = take(session, "A/doubt.JPG", "doubt")
        review(session, media, "lion")
        review(session, media, "unknown", at=NOW + timedelta(days=1))
    assert sorted(row.label for row in said(ledger).values()) == ["blank", "other", "person", "vehicle"]


def test_what_was_said_of_an_animal_is_learned_from_what_was_cut_out(ledger: Ledger) -> None:
    """Its picture as a whole teaches nothing then; a later word on the whole teaches that, and the parts nothing."""
    with ledger.write() as session:
        media = take(session, "A/1.JPG", "one", deployed=deployment("River-1"))
        answer(session, media)
        review(session, media, "lion")
        first, second = with_animals(session, "A/1.JPG", "lion", "rhino")
        for region, label in ((first, "cheetah"), (second, "rhino")):
            review(session, media, label, at=NOW + timedelta(hours=1), region=region)
    rows = said(ledger)
    assert {kept: row.label for kept, row in rows.items()} == {
        f"kept/{media}-{first}.jpg": "cheetah",
        f"kept/{media}-{second}.jpg": "rhino",
    }
    assert {(row.deployment, row.file, row.phash) for row in rows.values()} == {("River-1", "A/1.JPG", None)}
    assert len({row.sha256 for row in rows.values()} | {content("one").sha256}) == 3
    with ledger.write() as session:
        review(session, media, "other", at=NOW + timedelta(hours=2))
    assert {kept: row.label for kept, row in said(ledger).items()} == {"kept/one.jpg": "other"}


def test_pictures_of_no_known_deployment_stay_apart(ledger: Ledger) -> None:
    """None of them is taken to be of one camera with another."""
    with ledger.write() as session:
        for name in ("one", "two"):
            review(session, take(session, f"{name}.JPG", name), "lion")
    assert len({row.deployment for row in said(ledger).values()}) == 2


def test_the_time_of_a_file_is_no_capture_time(ledger: Ledger) -> None:
    """Files that were copied together are no burst."""
    with ledger.write() as session:
        media = content("one", camera_time=None, time_status="missing", time_source="none")
        review(session, take(session, "A/1.JPG", media), "lion")
    assert said(ledger)["kept/one.jpg"].captured_at is None
