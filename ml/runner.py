"""What stands between pixels and heads, whatever runs it."""

from typing import Protocol

from ml.arrays import Floats, Pixels


class Runner(Protocol):
    """The backbones, ready to run."""

    @property
    def batch_size(self) -> int:
        """Pictures a run."""

    def __call__(self, pixels: Pixels) -> list[Floats]:
        """Run up to ``batch_size`` pictures, uint8 (n, size, size, 3).

        Returns map (m, h, w, features) and pooled (m, features) of each backbone in turn, float32; m may be more than
        n, and then the last rows belong to no picture.
        """
