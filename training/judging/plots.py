"""The plots of a run as SVG that stands inside a page: its colours are the page's own, light or dark.

Each is drawn for a telephone, 360 units wide and letters of 11, and may be shown larger. The page allows no style
attributes, so those that matplotlib writes become plain attributes, and stand-in colours become the style sheet's.
"""

import io
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
from markupsafe import Markup

from training.judging.calibration import Reliability, RiskCoverage
from training.record import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

WIDTH = 5  # inches: 360 points
_INK, _QUIET, _LINE = "#010101", "#020202", "#030303"
SERIES = ("#040404", "#050505", "#060606", "#070707")
_VARIABLES = dict(
    zip(
        (_INK, _QUIET, _LINE, *SERIES),
        ("ink", "quiet", "line", "answered", "unknown", "unfamiliar", "out-of-range"),
        strict=True,
    )
)
_STRONGEST = 0.55  # of a cell's colour: the number in it stays readable
_LEAST = 10  # pictures in a bin that is drawn
_POINTS = 150  # of a curve


def confusion(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> Markup:
    """Draw counts, rows: truth, columns: answer; the colour is the share of the row."""
    from matplotlib.patches import Rectangle

    counts = np.array(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with manner(matrix, names):
        axes = blank_axes(height=WIDTH, grid=False)
        for (row, column), share in np.ndenumerate(shares):
            if counts[row, column]:
                colour = SERIES[0] if row == column else SERIES[3]
                strength = _STRONGEST * np.sqrt(share)
                axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=strength))
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", size=_fitting(names))
        every = range(len(names))
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel="answered", ylabel="labelled")
        axes.set_xticks(every, names, rotation=90)
        axes.set_yticks(every, names)
        axes.set_aspect("equal")
        return svg(axes)


def _fitting(names: Sequence[str]) -> float:
    return 8 if len(names) > 8 else 11  # noqa: PLR2004  # twelve cells of three digits in the width


def calibration(curves: Mapping[str, Sequence[Reliability]]) -> Markup:
    """Draw how often an answer is right against how sure it is; the larger the dot, the more pictures.

    Bins of fewer than ten pictures are left out: their share says next to nothing.
    """
    with manner(curves):
        axes = blank_axes(height=4)
        axes.plot([0, 1], [0, 1], color=_QUIET, linestyle=":", label="as sure as right")
        for colour, (title, bins) in zip(SERIES, curves.items(), strict=False):
            filled = [each for each in bins if each.pictures >= _LEAST]
            confidence, accuracy = ([getattr(each, key) for each in filled] for key in ("confidence", "accuracy"))
            pictures = np.array([each.pictures for each in filled])
            axes.plot(confidence, accuracy, color=colour, label=title)
            axes.scatter(confidence, accuracy, 12 + 90 * np.sqrt(pictures / pictures.sum()), color=colour, alpha=0.6)
        axes.set(xlabel="probability of the answer", ylabel="share that is right", xlim=(0, 1.02), ylim=(0, 1.02))
        axes.legend(loc="upper left")
        return svg(axes)


def risk_coverage(curves: Mapping[str, RiskCoverage]) -> Markup:
    """Draw what is wrong of the answers against how many pictures are answered, the surest first."""
    with manner(curves):
        axes = blank_axes(height=4)
        for colour, (title, curve) in zip(SERIES, curves.items(), strict=False):
            chosen = np.unique(np.linspace(len(curve.risk) // 20, len(curve.risk) - 1, _POINTS).astype(int))
            axes.plot(100 * curve.coverage[chosen], 100 * curve.risk[chosen], color=colour, label=title)
        axes.set(xlabel="pictures answered, %", ylabel="of these wrong, %", xlim=(0, 100))
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left")
        return svg(axes)


def learning(curves: Sequence[Curve], what: str) -> Markup:
    """Draw ``loss`` or ``accuracy`` by epoch: each fold thin, the mean of those still learning thick."""
    from matplotlib.ticker import MaxNLocator

    with manner(curves, what):
        axes = blank_axes(height=3.4)
        for colour, key, title in ((SERIES[0], what, "learned from"), (SERIES[1], f"validation_{what}", "not seen")):
            folds = [getattr(curve, key) for curve in curves]
            for fold in folds:
                axes.plot(range(1, len(fold) + 1), fold, color=colour, alpha=0.35, linewidth=0.8)
            longest = max(map(len, folds))
            mean = [np.mean([fold[epoch] for fold in folds if epoch < len(fold)]) for epoch in range(longest)]
            axes.plot(range(1, longest + 1), mean, color=colour, label=title, marker="." if longest == 1 else "")
        axes.set(xlabel="epoch", ylabel=what)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
        return svg(axes)


def trials(values: Sequence[float]) -> Markup:
    """Draw the value of each trial (nan where it was stopped early) and the best so far; the lower the better."""
    numbers, tried = np.arange(len(values)), np.array(values, np.float64)
    finished = ~np.isnan(tried)
    with manner(values):
        axes = blank_axes(height=3.4)
        axes.scatter(numbers[finished], tried[finished], 14, color=SERIES[1], label="a trial")
        best = np.minimum.accumulate(tried[finished])
        axes.step(numbers[finished], best, where="post", color=SERIES[0], label="the best so far")
        low, high = best.min(), np.quantile(tried[finished], 0.9)
        axes.set(
            xlabel="trial", ylabel="log-loss out of fold", ylim=(low - (high - low) / 10, high + (high - low) / 10)
        )
        axes.legend()
        return svg(axes)


def manner(*content: object) -> AbstractContextManager[None]:
    """Draw in the page's manner; ids follow from what is drawn, so that those of two plots on a page differ."""
    from matplotlib import rc_context

    return rc_context({**_MANNER, "svg.hashsalt": repr(content)})


_MANNER: "dict[RcKeyType, Any]" = {
    "svg.fonttype": "none",
    "font.size": 11,
    "text.color": _INK,
    "axes.labelcolor": _QUIET,
    "axes.edgecolor": _LINE,
    "axes.axisbelow": True,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "lines.linewidth": 2,
}


def blank_axes(*, height: float, grid: bool = True) -> "Axes":
    """Return axes of a figure ``WIDTH`` wide and ``height`` high, in inches."""
    from matplotlib.figure import Figure

    axes = Figure((WIDTH, height), layout="constrained").add_subplot()
    axes.spines[["top", "right"]].set_visible(not grid)
    if grid:
        axes.grid(color=_LINE, linewidth=0.8)
    return axes


_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def svg(axes: "Axes") -> Markup:
    """Write the figure around ``axes``, without a ground; the page says beside it in words what it shows."""
    file = io.BytesIO()
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    root = ET.fromstring(file.getvalue())  # noqa: S314  # matplotlib wrote it a line ago
    for parent in root.iter():
        for child in list(parent):
            if child.tag in {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}:
                parent.remove(child)
    used = set(re.findall(r"#([\w-]+)", " ".join(value for each in root.iter() for value in each.attrib.values())))
    for each in root.iter():
        each.attrib |= _plain(each.attrib.pop("style", ""))
        if each.attrib.get("id") not in used:
            each.attrib.pop("id", None)
        each.attrib |= {key: f"var(--{_VARIABLES[value]})" for key, value in each.attrib.items() if value in _VARIABLES}
    for key in ("width", "height", "version"):
        del root.attrib[key]
    root.attrib |= {"aria-hidden": "true", "focusable": "false"}
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _LINK)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  # the tree escaped what it holds


def _plain(style: str) -> dict[str, str]:
    """Turn a style attribute into attributes; of a font only the size is kept, its family is the page's."""
    pairs = (part.split(":", 1) for part in style.split(";") if ":" in part)
    attributes = {key.strip(): value.strip() for key, value in pairs}
    if font := attributes.pop("font", ""):
        (size,) = re.findall(r"([\d.]+)px", font)
        attributes["font-size"] = size
    return attributes
