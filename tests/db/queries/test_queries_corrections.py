"""What people said of pictures and of the animals in them, as the next report tells of it."""

from datetime import timedelta

import pytest
from ledger_builders import NOW, REDLIST, answer, deployment, observed_animals, review, take, with_animals

from db import store
from db.models import CorrectionsFile, Question, Report, Review
from db.observe import refresh
from db.queries.corrections import SOURCE, heard, still_open
from db.types import Reason, ReportKind

LATER = NOW + timedelta(days=1)


@pytest.fixture
def session(ledger):
    with ledger.write() as session:
        yield session


@pytest.fixture
def animals(session):
    """Two animals in a picture, called lion and rhino: media and regions."""
    media_id = take(session, "A/one.JPG", "one", deployed=deployment("A", country="KE"))
    answer(session, media_id)
    return media_id, *with_animals(session, "A/one.JPG", "lion", "rhino")


def saved(session, media_id, words, *, document="one", at=NOW + timedelta(hours=1)):
    """Take a corrections file that says this of parts of a picture (region → label)."""
    for region, label in words.items():
        said = {"reviewer": "Asha", "at": at, "source": f"{SOURCE}{document}"}
        store.review(session, Review(media_id=media_id, region=region, label=label, **said))
    of = {"place": f"/{document}.json", "signature": "1", "sha256": document, "document": document}
    store.corrections(session, CorrectionsFile(corrections=len(words), at=at, **of))
    refresh(session, [media_id], REDLIST)


def test_a_word_on_an_animal_stands_beside_what_the_model_says_of_it(session, animals):
    """One of two was right; that both are lions is one picture of lions."""
    media_id, lion, other = animals
    saved(session, media_id, {lion: "lion", other: "lion"})
    told = heard(session, NOW, LATER)
    assert (told.reviewers, told.confirmed, told.corrected) == (("Asha",), 1, (("rhino", "lion", 1),))
    assert [(each.title, each.station, each.pictures) for each in told.found] == [("Lion", "A", 1)]


def test_what_was_said_of_another_animal_before_is_not_told_again(session, animals):
    """Each report tells of what came since the last."""
    media_id, lion, rhino = animals
    saved(session, media_id, {lion: "lion"})
    saved(session, media_id, {rhino: "rhino"}, document="two", at=LATER + timedelta(hours=1))
    told = heard(session, LATER, LATER + timedelta(days=1))
    assert (told.confirmed, [each.title for each in told.found]) == (1, ["Rhino"])


def test_a_word_that_a_later_one_on_the_whole_outranks_is_not_heard(session, animals):
    """Of the picture counts what was said of it last."""
    media_id, lion, _ = animals
    saved(session, media_id, {lion: "cheetah"})
    saved(session, media_id, {0: "lion"}, document="two", at=LATER)
    told = heard(session, NOW, LATER)
    assert (told.confirmed, told.corrected) == (1, ())
    assert [(each.title, each.pictures) for each in told.found] == [("Lion", 1)]


def ask(session, media_id, *regions):
    """Let a report have asked about these parts of a picture."""
    questions = [
        Question(
            media_id=media_id,
            region=region,
            prediction_id=observed_animals(session, media_id)[region].prediction_id,
            reason=Reason.MARGIN,
        )
        for region in regions
    ]
    span = {"since": NOW - timedelta(days=1), "until": NOW, "written_at": NOW}
    store.report(session, Report(kind=ReportKind.NIGHTLY, token="a" * 32, path="/r.html", **span), questions)


def test_a_question_about_an_animal_is_open_until_somebody_speaks_of_that_one(session, animals):
    """A word on the other one answers another question."""
    media_id, lion, rhino = animals
    ask(session, media_id, lion)
    review(session, media_id, "rhino", region=rhino)
    assert still_open(session, LATER).pictures == 1
    review(session, media_id, "lion", region=lion)
    assert still_open(session, LATER) is None


def test_a_question_about_the_whole_is_not_open_where_its_animals_were_looked_at_since(session):
    """What it asked about is no answer any more."""
    media_id = take(session, "A/one.JPG", "one")
    answer(session, media_id)
    ask(session, media_id, 0)
    assert still_open(session, LATER).pictures == 1
    with_animals(session, "A/one.JPG", "lion", "rhino")
    assert still_open(session, LATER) is None
