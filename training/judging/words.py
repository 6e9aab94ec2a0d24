"""How a run's figures are said: the page and the model card use the same words."""

import numpy as np

from ml.backbones import backbone
from training.judging.findings import Findings, Versus
from training.judging.intervals import Interval
from training.record import STACK

COLUMNS = {
    "pretrained": "Pretrained",
    "plain": "Plain folds",
    "retrained": "Retrained",
    "testing": "Testing",
}

_TINY = 0.001


def percent(share: float) -> str:
    """Print a share; what is not 1 is never printed as such."""
    if np.isnan(share):
        return "–"
    return ">99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"  # noqa: PLR2004  # would round to 100.0


def span(interval: Interval) -> str:
    """Print the ends of the interval of a share: ``96.3–98.5``."""
    return "–" if np.isnan(interval.low) else f"{100 * interval.low:.1f}–{100 * interval.high:.1f}"


def points(difference: Interval) -> str:
    """Print a difference of shares and its interval in percentage points."""
    value, low, high = (100 * each for each in (difference.value, difference.low, difference.high))
    return f"{value:+.1f} points (95% interval {low:+.1f} to {high:+.1f})".replace("-", "−")


def label(name: str) -> str:
    """Print a label of the model."""
    return name.replace("_", " ")


def answerer(name: str) -> str:
    """Print the title of a backbone, or of the stack."""
    return "Stack" if name == STACK else backbone(name).title


def stack_against_best(found: Findings, title: str) -> str | None:
    """Say whether the stack is better than the best single backbone; None where there is but one."""
    versus = found.columns[title].stack
    if versus is None:
        return None
    chosen = "chosen out of fold" if found.unseen else "chosen on these very pictures, which favours it"
    return _compared(versus, "the stack", f"{answerer(versus.first)}, the best single backbone ({chosen})")


def gain(versus: Versus) -> str:
    """Say what tuning, or fine-tuning, gained out of fold."""
    return _compared(versus, versus.second, versus.first)


def _compared(versus: Versus, second: str, first: str) -> str:
    verb = "are" if second.endswith("s") else "is"
    than = "from" if versus.verdict == "not distinguishable" else "than"
    sentence = f"{second} {verb} {versus.verdict} {than} {first}"
    return (
        f"{sentence[0].upper()}{sentence[1:]}: macro F1 {points(versus.macro_f1)}, accuracy {points(versus.accuracy)}; "
        f"McNemar’s exact test p {'< 0.001' if versus.mcnemar < _TINY else f'= {versus.mcnemar:.2g}'}."
    )
