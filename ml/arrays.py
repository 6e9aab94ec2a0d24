"""Names for the arrays that go from module to module; shapes stand in the docstrings of those who take them."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating]
Ints: TypeAlias = NDArray[np.integer]
Pixels: TypeAlias = NDArray[np.uint8]
