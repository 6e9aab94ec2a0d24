"""The faults of a camera, and one that was found."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

SHOWN = 3  # pictures a finding


class Fault(StrEnum):
    """What can be wrong with a camera; beside each, the numbers that a finding of it has."""

    CLOCK_RESET = "clock_reset"  # it starts at its first day again: pictures
    CLOCK_JUMPED = "clock_jumped"  # from one picture to the next: seconds (negative: backwards), offset?
    CLOCK_AHEAD = "clock_ahead"  # pictures taken after they arrived: pictures, seconds, offset?
    CLOCK_SUN = "clock_sun"  # night pictures by day, and the other way round: share, offset?
    SILENT = "silent"  # up to the pickup, a dead battery or a full card: days, usual_days
    GAP = "gap"  # covered, or without power for a while: days
    MOVED = "moved"  # knocked, turned or covered, and it stayed so: bits
    VEGETATION = "vegetation"  # hundreds of empty pictures all day long: days, pictures (on the worst day)
    FLASH = "flash"  # nothing lit at night: pictures

    @property
    def is_of_clock(self) -> bool:
        """Whether the times of its pictures are in doubt."""
        return self in {Fault.CLOCK_RESET, Fault.CLOCK_JUMPED, Fault.CLOCK_AHEAD, Fault.CLOCK_SUN}


@dataclass(frozen=True, slots=True)
class Found:
    """A fault in a series: times in seconds since 1970, up to three pictures that show it, when the last of all came.

    Where a clock can be set right for sure, ``offset`` among the numbers is what to add to it, in seconds, from
    ``begin`` to ``end``.
    """

    fault: Fault
    begin: float
    end: float
    came: float
    pictures: tuple[int, ...]
    numbers: Mapping[str, float]


def found(fault: Fault, rows: np.ndarray, shown: np.ndarray, numbers: Mapping[str, float]) -> Found:
    """Give a fault that all of ``rows`` bear witness to, and the first, a middle and the last of ``shown`` show."""
    middle = range(1, len(shown) - 1)
    some = shown[[0, *middle[len(middle) // 2 :][: SHOWN - 2], -1]]
    return Found(
        fault,
        begin=float(rows["at"].min()),
        end=float(rows["at"].max()),
        came=float(rows["came"].max()),
        pictures=tuple(dict.fromkeys(some["media"].tolist())),
        numbers=numbers,
    )
