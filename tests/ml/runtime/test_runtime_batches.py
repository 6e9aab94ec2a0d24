"""A batch that a device cannot hold is halved, and one that it can is doubled as long as that is faster."""

import time
from functools import cache

import numpy as np
import pytest
from drawn_models import patchwork
from hypothesis import given, settings
from hypothesis import strategies as st
from watched_backbones import SIZE, Memory, Passing, register_watched

from ml.graph import build
from ml.runtime.batches import Fitting, OutOfMemory

BATCH = 8
PIXELS = patchwork(BATCH, size=SIZE)


@pytest.fixture(scope="module")
def device():
    """A memory, and what compiles one tiny backbone in it for a batch size."""
    memory = Memory()
    name = register_watched("narrow", lambda: Passing(memory))
    return memory, cache(build((name,), weights_folder=None, untrained={name: 1}, batch_size=1).at)


@pytest.fixture
def memory(device):
    """The memory, which holds everything so far."""
    device[0].holds, device[0].sizes = Memory().holds, []
    return device[0]


@pytest.fixture(scope="module")
def one_by_one(device):
    """What the backbone says of each picture alone."""
    rows = [device[1](1)(PIXELS[[place]]) for place in range(BATCH)]
    return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


@pytest.mark.parametrize(("holds", "fits"), [(8, 8), (7, 4), (4, 4), (3, 2), (1, 1)])
def test_a_batch_is_halved_until_it_fits(holds, fits, device, memory, one_by_one):
    """TensorFlow's own error halves it; the numbers are those of a batch that fits, and the size stays."""
    memory.holds = holds
    fitting = Fitting(device[1], BATCH)
    for found, wanted in zip(fitting(PIXELS), one_by_one, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert fitting.batch_size == fits
    memory.sizes.clear()
    fitting(PIXELS)
    assert memory.sizes == [fits] * (BATCH // fits)


@settings(deadline=None)  # a size that is run for the first time is traced
@given(count=st.integers(1, BATCH), holds=st.integers(1, BATCH + 1))
def test_the_rows_of_a_batch_depend_on_nothing_but_its_pictures(device, one_by_one, count, holds):
    """However many pictures come and however little memory there is, each has the row that it has alone."""
    device[0].holds = holds
    found = Fitting(device[1], BATCH)(PIXELS[:count])
    for rows, wanted in zip(found, one_by_one, strict=True):
        assert len(rows) >= count
        np.testing.assert_allclose(rows[:count], wanted[:count], rtol=1e-5)


def test_where_not_one_picture_fits_something_else_goes_on(device, memory, one_by_one):
    """It answers, also from then on, and in batches of its own size."""
    memory.holds = 0
    name = register_watched("roomy", lambda: Passing(Memory()))
    elsewhere = build((name,), weights_folder=None, untrained={name: 1}, batch_size=4)
    fitting = Fitting(device[1], BATCH, instead=lambda _size: elsewhere)
    for _ in range(2):
        for found, wanted in zip(fitting(PIXELS), one_by_one, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5)
        assert fitting.batch_size == 4
    assert memory.sizes == []


def test_where_nothing_fits_anywhere_it_is_said(device, memory):
    """The error says what to do, and stands on what the framework said."""
    memory.holds = 0
    with pytest.raises(OutOfMemory, match="no memory for one picture: end other programs, or add memory") as raised:
        Fitting(device[1], BATCH)(PIXELS)
    assert "1 pictures" in str(raised.value.__cause__)


def test_another_error_comes_through_as_it_is():
    """A layer that cannot compute is no lack of memory: the error is what it is without batches, and none is halved."""

    def refuse(pixels):
        raise ValueError(f"an odd batch of {len(pixels)}")

    name = register_watched("odd", lambda: Passing(lambda pixels: refuse(pixels) if len(pixels) < BATCH else None))
    graph = build((name,), weights_folder=None, untrained={name: 1}, batch_size=4)
    with pytest.raises(Exception, match="an odd batch of 4") as alone:
        graph(PIXELS[:4])
    fitting = Fitting(graph.at, 4)
    with pytest.raises(type(alone.value), match="an odd batch of 4"):
        fitting(PIXELS[:4])
    assert fitting.batch_size == 4


class Spinning:
    """A device that takes the same time for any batch up to ``best`` pictures, and far longer for a larger one."""

    def __init__(self, batch_size, best, memory):
        self.batch_size = batch_size
        self.best = best
        self.memory = memory

    def __call__(self, pixels):
        self.memory(pixels)
        # one that is moved aside meanwhile still seems twice as fast for twice as many
        slower = 1 if self.batch_size <= self.best else 2 * (self.batch_size / self.best) ** 2
        until = time.perf_counter() + 0.02 * slower
        while time.perf_counter() < until:
            pass
        return [np.zeros((self.batch_size, 1), np.float32)]


@pytest.mark.alone  # it takes times
@pytest.mark.parametrize(("start", "best", "holds", "found"), [(4, 32, 512, 32), (8, 4, 512, 8), (8, 512, 20, 16)])
def test_a_batch_is_doubled_while_that_is_faster_and_fits(start, best, holds, found):
    """The search ends at the fastest size or where memory ends, and the size that it gives is the one that runs."""
    memory = Memory(holds)
    fitting = Fitting(lambda size: Spinning(size, best, memory), start)
    assert fitting.grow(PIXELS[:1]) == found
    assert fitting.batch_size == found
    memory.sizes.clear()
    fitting(np.repeat(PIXELS[:1], found, axis=0))
    assert memory.sizes == [found]


def test_memory_that_ends_below_the_first_size_ends_the_search(device, memory):
    """The size at which it starts may be too large already: then it is halved, and not an error."""
    memory.holds = 3
    fitting = Fitting(device[1], BATCH)
    assert fitting.grow(PIXELS[:1]) == 2
    memory.sizes.clear()
    fitting(PIXELS[:2])
    assert memory.sizes == [2]


def test_tensorflow_s_own_error_ends_the_search(device, memory):
    """What the search gives fits, and is run."""
    memory.holds = 20
    fitting = Fitting(device[1], BATCH)
    found = fitting.grow(PIXELS[:1])
    assert found in (8, 16)
    memory.sizes.clear()
    fitting(np.repeat(PIXELS[:1], found, axis=0))
    assert memory.sizes == [found]
