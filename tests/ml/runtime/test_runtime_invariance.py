"""An answer depends on its picture alone: not on the order, number or kind of its batch mates, nor on threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from drawn_models import assert_alike, numbers, opened
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.artifacts import STARTER
from ml.runtime import openvino
from ml.runtime.agreement import said

WAYS = [("tensorflow", "float32"), ("openvino", "float32"), ("openvino", "bfloat16")]


@pytest.fixture(scope="module", params=WAYS, ids=" ".join)
def starter(request, starter_cache):
    """The starter on a runtime at a precision."""
    if request.param[1] == "bfloat16" and not openvino.has_bfloat16():
        pytest.skip("this processor has no bfloat16")
    return opened(STARTER, starter_cache, *request.param)


@pytest.fixture(scope="module")
def alone(starter, scenes):
    """The answers to each picture alone."""
    return [starter.predict(scenes[[place]])[0] for place in range(len(scenes))]


def assert_same(answers, alone, places):
    """The decisions are equal, and the numbers but for rounding."""
    wanted = [alone[place] for place in places]
    assert [said(each) for each in answers] == [said(each) for each in wanted]
    assert_alike(numbers(answers), numbers(wanted), probabilities=1e-6, heat=1e-5)


@settings(max_examples=8, deadline=None)
@given(places=st.lists(st.integers(0, 16), min_size=1, max_size=17))
def test_an_answer_depends_on_its_picture_alone(starter, scenes, alone, places):
    """In any order, one to seventeen at once, and beside any others, itself included."""
    assert_same(starter.predict(scenes[places]), alone, places)


def test_threads_that_ask_at_once_get_what_one_thread_gets(starter, scenes, alone):
    """Twice as many threads as there are lanes, each with pictures of its own."""
    random = np.random.default_rng(0)
    chosen = [random.permutation(len(scenes))[:5] for _ in range(6)]
    with ThreadPoolExecutor(2 * starter.lanes) as threads:
        found = list(threads.map(lambda places: starter.predict(scenes[places]), chosen))
    for answers, places in zip(found, chosen, strict=True):
        assert_same(answers, alone, places)
