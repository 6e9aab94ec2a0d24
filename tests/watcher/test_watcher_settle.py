"""A file is taken when it has come to rest, by the daemon's own clock."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from db.store import SeenFile
from watcher.inbox.settle import Rest, Settler


def seen(signature, path=b"A/1.jpg", device=1):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return SeenFile(root="/in", path=path, signature=signature, file_time=at, station="A", device=device)


def test_two_equal_looks_far_enough_apart_settle_a_file():
    """One look says nothing: the copying may have paused."""
    settler = Settler(2.0)
    assert settler.look(seen("a"), 0.0) is Rest.MOVING
    assert settler.look(seen("a"), 1.9) is Rest.MOVING
    assert settler.look(seen("a"), 2.0) is Rest.FINAL


def test_a_change_begins_the_wait_anew():
    """Whatever changes: size, times, or the file under the name."""
    settler = Settler(2.0)
    settler.look(seen("a"), 0.0)
    assert settler.look(seen("b"), 2.0) is Rest.MOVING
    assert settler.look(seen("b"), 3.9) is Rest.MOVING
    assert settler.look(seen("b"), 4.0) is Rest.FINAL


def test_a_file_that_ended_too_early_is_read_again_when_it_changes_or_is_final():
    """Until then it may still grow, and reading it again would say the same."""
    settler = Settler(2.0, incomplete_seconds=900.0)
    looks = [settler.look(seen("a"), now) for now in (0.0, 2.0)]
    settler.unfinished(seen("a"))
    looks += [settler.look(seen("a"), now) for now in (4.0, 899.0, 900.0)]
    assert looks == [Rest.MOVING, Rest.READY, Rest.UNFINISHED, Rest.UNFINISHED, Rest.FINAL]
    settler.look(seen("b"), 901.0)
    assert settler.look(seen("b"), 903.0) is Rest.READY


def test_what_was_read_while_it_changed_is_read_again():
    """The verdict was on what the file was before."""
    settler = Settler(2.0, incomplete_seconds=900.0)
    settler.look(seen("a"), 0.0)
    settler.look(seen("b"), 2.0)
    settler.unfinished(seen("a"))
    assert settler.look(seen("b"), 4.0) is Rest.READY


def test_another_file_on_another_device_is_another_file():
    """Even where inode, size and times are the same."""
    settler = Settler(2.0)
    settler.look(seen("a", device=1), 0.0)
    assert settler.look(seen("a", device=2), 2.0) is Rest.MOVING


def test_what_is_known_or_gone_is_forgotten():
    """Memory is for what moves."""
    settler = Settler(2.0)
    for name in (b"1", b"2", b"3"):
        settler.look(seen("a", name), 0.0)
    settler.forget(seen("a", b"1"))
    settler.look(seen("a", b"2"), 1.0)
    settler.drop_unseen(since=1.0)
    assert len(settler) == 1


def test_memory_is_bounded_and_everything_gets_its_turn():
    """However many files a station brings; those beyond the bound are tracked when others have settled."""
    settler = Settler(2.0)
    files = [seen("a", str(number).encode()) for number in range(2_100)]
    for file in files:
        settler.look(file, 0.0)
    assert len(settler) == 2_000
    assert settler.look(files[-1], 2.0) is Rest.MOVING
    for file in files[:2_000]:
        settler.forget(file)
    assert [settler.look(files[-1], now) for now in (3.0, 5.0)] == [Rest.MOVING, Rest.FINAL]


def test_what_is_written_for_long_is_named():
    """From when it was first seen to its last change; one that is still and waits for its turn is not."""
    settler = Settler(2.0)
    for now in (0.0, 1800.0, 3600.0):
        settler.look(seen(str(now)), now)
    assert list(settler.growing(3600.0)) == [b"A/1.jpg"]
    assert list(settler.growing(3601.0)) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5)), min_size=1, max_size=30))
def test_a_file_never_settles_within_the_wait_after_a_change(looks):
    """Whatever the order of looks and changes."""
    settler, now, changed, last = Settler(2.0), 0.0, 0.0, None
    for signature, pause in looks:
        now += pause
        if signature != last:
            changed, last = now, signature
        if settler.look(seen(signature), now) is not Rest.MOVING:
            assert now - changed >= 2.0
