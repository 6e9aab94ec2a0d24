"""The duplicate rules: copies are found, bursts are left alone, and order does not matter."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from bursts import Camera, Writer, burst, links_among, reexported, shot
from bursts import facts as seen
from hypothesis import given
from hypothesis import strategies as st

from ml.images import Facts, Link, LinkKind, reexport_links, same_picture_links

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


def test_the_earliest_then_largest_then_first_is_canonical():
    """A time that is not sure comes last, and the sha256 settles what is left."""
    group = [
        facts("a", picture_hash="one", captured_at=None),
        facts("d", picture_hash="one", captured_at=AT + timedelta(days=1)),
        facts("c", picture_hash="one"),
        facts("b", picture_hash="one"),
    ]
    assert same_picture_links(group) == [Link(name, "b", LinkKind.SAME_PICTURE) for name in ("c", "d", "a")]


def test_the_same_pixels_turned_otherwise_are_another_picture():
    """Each way up has a canonical of its own, and so has each picture."""
    group = [
        facts(name, picture_hash=name[:3], orientation=int(name[3])) for name in ("one1a", "one1b", "one6", "two1")
    ]
    assert same_picture_links(group) == [Link("one1b", "one1a", LinkKind.SAME_PICTURE)]


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


copies = st.builds(
    lambda name, number, **tags: facts(
        name,
        bits=range(2 * number),
        picture_hash=f"picture {number}",
        encoding=f"encoding {number % 4}",
        width=(4000, 2000)[number % 2],
        height=(3000, 1500)[number % 2],
        **tags,
    ),
    st.uuids().map(str),
    st.integers(0, 7),
    captured_at=st.sampled_from([AT, AT + timedelta(seconds=1), None]),
    deployment=st.sampled_from([1, 2]),
)


@given(st.lists(copies, max_size=12, unique_by=lambda picture: picture.sha256))
def test_who_is_not_counted_is_a_copy_of_something_counted(group):
    """However tags, times and stations are mixed: following the links never leads in a circle."""
    canonical = defaultdict(set)
    for link in links_among(group):
        canonical[link.sha256].add(link.canonical)
    for start in list(canonical):
        ends, steps = {start}, 0
        while ends & canonical.keys():
            ends = {end for name in ends for end in canonical.get(name, {name})}
            steps += 1
            assert steps <= len(group)


@pytest.mark.parametrize("night", [False, True], ids=["day", "night"])
@pytest.mark.parametrize("writer", Writer)
def test_drawn_bursts_are_never_linked(night, writer):
    """Near-identical frames of one second, empty and with small and large animals, are all counted."""
    for seed, animal in enumerate((0.0, 0.06, 0.15, 0.4)):
        frames = burst(seed, 6, night=night, animal=animal)
        shots = [seen(shot(frame, Camera(writer), at=AT, number=number)) for number, frame in enumerate(frames)]
        assert len({frame.picture_hash for frame in shots}) == 6
        assert len({frame.encoding for frame in shots}) == 1
        assert links_among(shots) == []


def test_drawn_bursts_are_as_alike_as_real_ones():
    """Frames of one second are from two bits of 256 apart on: the tests above would mean little otherwise."""
    shots = [seen(shot(frame, at=AT)) for seed in range(6) for frame in burst(seed, 2, night=seed > 2)]
    hashes = [int(one.phash, 16) for one in shots]
    assert sorted((one ^ other).bit_count() for one, other in zip(hashes[::2], hashes[1::2], strict=True))[3] <= 6


def test_reexports_are_found_and_go_to_their_own_original():
    """At least 19 of 20 from quality 40 on, down to a quarter of the size; scenes of one second are not confused."""
    linked = 0
    for quality, share in ((40, 1.0), (40, 0.5), (60, 0.25), (75, 0.5), (95, 0.75)):
        originals = [shot(*burst(seed, 1, night=bool(seed % 2)), at=AT) for seed in range(8)]
        copies = [reexported(jpeg, quality=quality, share=share) for jpeg in originals]
        found = pairs(links_among([seen(jpeg) for jpeg in originals + copies]))
        assert found <= either_way(originals, copies)
        linked += len(found)
    assert linked >= 0.95 * 5 * 8


def test_reexported_frames_go_to_their_own_frame_or_to_none():
    """Half of the frames of drawn bursts saved anew into the same folder: no wrong link."""
    linked = 0
    for seed in range(16):
        frames = burst(seed, 4, night=bool(seed % 2), animal=(0.0, 0.06, 0.15, 0.4)[seed // 4])
        originals = [shot(frame, Camera(Writer.FIRMWARE), at=AT) for frame in frames]
        copies = [reexported(jpeg, quality=60 + 10 * (seed % 3), share=0.5) for jpeg in originals[1:3]]
        found = pairs(links_among([seen(jpeg) for jpeg in originals + copies]))
        assert found <= either_way(originals[1:3], copies)
        linked += len(found)
    assert linked >= 4


def test_two_cards_with_a_reset_clock_are_not_compared():
    """The first of January 2000 is no capture time."""
    original = shot(*burst(0, 1), at=datetime.fromisoformat("2000-01-01T00:00:07"))
    assert links_among([seen(original), seen(reexported(original, share=0.5))]) == []


def either_way(originals, copies):
    """Pairs of copy and original, whichever of two of one size the rules take for the original."""
    names = [(seen(copy).sha256, seen(original).sha256) for original, copy in zip(originals, copies, strict=True)]
    return {*names, *((original, copy) for copy, original in names)}
