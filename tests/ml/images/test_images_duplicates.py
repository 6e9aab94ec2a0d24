"""The duplicate rules: copies are found, bursts are left alone, and order does not matter."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from drawn_pictures import encoded, exif, scene
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ml.images import CaptureStatus, Facts, Link, LinkKind, examine, reexport_links, same_picture_links

NOW = datetime(2026, 11, 24, tzinfo=UTC)
AT = datetime.fromisoformat("2026-05-04T03:02:01")  # a camera's time knows no zone
BASE = int("5a" * 32, 16)


def facts(name, *, bits=(), **changes):
    """A picture whose hash differs from the base in these bits."""
    plain = Facts(
        sha256=name,
        picture_hash=f"picture {name}",
        orientation=1,
        phash=f"{BASE ^ sum(1 << bit for bit in set(bits)):064x}",
        flat=False,
        width=4000,
        height=3000,
        encoding="camera",
        captured_at=AT,
        deployment=1,
    )
    return replace(plain, **changes)


def small(name, *, bits=(), **changes):
    """A half-size re-export."""
    return facts(name, bits=bits, **({"width": 2000, "height": 1500, "encoding": "half"} | changes))


def pairs(links):
    return {(link.sha256, link.canonical) for link in links}


def seen(data, deployment=1):
    picture = examine(data, size=16, now=NOW).picture
    return Facts(
        **{name: getattr(picture, name) for name in ("sha256", "picture_hash", "orientation", "phash", "flat")},
        **{name: getattr(picture, name) for name in ("width", "height", "encoding")},
        captured_at=picture.captured.at if picture.captured.status is CaptureStatus.OK else None,
        deployment=deployment,
    )


def test_the_earliest_then_largest_then_first_is_canonical():
    """A time that is not sure comes last, and the sha256 settles what is left."""
    group = [
        facts("a", captured_at=None),
        facts("d", captured_at=AT + timedelta(days=1)),
        facts("c"),
        facts("b"),
    ]
    assert same_picture_links(group) == [Link(name, "b", LinkKind.SAME_PICTURE) for name in ("c", "d", "a")]


def test_a_flat_picture_is_never_a_copy():
    """One black night is like another."""
    black = [facts(name, flat=True, picture_hash="black", encoding=name) for name in "abc"]
    assert same_picture_links(black) == []
    assert reexport_links(black) == []


def test_a_reexport_is_linked_to_its_larger_original():
    """The larger picture is canonical, even where the smaller lost its sub-seconds."""
    group = [facts("b", captured_at=AT.replace(microsecond=500_000)), small("a", bits=range(6))]
    assert reexport_links(group) == [Link("a", "b", LinkKind.REEXPORT)]


@pytest.mark.parametrize(
    "other",
    [
        small("b", encoding="camera"),
        small("b", bits=range(17)),
        small("b", height=1400),
        small("b", captured_at=AT + timedelta(seconds=1)),
        small("b", captured_at=None),
        small("b", deployment=None),
        small("b", flat=True),
        small("b", orientation=6),
    ],
    ids=["encoding", "likeness", "aspect", "time", "no sure time", "no deployment", "flat", "turned"],
)
def test_each_condition_is_needed(other):
    """Without any one of them a picture stands for itself."""
    assert reexport_links([facts("a"), other]) == []


def test_rounding_a_tiny_picture_keeps_its_aspect():
    """Half of 100 × 75 is 50 × 37, which is more than one per cent off."""
    tiny = facts("a", width=100, height=75)
    assert pairs(reexport_links([tiny, small("b", width=50, height=37)])) == {("b", "a")}
    assert reexport_links([tiny, small("b", width=50, height=36)]) == []


def test_sub_seconds_tell_frames_apart_only_where_both_have_them():
    """A re-export without them may be of this frame."""
    half = AT.replace(microsecond=500_000)
    assert reexport_links([facts("a", captured_at=half), small("b", captured_at=AT.replace(microsecond=700_000))]) == []
    assert pairs(reexport_links([facts("a", captured_at=half), small("b")])) == {("b", "a")}


def test_an_upright_copy_of_a_turned_original_has_its_aspect():
    """The picture as it is seen counts, not as it is stored."""
    assert pairs(reexport_links([facts("a", orientation=6), small("b", width=1500, height=2000)])) == {("b", "a")}


def test_a_frame_beside_the_original_makes_a_reexport_doubtful():
    """Two frames of a burst and a copy of one: linked only if the second frame is clearly another picture."""
    copy = small("copy", bits=range(2))
    assert reexport_links([facts("a"), facts("b", bits=range(4)), copy]) == []
    assert reexport_links([facts("a"), facts("b", bits=range(16)), copy]) == []
    assert pairs(reexport_links([facts("a"), facts("b", bits=range(40)), copy])) == {("copy", "a")}


def test_the_lead_is_six_bits():
    """A second candidate just out of reach still has to be six bits farther away."""
    copy = small("copy", bits=range(14))
    assert reexport_links([facts("a"), facts("b", bits=range(14 + 19)), copy]) == []
    assert pairs(reexport_links([facts("a"), facts("b", bits=range(14 + 20)), copy])) == {("copy", "a")}


def test_frames_enlarged_into_one_copy_are_not_lost():
    """A copy that is larger than the frames does not swallow them both."""
    large = facts("large", encoding="large", width=8000, height=6000)
    assert reexport_links([facts("a"), facts("b", bits=range(3)), large]) == []


def test_several_reexports_of_one_original_are_one_photograph():
    """A thumbnail, a half and a re-save of one picture are no rivals: it is counted once."""
    family = [facts("a"), small("b", bits=[1]), small("c", bits=[2], encoding="quarter"), facts("d", encoding="q40")]
    assert pairs(reexport_links(family)) == {("b", "a"), ("c", "a"), ("d", "a")}
    brother = facts("z", bits=range(5))
    assert reexport_links([*family, brother]) == []


def test_two_copies_of_one_encoding_are_of_two_frames():
    """Where the frames themselves are gone, nobody knows which of the two the third belongs to."""
    assert reexport_links([facts("a"), small("b"), small("c", bits=range(3))]) == []


def test_a_copy_of_the_same_picture_is_no_rival():
    """Original, tagged original and a re-export: the re-export goes to the canonical of the two."""
    group = [facts("a", picture_hash="one"), facts("b", picture_hash="one"), small("c", bits=[3])]
    assert pairs(reexport_links(group)) == {("c", "a")}


pictures = st.builds(
    facts,
    st.uuids().map(str),
    bits=st.frozensets(st.integers(0, 30), max_size=20),
    encoding=st.sampled_from(["camera", "half", "q40"]),
    width=st.sampled_from([4000, 2000, 1980]),
    picture_hash=st.sampled_from([f"picture {number}" for number in range(6)]),
    captured_at=st.sampled_from([AT, AT.replace(microsecond=1), AT.replace(microsecond=2), None]),
    flat=st.sampled_from([False, False, False, True]),
    orientation=st.sampled_from([1, 1, 6]),
)
groups = st.lists(pictures, max_size=7, unique_by=lambda picture: picture.sha256)


@given(groups, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(group, random):
    """Any order gives the same links."""
    shuffled = list(group)
    random.shuffle(shuffled)
    assert reexport_links(shuffled) == reexport_links(group)
    assert same_picture_links(shuffled) == same_picture_links(group)


@given(groups)
def test_no_two_frames_of_one_encoding_are_ever_one_photograph(group):
    """Linked pictures and their canonical are all encoded differently, and a canonical is counted itself."""
    by_name = {picture.sha256: picture for picture in group}
    families = defaultdict(set)
    for link in reexport_links(group):
        families[link.canonical].add(link.sha256)
    for canonical, copies in families.items():
        assert canonical not in set().union(*families.values())
        assert len({by_name[name].encoding for name in {canonical, *copies}}) == len(copies) + 1


@pytest.mark.parametrize("night", [False, True])
def test_drawn_bursts_are_never_linked(night):
    """Near-identical frames of one second, with and without a small animal, are all counted."""
    for seed in range(15):
        frames = [scene(seed)] + [scene(seed, animal=(60 + 40 * step, 150)) for step in range(4)]
        shown = [frame.convert("L") if night else frame for frame in frames]
        burst = [seen(encoded(frame, quality=80, exif=exif())) for frame in shown]
        assert len({frame.picture_hash for frame in burst}) == 5
        assert reexport_links(burst) == []


def test_reexported_frames_go_to_their_own_frame_or_to_none():
    """Half of the frames of drawn bursts re-exported into the same folder: no wrong link."""
    linked = 0
    for seed in range(20):
        frames = [scene(seed), scene(seed, animal=(150, 130)), scene(seed + 1000)]
        originals = [seen(encoded(frame, quality=90, exif=exif())) for frame in frames]
        halves = [frame.resize((200, 150), Image.LANCZOS) for frame in frames]
        copies = [seen(encoded(half, quality=75, exif=exif())) for half in halves[1:]]
        right = {copies[index].sha256: originals[index + 1].sha256 for index in range(2)}
        found = pairs(reexport_links([*originals, *copies]))
        assert found <= set(right.items())
        linked += len(found)
    assert linked >= 20


def test_two_cards_with_a_reset_clock_are_not_compared():
    """The first of January 2000 is no capture time."""
    reset = exif("2000:01:01 00:00:07")
    original, copy = encoded(scene(), exif=reset), encoded(scene().resize((200, 150)), exif=reset)
    assert reexport_links([seen(original), seen(copy)]) == []
