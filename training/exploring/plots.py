"""The plots of the page about a data set, in the manner of those about a run."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from training.judging.plots import SERIES, WIDTH, blank_axes, manner, svg

_ROW = 0.3  # inches of a bar
_BINS = 30
_DAY = 24


def classes(counts: Mapping[str, Mapping[str, int]]) -> Markup:
    """Draw one bar a class, from counts by split; the first class stands at the top."""
    splits = list(dict.fromkeys(split for each in counts.values() for split in each))
    with manner():
        axes = blank_axes(height=1.2 + _ROW * len(counts))
        left = np.zeros(len(counts))
        for place, split in enumerate(splits):
            widths = np.array([each.get(split, 0) for each in counts.values()])
            axes.barh(range(len(counts)), widths, left=left, color=SERIES[place % len(SERIES)], label=split)
            left += widths
        axes.set_yticks(range(len(counts)), list(counts))
        axes.set(xlabel="pictures", ylim=(len(counts) - 0.4, -0.6))
        if any(splits):
            axes.get_figure(root=True).legend(loc="outside upper center", ncols=len(splits))  # type: ignore[union-attr]
        return svg(axes)


def longer_sides(pixels: Sequence[int]) -> Markup:
    """Draw how many pictures are how large, by their longer side."""
    edges = np.geomspace(min(pixels), max(pixels) + 1, _BINS)
    with manner():
        axes = blank_axes(height=WIDTH / 2)
        axes.hist(pixels, bins=edges.tolist(), color=SERIES[0])
        axes.set_xscale("log")
        ticks = [each for each in (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192) if edges[0] <= each <= edges[-1]]
        axes.set_xticks(ticks, [str(each) for each in ticks])
        axes.set_xticks([], minor=True)
        axes.set(xlabel="longer side, pixels", ylabel="pictures")
        return svg(axes)


def proportions(ratios: Sequence[float]) -> Markup:
    """Draw how many pictures have which proportion of width to height; what is beyond 1:3 stands at the edge."""
    with manner():
        axes = blank_axes(height=WIDTH / 2)
        axes.hist(np.log2(np.clip(ratios, 1 / 3, 3)), bins=_BINS, color=SERIES[1])
        named = {"1:2": 0.5, "3:4": 0.75, "1:1": 1, "4:3": 4 / 3, "2:1": 2}
        axes.set_xticks(np.log2(list(named.values())), list(named))
        axes.set(xlabel="width to height", ylabel="pictures")
        return svg(axes)


def hours(captured: Sequence[int]) -> Markup:
    """Draw how many pictures were captured in which hour of the day."""
    with manner():
        axes = blank_axes(height=WIDTH / 2)
        axes.bar(range(_DAY), np.bincount(captured, minlength=_DAY), color=SERIES[2])
        axes.set_xticks(range(0, _DAY, 3))
        axes.set(xlabel="hour, by the camera's clock", ylabel="pictures")
        return svg(axes)
