"""How often TensorFlow writes the backbones into a graph, which takes seconds and memory."""

import numpy as np
from drawn_models import patchwork
from watched_backbones import SIZE, Traced, register_watched

from ml.graph import build

PIXELS = patchwork(8, size=SIZE)


def test_batches_of_any_size_are_one_trace():
    """One to eight pictures in several orders run as one shape; another batch size of the same graph is one more."""
    traces = []
    name = register_watched("traced", lambda: Traced(traces.append))
    graph = build((name,), weights_folder=None, untrained={name: 1}, batch_size=8)
    traces.clear()
    sizes = [8, 1, 2, 3, 4, 5, 6, 7, 8, 3, 1]
    for size in sizes:
        graph(PIXELS[:size])
    assert traces == [(8, SIZE, SIZE, 3)]
    smaller = graph.at(4)
    traces.clear()
    for size in (1, 4, 3, 2, 4):
        rows, wanted = smaller(PIXELS[:size])[1], graph(PIXELS[:size])[1]
        np.testing.assert_allclose(rows[:size], wanted[:size], rtol=1e-5)
    assert traces == [(4, SIZE, SIZE, 3)]
