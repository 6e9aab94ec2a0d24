"""The gate: only a challenger that is better beyond chance, at nobody's cost, takes the champion's place."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_labels import CLASSES, batch_of, draw, flipped, misread, sat

from db.redlist import load
from training.retraining.doubts import doubts
from training.retraining.gate import Exam, judge, threatened

REDLIST = load()
PICTURES = 400


def answers(labels, wrong, *, confidence=0.9):
    """Log-probabilities: ``labels`` with this confidence, but the next class where ``wrong``."""
    said = np.where(wrong, (labels + 1) % len(CLASSES), labels)
    rest = (1 - confidence) / (len(CLASSES) - 1)
    return np.log(np.where(np.eye(len(CLASSES))[said] > 0, confidence, rest))


def exam(wrong_before, wrong_after, *, name="own", pictures=PICTURES, **more):
    """An exam in which both err on the given share of pictures, not the same ones; ten pictures a group."""
    random = np.random.default_rng(pictures)
    labels = random.integers(0, len(CLASSES), pictures)
    before, after = random.random(pictures) < wrong_before, random.random(pictures) < wrong_after
    return Exam(name, answers(labels, before), answers(labels, after, **more), labels, np.arange(pictures) // 10)


def judged(*exams, **more):
    return judge(exams, CLASSES, redlist=REDLIST, seed=1, **more)


def test_a_real_gain_is_promoted():
    """Better in the field and no worse on its own pictures."""
    verdict = judged(exam(0.4, 0.1, name="field"), exam(0.1, 0.1))
    assert verdict.promote
    assert verdict.gain.low > 0
    assert verdict.mcnemar["field"] < 0.001
    assert len(verdict.reasons) == 1


@pytest.mark.parametrize("after", [0.1, 0.2])
def test_equal_or_worse_is_not_promoted(after):
    """The very same answers, others that are as good, and poorer ones."""
    same = exam(0.1, 0.1)
    for verdict in (judged(exam(0.1, after)), judged(replace(same, challenger=same.champion))):
        assert not verdict.promote
        assert verdict.reasons[0].startswith("the challenger is not better beyond chance")


def test_a_gain_within_chance_is_not_promoted():
    """A few pictures more are no proof."""
    places = np.arange(100)
    labels = places % len(CLASSES)
    before, after = (answers(labels, places % every == 0) for every in (8, 11))  # 13 and 10 mistakes
    verdict = judged(Exam("own", before, after, labels, places))
    assert verdict.gain.value > 0 > verdict.gain.low
    assert not verdict.promote


@pytest.mark.parametrize(("loser", "promoted"), [("rhino", False), ("jaguar", True)])
def test_no_threatened_class_pays_for_the_others(loser, promoted):
    """A gain on all others does not outweigh lost rhinos; a class that is not threatened may lose a little."""
    base = exam(0.4, 0.05)
    lost = (base.labels == CLASSES.index(loser)) & (np.arange(PICTURES) % 2 == 0)
    after = np.where(lost[:, None], answers(base.labels, lost), base.challenger)
    right_before = np.where(
        (base.labels == CLASSES.index(loser))[:, None], answers(base.labels, lost & False), base.champion
    )
    verdict = judged(replace(base, champion=right_before, challenger=after))
    assert verdict.gain.low > 0
    assert verdict.promote is promoted
    assert promoted or "threatened class rhino" in verdict.reasons[0]


def test_a_threatened_class_may_lose_neither_in_the_field_nor_elsewhere():
    """A gain on the champion's own pictures does not make up for rhinos lost at the stations."""
    field, own = exam(0.2, 0.05, name="field"), exam(0.2, 0.05)
    rhinos = field.labels == CLASSES.index("rhino")
    field = replace(
        field,
        champion=np.where(rhinos[:, None], answers(field.labels, rhinos & False), field.champion),
        challenger=np.where(rhinos[:, None], answers(field.labels, rhinos), field.challenger),
    )
    verdict = judged(field, own)
    assert not verdict.promote
    assert verdict.recalls["field"]["rhino"].high < 0 < verdict.recalls["own"]["rhino"].value
    assert any("on field" in reason for reason in verdict.reasons)


def test_probabilities_that_mean_less_are_not_promoted():
    """Right more often, and far too sure of it."""
    verdict = judged(exam(0.2, 0.15, pictures=2000, confidence=0.9999))
    assert verdict.gain.low > 0
    assert not verdict.promote
    assert "less to be trusted" in verdict.reasons[0]


def test_both_exams_weigh_the_same_whatever_their_size():
    """Thousands of the champion's own pictures do not outvote the stations."""
    field, own = exam(0.5, 0.1, name="field", pictures=200), exam(0.1, 0.1, pictures=4000)
    together = judged(field, own)
    assert together.promote
    assert together.gain.value == pytest.approx(judged(field).gain.value / 2, abs=0.05)


def test_without_a_field_test_the_own_pictures_decide():
    """No deployment may be reserved yet."""
    nothing = exam(0, 0, name="field", pictures=0)
    assert judged(nothing, exam(0.3, 0.1)).promote
    assert not judged(nothing, exam(0.1, 0.3)).promote
    assert judged(nothing, exam(0.3, 0.1)).recalls.keys() == {"own"}


def test_one_reserved_deployment_does_not_decide():
    """Four groups are too few to judge by, so the own pictures alone decide, and the reasons say so."""
    field = exam(0.9, 0.0, name="pictures of reserved deployments", pictures=40)
    alone = judged(field, exam(0.1, 0.1))
    assert not alone.promote
    assert alone.gain == judged(exam(0.1, 0.1)).gain
    verdict = judged(field, exam(0.4, 0.1))
    assert verdict.promote
    assert "too few pictures of reserved deployments to judge by" in verdict.reasons[-1]


def test_where_no_exam_counts_nothing_is_promoted():
    """There is nothing to judge by."""
    verdict = judged(exam(0.9, 0.0, name="field", pictures=40), exam(0, 0, pictures=0))
    assert not verdict.promote
    assert all("too few" in reason for reason in verdict.reasons)


def test_a_threatened_class_of_few_groups_has_no_veto():
    """Rhinos of one deployment that are lost are one scene."""
    base = exam(0.4, 0.05)
    rhinos = base.labels == CLASSES.index("rhino")
    base = replace(base, labels=np.where(rhinos & (base.groups > 3), CLASSES.index("other"), base.labels))
    rhinos = base.labels == CLASSES.index("rhino")
    said = answers(base.labels, rhinos & False)
    before = np.where(rhinos[:, None], said, base.champion)
    verdict = judged(replace(base, champion=before))
    assert "rhino" not in verdict.recalls["own"]
    assert "amur_leopard" in verdict.recalls["own"]


def test_an_objection_outweighs_every_figure():
    """It is the first reason that is given."""
    verdict = judged(exam(0.4, 0.1), objections=["the labels look wrong"])
    assert not verdict.promote
    assert verdict.reasons == ("the labels look wrong",)


def test_threatened_is_what_may_be_threatened_anywhere():
    """The worst candidate of a label counts; jaguars are near threatened, and a background is no species."""
    assert threatened(("rhino", "jaguar", "lion", "arctic_fox", "orangutan", "other"), REDLIST) == [
        "rhino", "lion", "orangutan",
    ]  # fmt: skip


def gate(world):
    """Let the whole judgement take place; give the verdict, the doubts and which labels are wrong."""
    new, batch = batch_of(world)
    found = doubts(batch)
    return judged(*sat(world), objections=found.objections), found, new.labels != new.truth


@pytest.mark.parametrize("seed", range(20))
def test_a_batch_with_one_label_in_ten_wrong_is_not_promoted(seed):
    """Whether the stations look as the champion knows them or not; and what is called wrong mostly is."""
    world = draw(seed, new_look=(0.5, 2.5)[seed % 2])
    verdict, found, wrong = gate(
        replace(world, field=flipped(world.field, 0.1, seed), test=flipped(world.test, 0.1, seed + 100))
    )
    assert not verdict.promote
    assert "new labels look wrong" in verdict.reasons[0]
    assert wrong[found.doubtful].mean() > 0.9
    assert found.doubtful[wrong].mean() > 0.6


@pytest.mark.parametrize("seed", range(20))
def test_a_reviewer_who_is_always_wrong_is_named_and_nothing_promoted(seed):
    """All labels of one of four people wrong in the same way, so that they support each other."""
    world = draw(seed, new_look=(0.5, 2.5)[seed % 2])
    verdict, found, _ = gate(replace(world, field=misread(world.field, "Ben"), test=misread(world.test, "Ben")))
    assert not verdict.promote
    assert any("Ben" in reason for reason in verdict.reasons)
    assert not any(name in reason for reason in verdict.reasons for name in ("Asha", "Chipo", "Dawa"))
    assert {each.reviewer for each in found.reviewers} == {"Asha", "Ben", "Chipo", "Dawa"}


@pytest.mark.parametrize("seed", range(6))
def test_right_labels_of_a_new_look_are_not_taken_for_wrong(seed):
    """The champion disagrees with many of them; they agree with each other, and the challenger gains."""
    world = draw(seed, new_look=3.5)
    verdict, found, _ = gate(world)
    assert not found.objections
    assert verdict.gain.low > 0
    champion = sat(world)[0]
    assert (champion.champion.argmax(axis=1) != champion.labels).mean() > 0.2
