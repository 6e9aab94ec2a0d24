"""How often an answer is right, by what people said of the pictures drawn by lot."""

from datetime import timedelta

import pytest
from ledger_builders import NOW, REDLIST, answer, observed_animals, review, take, with_animals

from db import store
from db.models import Question, Report
from db.observe import refresh
from db.queries.precision import precision
from db.types import LinkKind, Reason, ReportKind


def asked(session, *questions, token="a" * 32, region=0):
    """Let a report ask about (media, prediction), by lot if not said otherwise."""
    wanted = [
        Question(
            media_id=media_id, region=region, prediction_id=prediction_id, reason=reason[0] if reason else Reason.AUDIT
        )
        for media_id, prediction_id, *reason in questions
    ]
    span = {"since": NOW - timedelta(days=1), "until": NOW, "written_at": NOW}
    store.report(session, Report(kind=ReportKind.NIGHTLY, token=token, path="r.html", **span), wanted)


def answered(session, name, label="lion", **more):
    media_id = take(session, f"A/{name}.JPG", name)
    return media_id, answer(session, media_id, label, **more)


@pytest.fixture
def session(ledger):
    with ledger.write() as session:
        yield session


def test_a_label_is_right_as_often_as_people_say(session):
    """Eight of ten: Wilson's 95 % interval, as the textbooks have it."""
    for number in range(10):
        picture = answered(session, f"p{number}")
        asked(session, picture, token=f"{number:032}")
        review(session, picture[0], "lion" if number < 8 else "rhino")
    found = precision(session)
    assert list(found) == ["lion"]
    assert (found["lion"].looked, found["lion"].right, found["lion"].share) == (10, 8, 0.8)
    assert (found["lion"].low, found["lion"].high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_nothing_follows_where_nobody_looked_or_could_tell(session):
    """No word, and the word that it cannot be told."""
    silent, dark = answered(session, "silent"), answered(session, "dark")
    asked(session, silent, dark)
    review(session, dark[0], "unknown")
    assert precision(session) == {}


def test_only_what_was_drawn_by_lot_counts(session):
    """The doubtful ones are wrong more often, and were chosen for that."""
    picture = answered(session, "one")
    asked(session, (*picture, Reason.MARGIN))
    review(session, picture[0], "rhino")
    assert precision(session) == {}


def test_a_picture_that_was_drawn_twice_counts_once(session):
    """A nightly and a weekly report may draw the same."""
    picture = answered(session, "one")
    asked(session, picture)
    asked(session, picture, token="b" * 32)
    review(session, picture[0], "lion")
    assert {label: (each.looked, each.right) for label, each in precision(session).items()} == {"lion": (1, 1)}


def test_the_model_that_answers_now_is_the_one_that_is_judged(session):
    """What an older one got right says nothing of the counts beside which it would stand."""
    media_id, first = answered(session, "one")
    asked(session, (media_id, first))
    review(session, media_id, "lion")
    answer(session, media_id, "rhino", version="m2")
    assert precision(session) == {}


def test_a_background_label_says_that_the_answer_was_wrong(session):
    """A blank picture is no lion."""
    picture = answered(session, "one")
    asked(session, picture)
    review(session, picture[0], "blank")
    assert (precision(session)["lion"].right, precision(session)["lion"].low) == (0, 0)


def test_the_word_on_a_copy_holds_for_the_picture_that_was_drawn(session):
    """The group of the same picture has one answer."""
    picture, copy = answered(session, "one"), answered(session, "two")
    asked(session, picture)
    store.relink(session, LinkKind.SAME_PICTURE, [picture[0], copy[0]], {copy[0]: picture[0]})
    review(session, copy[0], "lion")
    refresh(session, [picture[0]], REDLIST)
    assert precision(session)["lion"].right == 1


@pytest.fixture
def animals(session):
    """Two animals in a picture, called lion and rhino, each drawn by lot: media and regions."""
    media_id, _ = answered(session, "one")
    regions = with_animals(session, "A/one.JPG", "lion", "rhino")
    for number, region in enumerate(regions):
        prediction_id = observed_animals(session, media_id)[region].prediction_id
        asked(session, (media_id, prediction_id), token=f"{number:032}", region=region)
    return media_id, *regions


def test_each_animal_in_a_picture_is_judged_by_what_was_said_of_it(session, animals):
    """One is a lion, the other is none either, though called a rhino."""
    media_id, lion, other = animals
    review(session, media_id, "lion", region=lion)
    assert {label: (each.looked, each.right) for label, each in precision(session).items()} == {"lion": (1, 1)}
    review(session, media_id, "lion", region=other)
    judged = {label: (each.looked, each.right) for label, each in precision(session).items()}
    assert judged == {"lion": (1, 1), "rhino": (1, 0)}


def test_a_later_word_on_the_whole_judges_none_of_the_animals_in_it(session, animals):
    """It does not say which of them it speaks of."""
    media_id, lion, _ = animals
    review(session, media_id, "lion", region=lion)
    review(session, media_id, "lion", at=NOW + timedelta(hours=1))
    assert precision(session) == {}
