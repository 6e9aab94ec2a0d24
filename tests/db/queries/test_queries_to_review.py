"""What people are asked to look at: the audit by lot, and the most useful others."""

from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from blank_ledger import new_ledger
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_builders import (
    NOW,
    REDLIST,
    content,
    deployment,
    detect,
    observed_animals,
    prediction,
    review,
    take,
    with_animals,
)

from db import store
from db.models import Media, Model
from db.observe import refresh
from db.queries.to_review import to_review
from db.types import Decision, Detected, LinkKind, Reason

SINCE = NOW - timedelta(days=1)
MODEL = {"version": "m1", "demo": False, "classes": ["lion", "rhino", "other"], "metrics": {}, "first_used_at": NOW}
SURE = [0.98, 0.01, 0.01]


def answered(
    session,
    name,
    label="lion",
    *,
    station="A",
    country="KE",
    minute=0,
    stacked=SURE,
    said=None,
    prediction_of="m1",
    **more,
):
    """Add a picture that a model has answered, each at a minute of its own if not said otherwise."""
    taken = datetime(2026, 11, 23, 8) + timedelta(minutes=minute)  # noqa: DTZ001  # a camera's clock has no zone
    media = content(name, camera_time=taken, **more.pop("media", {}))
    media_id = take(session, f"{station}/{name}.JPG", media, deployed=deployment(station, country=country))
    model = store.model(session, Model(**MODEL | {"version": prediction_of}))
    vectors = {"probabilities": said or {"one": stacked}, "stacked": stacked, "probability": stacked[0]}
    store.answer(session, prediction(media_id, model, label, **vectors | more))
    refresh(session, [media_id], REDLIST)
    return media_id


def ask(session, **more):
    return to_review(session, SINCE, NOW, redlist=REDLIST, seed="night", **more)


def reasons(asked):
    return {each.media_id: each.reason for each in asked}


@pytest.fixture
def session(ledger):
    with ledger.write() as session:
        yield session


def test_the_audit_is_drawn_by_a_lot_that_is_the_same_everywhere(session):
    """Those whose sha256, put after the seed, has the lowest sha256: no generator, no order of arrival."""
    names = [f"p{number}" for number in range(30)]
    for number, name in enumerate(names):
        answered(session, name, minute=5 * number)
    contents = [sha256(name.encode()).hexdigest() for name in names]
    lot = sorted(contents, key=lambda content: sha256(("night" + content).encode()).hexdigest())[:7]
    asked = ask(session, useful=0, audit=7)
    assert [each.sha256 for each in asked] == lot
    assert {each.reason for each in asked} == {Reason.AUDIT}
    other = to_review(session, SINCE, NOW, redlist=REDLIST, seed="another night", useful=0, audit=7)
    assert {each.sha256 for each in other} != set(lot)


def test_the_audit_is_drawn_from_all_answers_before_anything_else(session):
    """Also those that would be useful, or it would speak for the easy ones only."""
    doubtful = answered(session, "doubtful", stacked=[0.5, 0.4, 0.1])
    assert reasons(ask(session, audit=1)) == {doubtful: Reason.AUDIT}


def test_only_answers_are_audited(session):
    """How often the model is right is asked of what it says, not of what it leaves open."""
    for number, decision in enumerate([Decision.UNKNOWN, Decision.UNFAMILIAR, Decision.OTHER]):
        answered(session, f"p{number}", minute=5 * number, decision=decision)
    answered(session, "jaguar", "jaguar", minute=20)  # none lives there
    assert ask(session, useful=0) == ()


def test_reasons_take_turns_each_by_its_own_strength(session):
    """Out of range, seen differently, a small margin, far from training; those that run out give their turns away."""
    far = [
        answered(session, f"far{n}", minute=5 * n, decision=Decision.UNFAMILIAR, distance=0.6 + n / 10)
        for n in range(2)
    ]
    close = [
        answered(session, f"close{n}", minute=20 + 5 * n, stacked=[0.5 + n / 50, 0.45, 0.05], decision=Decision.UNKNOWN)
        for n in range(3)
    ]
    apart = answered(
        session, "apart", minute=60, said={"one": [0.9, 0.1, 0.0], "two": [0.2, 0.8, 0.0]}, decision=Decision.UNFAMILIAR
    )
    strange = answered(session, "jaguar", "jaguar", minute=80)
    asked = ask(session, audit=0)
    assert [each.media_id for each in asked] == [strange, apart, close[0], far[1], close[1], far[0], close[2]]
    assert [each.reason for each in asked] == [
        Reason.OUT_OF_RANGE, Reason.DISAGREEMENT, Reason.MARGIN, Reason.FAR, Reason.MARGIN, Reason.FAR, Reason.MARGIN,
    ]  # fmt: skip
    assert [each.media_id for each in ask(session, audit=0, useful=2)] == [strange, apart]


def test_backbones_that_see_the_same_are_not_said_to_disagree(session):
    """More or less sure of one label is no disagreement."""
    answered(session, "one", said={"one": [0.99, 0.01, 0.0], "two": [0.6, 0.4, 0.0]}, stacked=SURE)
    assert ask(session, audit=0) == ()


def test_a_sure_answer_is_no_question_of_margin(session):
    """Where nothing is doubtful nobody is asked for the sake of a number."""
    answered(session, "sure")
    unsure = answered(session, "unsure", minute=5, stacked=[0.6, 0.4, 0.0])
    assert reasons(ask(session, audit=0)) == {unsure: Reason.MARGIN}


def test_of_a_burst_only_the_strongest_is_asked(session):
    """Ten frames of one animal are one question; the next burst, and another camera's, are others."""
    burst = [
        answered(session, f"b{n}", minute=n / 6, stacked=[0.6 - n / 50, 0.4, 0.0]) for n in range(4)
    ]  # ten seconds apart
    later = answered(session, "later", minute=3, stacked=[0.6, 0.4, 0.0])
    elsewhere = answered(session, "elsewhere", station="B", stacked=[0.6, 0.4, 0.0])
    assert set(reasons(ask(session, audit=0))) == {burst[3], later, elsewhere}


def test_a_picture_is_asked_once_though_it_has_several_reasons(session):
    """The first reason whose turn it is has it."""
    both = answered(
        session, "both", said={"one": [0.6, 0.4, 0.0], "two": [0.4, 0.6, 0.0]}, stacked=[0.5, 0.5, 0.0],
        decision=Decision.UNFAMILIAR,
    )  # fmt: skip
    assert reasons(ask(session, audit=0)) == {both: Reason.DISAGREEMENT}


@pytest.mark.parametrize(
    "more",
    [
        {"decision": Decision.OTHER, "background": "person"},
        {"decision": Decision.OTHER, "background": "vehicle"},
    ],
)
def test_a_picture_with_people_is_never_asked(session, more):
    """Neither as a question nor by lot."""
    answered(session, "one", stacked=[0.4, 0.35, 0.25], **more)
    assert ask(session) == ()


def test_people_that_an_older_model_saw_are_not_shown_either(session):
    """Whoever has ever seen a person in it: the picture may show one."""
    media_id = answered(session, "one", decision=Decision.OTHER, background="person")
    answered(session, "one", stacked=[0.5, 0.4, 0.1], prediction_of="m2")
    assert session.get(Media, media_id).answered_by == 2
    assert ask(session) == ()


def test_what_a_person_has_spoken_of_is_not_asked_again(session):
    """Nor is its copy, which the word holds for as well."""
    for number, name in enumerate(["one", "two"]):
        answered(session, name, minute=5 * number, stacked=[0.5, 0.4, 0.1])
    store.relink(session, LinkKind.SAME_PICTURE, [1, 2], {2: 1})
    review(session, 2, "rhino")
    assert [(each.media_id, each.spoken) for each in ask(session)] == [(1, True)]
    assert ask(session, audit=0) == ()


def test_the_audit_is_drawn_from_what_people_have_spoken_of_as_well(session):
    """Else it would be of the easy pictures only, wherever the hard ones were asked about before."""
    for number in range(6):
        answered(session, f"p{number}", minute=5 * number)
    for media_id in (1, 2, 3):
        review(session, media_id, "person")
    drawn = ask(session, useful=0)
    assert {(each.media_id, each.spoken) for each in drawn} == {(number, number <= 3) for number in range(1, 7)}
    assert {each.reason for each in drawn} == {Reason.AUDIT}


def test_copies_and_what_was_answered_before_are_not_asked(session):
    """Each picture once, in the report of the span in which it was first answered."""
    for number, name in enumerate(["one", "two", "early"]):
        said_at = SINCE if name == "early" else NOW
        answered(session, name, minute=5 * number, stacked=[0.5, 0.4, 0.1], predicted_at=said_at)
    store.relink(session, LinkKind.SAME_PICTURE, [1, 2], {2: 1})
    refresh(session, [1, 2], REDLIST)
    assert list(reasons(ask(session))) == [1]


def test_a_question_says_what_the_prediction_said(session):
    """The most probable of all classes is what one tap confirms; the picture's sides are those of the upright one."""
    answered(
        session, "one", "rhino", stacked=[0.1, 0.3, 0.6], probability=0.3, decision=Decision.OTHER, background="other",
        said={"one": [0.1, 0.7, 0.2], "two": [0.0, 0.1, 0.9]}, media={"orientation": 6, "width": 640, "height": 480},
    )  # fmt: skip
    (asked,) = ask(session)
    assert (asked.label, asked.title, asked.probability, asked.decision) == ("other", "", 0.6, Decision.OTHER)
    assert asked.opinions == (("one", "rhino", 0.7), ("two", "other", 0.9))
    assert (asked.width, asked.height, asked.station) == (480, 640, "A")
    assert asked.captured_local == datetime(2026, 11, 23, 8)  # noqa: DTZ001
    assert (asked.kept, asked.gradcam, asked.prediction_id) == ("kept/one.jpg", "gradcam/1.jpg", 1)


def test_a_species_is_called_by_what_reports_print_there(session):
    """Any spotted leopard is a Leopard in Kenya; where it does not live it has a name all the same."""
    answered(session, "one", "amur_leopard", stacked=[0.6, 0.4, 0.0])
    answered(session, "two", "jaguar", minute=5, stacked=[0.6, 0.4, 0.0])
    assert {each.label: each.title for each in ask(session)} == {"amur_leopard": "Leopard", "jaguar": "Jaguar"}


def test_an_animal_in_a_picture_is_asked_about_by_its_own_answer(session):
    """Its crop is shown, with the box it was cut out by; the sure answer of the whole is no question any more."""
    media_id = answered(session, "one")
    _, jaguar = with_animals(session, "A/one.JPG", "lion", "jaguar")  # no jaguar lives there
    (asked,) = ask(session, audit=0)
    seen = observed_animals(session, media_id)[jaguar]
    assert (asked.media_id, asked.region, asked.reason) == (media_id, jaguar, Reason.OUT_OF_RANGE)
    assert (asked.prediction_id, asked.label, asked.title) == (seen.prediction_id, "jaguar", "Jaguar")
    assert (asked.kept, asked.box) == (f"kept/{media_id}-{jaguar}.jpg", (0.1, 0.2, 0.1, 0.3))
    assert (asked.gradcam, asked.width, asked.height) == (f"gradcam/{media_id}-{jaguar}.jpg", 640, 480)


def test_of_the_animals_in_a_picture_one_is_asked_about(session):
    """Two in doubt are one question; a picture that is drawn by lot is asked about for that alone."""
    media_id = answered(session, "one")
    doubtful = with_animals(session, "A/one.JPG", "lion", "lion", stacked=[0.55, 0.45], decision=Decision.UNKNOWN)
    (asked,) = ask(session)
    assert (asked.media_id, asked.region, asked.reason) == (media_id, min(doubtful), Reason.MARGIN)
    drawn = answered(session, "two", minute=10)
    with_animals(session, "A/two.JPG", "lion", "jaguar")
    assert [(each.media_id, each.reason) for each in ask(session)] == [
        (media_id, Reason.MARGIN), (drawn, Reason.AUDIT),
    ]  # fmt: skip


def test_the_audit_is_of_the_animal_that_stands_for_its_picture(session):
    """Pictures are drawn, whatever the number of animals in them."""
    media_id = answered(session, "one")
    _, rhino = with_animals(session, "A/one.JPG", "lion", "rhino")  # the more threatened
    assert observed_animals(session, media_id)[rhino].leads
    assert [(each.region, each.label, each.reason) for each in ask(session)] == [(rhino, "rhino", Reason.AUDIT)]


def test_a_word_on_one_animal_leaves_the_other_open(session):
    """Each is asked about until somebody has spoken of it."""
    media_id = answered(session, "one")
    first, second = with_animals(session, "A/one.JPG", "jaguar", "jaguar")
    review(session, media_id, "lion", region=first)
    assert [each.region for each in ask(session, audit=0)] == [second]
    review(session, media_id, "lion", region=second)
    assert ask(session, audit=0) == ()


def test_an_animal_seen_in_a_copy_is_asked_about_in_the_picture_that_is_counted(session):
    """The answer is the copy's, and the question the picture's."""
    media_id, copy = answered(session, "one"), answered(session, "two", minute=5)
    store.relink(session, LinkKind.SAME_PICTURE, [media_id, copy], {copy: media_id})
    (jaguar,) = with_animals(session, "A/two.JPG", "jaguar")
    (asked,) = ask(session, audit=0)
    assert (asked.media_id, asked.region) == (media_id, jaguar)
    assert (asked.sha256, asked.kept) == (sha256(b"one").hexdigest(), f"kept/{copy}-{jaguar}.jpg")


def test_of_a_picture_with_people_no_animal_is_asked_about(session):
    """Its crop may show them as well."""
    answered(session, "one")
    with_animals(session, "A/one.JPG", "jaguar")
    detect(session, "A/one.JPG", (Detected.VEHICLE, (0.0, 0.0, 0.1, 0.1)), place="/inbox/A/more.json")
    assert ask(session) == ()


@settings(max_examples=20, deadline=None)  # each in a ledger of its own
@given(st.lists(st.tuples(st.sampled_from(Decision), st.integers(0, 300), st.floats(0.34, 1)), max_size=12))
def test_whatever_was_answered_the_questions_keep_their_rules(tmp_path_factory, pictures):
    """At most so many of each kind, none twice, the audit last and of answers only."""
    ledger = new_ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")
    with ledger.write() as session:
        for number, (decision, seconds, first) in enumerate(pictures):
            label, said = ("jaguar", Decision.ANSWERED) if decision is Decision.OUT_OF_RANGE else ("lion", decision)
            stacked = [first, 1 - first, 0.0]
            answered(session, f"p{number}", label, minute=seconds / 60, decision=said, stacked=stacked)
        asked = ask(session, useful=3, audit=2)
    ledger.close()
    audit = [each for each in asked if each.reason is Reason.AUDIT]
    answers = sum(decision is Decision.ANSWERED for decision, *_ in pictures)
    assert list(asked[len(asked) - len(audit) :]) == audit
    assert len(audit) == min(2, answers)
    assert len(asked) - len(audit) <= 3
    assert len(reasons(asked)) == len(asked)
    assert all(each.decision is Decision.ANSWERED for each in audit)
