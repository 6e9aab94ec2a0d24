"""What a challenger learns from: no picture, nor its like, stands on two sides of a split."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.images import Camera, Captured, CaptureStatus, Integrity, Picture
from training.dataset import Example
from training.retraining.challenge import Newcomer, material
from training.retraining.field import portion
from training.rows import Rows
from training.splits import near

CLASSES = ("lion", "rhino", "other")
VIEWS, FOLDS = 2, 3


def phash(number):
    """Hashes of different numbers differ in half of their bits."""
    return np.random.default_rng(number).bytes(32).hex()


def stored(count=12):
    """The champion's rows: in three folds, the last three held out."""
    folds = np.arange(count) % FOLDS
    folds[-3:] = -1
    return Rows(
        features=[np.arange(count * 4, dtype=np.float32).reshape(count, 4)],
        labels=np.arange(count) % len(CLASSES),
        folds=folds,
        groups=np.arange(count),
        contents=[f"row {place}" for place in range(count)],
        phashes=[phash(place) for place in range(count)],
        unseen=np.zeros((count, len(CLASSES)), np.float32),
    )


def newcomer(
    number, label="lion", group="North", *, content=None, like=None, held_out=False, reviewed=True, flat=False
):
    """A picture that resembles no other, or the row ``like`` (or newcomer 1000 less)."""
    picture = Picture(
        sha256=f"kept {number}", picture_hash="", phash=phash(1000 + number if like is None else like), flat=flat,
        brightness=0.5, infrared=False,
        format="JPEG", width=32, height=32, orientation=1, bytes=1, encoding="", integrity=Integrity.SOUND,
        captured=Captured(None, None, CaptureStatus.MISSING, "none", None), camera=Camera(None, None, None), exif={},
    )  # fmt: skip
    example = Example(Path(f"{number}.jpg"), label, held_out, group, picture)
    return Newcomer(example, content or f"new {number}", group, f"burst {number}", reviewed=reviewed)


def put_together(rows, newcomers):
    features = [np.full((len(newcomers), VIEWS, 4), 0.5, np.float32)]
    return material(rows, newcomers, features, CLASSES)


def test_new_pictures_of_one_deployment_share_a_fold_and_a_group():
    """The same ones in every retraining, and a group that no row has."""
    of = put_together(stored(), [newcomer(1), newcomer(2), newcomer(3, group="South")])
    assert of.folds[0] == of.folds[1] == int(portion("fold North") * FOLDS)
    assert of.groups[0] == of.groups[1] != of.groups[2]
    assert of.groups.min() >= 12
    assert not of.test.any()


def test_a_picture_that_the_champion_has_stays_where_it_is_and_takes_its_new_label():
    """It is no newcomer, but what a person said since counts; the others of its deployment join its fold."""
    of = put_together(stored(), [newcomer(1, "other", content="row 4"), newcomer(2)])
    assert of.known.tolist() == [4, -1]
    assert of.rows.labels[4] == CLASSES.index("other")
    assert of.folds.tolist() == [-1, stored().folds[4]]
    assert of.groups.tolist() == [4, 4]


def test_a_data_set_does_not_change_what_the_champion_was_told():
    """Its labels were looked at when the champion was trained."""
    of = put_together(stored(), [newcomer(1, "other", content="row 4", reviewed=False)])
    assert of.rows.labels[4] == stored().labels[4]


def test_a_reserved_picture_tests_unless_the_champion_knows_it_or_its_like():
    """Neither model may have learned from a test picture."""
    of = put_together(
        stored(),
        [
            newcomer(1, held_out=True),
            newcomer(2, held_out=True, content="row 1"),
            newcomer(3, held_out=True, like=2),
            newcomer(4, held_out=True, like=10),  # like one that was held out: the champion did not learn from it
            newcomer(5, held_out=True, reviewed=False),
        ],
    )
    assert of.test.tolist() == [True, False, False, True, False]
    assert (of.folds == -1).all()


def test_what_resembles_another_side_of_a_split_is_not_learned_from():
    """A row of another fold, a held-out row, a test picture; its own fold and a flat picture do no harm."""
    rows = stored()
    home = int(portion("fold North") * FOLDS)
    learned = range(9)
    same = next(place for place in learned if rows.folds[place] == home)
    other = next(place for place in learned if rows.folds[place] != home)
    of = put_together(
        rows,
        [
            newcomer(1, like=same),
            newcomer(2, like=other),
            newcomer(3, like=10),
            newcomer(4, like=other, flat=True),
            newcomer(5, held_out=True, group="Reserved"),
            newcomer(6, like=1005),
        ],
    )
    assert (of.folds >= 0).tolist() == [True, False, False, True, False, False]


def test_groups_with_like_newcomers_join_one_fold():
    """That of a known picture where there is one; pictures that known ones hold apart are not learned from."""
    rows = stored()
    names = [f"Group {number}" for number in range(9)]
    homes = {name: int(portion(f"fold {name}") * FOLDS) for name in names}
    apart = next(name for name in names if homes[name] != homes["Group 0"])
    alone = put_together(rows, [newcomer(1, group="Group 0"), newcomer(2, group=apart, like=1001)])
    assert alone.folds[0] == alone.folds[1] >= 0
    assert alone.groups[0] == alone.groups[1]

    place = next(place for place in range(9) if rows.folds[place] != homes["Group 0"])
    known = newcomer(3, group=apart, content=f"row {place}")
    joined = put_together(rows, [newcomer(1, group="Group 0"), newcomer(2, group=apart, like=1001), known])
    assert joined.folds.tolist() == [rows.folds[place], rows.folds[place], -1]

    other = next(other for other in range(9) if rows.folds[other] != rows.folds[place])
    held = newcomer(4, group="Group 0", content=f"row {other}")
    torn = [newcomer(1, group="Group 0"), newcomer(2, group=apart, like=1001), known, held, newcomer(5, group=apart)]
    assert put_together(rows, torn).folds.tolist() == [-1, -1, -1, -1, rows.folds[place]]


def test_what_joins_a_held_out_picture_is_not_learned_from():
    """A deployment that the champion was tested on stays one that it is tested on."""
    of = put_together(stored(), [newcomer(1, content="row 11"), newcomer(2)])
    assert of.folds.tolist() == [-1, -1]


sides = st.lists(
    st.tuples(st.sampled_from(["North", "South", "East"]), st.booleans(), st.integers(0, 15), st.booleans()),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(sides)
def test_no_like_pictures_ever_stand_on_two_sides(drawn):
    """Whatever comes: of rows, newcomers and test, like pictures share a fold, and the test has none that are known."""
    newcomers = [
        newcomer(
            number,
            group=group,
            held_out=held_out and group == "East",
            like=like,
            content=None if new else f"row {like % 12}",
        )
        for number, (group, held_out, like, new) in enumerate(drawn)
    ]
    rows = stored()
    of = put_together(rows, newcomers)
    phashes = [each.example.picture.phash for each in newcomers]
    like_rows = near(phashes, rows.phashes)
    for place in np.flatnonzero(of.folds >= 0):
        assert set(rows.folds[like_rows[place]]) <= {of.folds[place]}
        assert not near([phashes[place]], [phashes[at] for at in np.flatnonzero(of.test)]).any()
        like = near([phashes[place]], phashes)[0] & (of.folds >= 0)
        assert set(of.folds[like]) == {of.folds[place]}
    assert not (like_rows[of.test] & (rows.folds >= 0)).any()
    assert not (of.test & (of.folds >= 0)).any()
