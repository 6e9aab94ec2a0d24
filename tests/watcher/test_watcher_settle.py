"""A file is taken when it has come to rest, by the daemon's own clock."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from db.store import SeenFile
from watcher.inbox.settle import Rest, Settler


def seen(signature, path=b"A/1.jpg"):
    return SeenFile(root="/in", path=path, signature=signature, file_time=datetime(2026, 1, 1, tzinfo=UTC), station="A")


def test_two_equal_looks_far_enough_apart_settle_a_file():
    """One look says nothing: the copying may have paused."""
    settler = Settler(2.0)
    assert settler.look(seen("a"), 0.0) is Rest.MOVING
    assert settler.look(seen("a"), 1.9) is Rest.MOVING
    assert settler.look(seen("a"), 2.0) is Rest.SETTLED


def test_a_change_begins_the_wait_anew():
    """Whatever changes: size, times, or the file under the name."""
    settler = Settler(2.0)
    settler.look(seen("a"), 0.0)
    assert settler.look(seen("b"), 2.0) is Rest.MOVING
    assert settler.look(seen("b"), 3.9) is Rest.MOVING
    assert settler.look(seen("b"), 4.0) is Rest.SETTLED


def test_it_says_for_how_long_a_file_has_not_changed():
    """That decides when a picture that ends too early is given up."""
    settler = Settler(2.0)
    settler.look(seen("a"), 10.0)
    assert settler.unchanged_for(seen("a"), 25.0) == 15.0
    assert settler.unchanged_for(seen("b"), 25.0) == 0.0


def test_what_is_known_or_gone_is_forgotten():
    """Memory is for what moves."""
    settler = Settler(2.0)
    for name in (b"1", b"2", b"3"):
        settler.look(seen("a", name), 0.0)
    settler.forget(seen("a", b"1"))
    settler.keep_only("/in", {b"1", b"2"})
    assert len(settler) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5)), min_size=1, max_size=30))
def test_a_file_never_settles_within_the_wait_after_a_change(looks):
    """Whatever the order of looks and changes."""
    settler, now, changed, last = Settler(2.0), 0.0, 0.0, None
    for signature, pause in looks:
        now += pause
        if signature != last:
            changed, last = now, signature
        if settler.look(seen(signature), now) is Rest.SETTLED:
            assert now - changed >= 2.0
