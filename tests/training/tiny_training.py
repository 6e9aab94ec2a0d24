"""``python -m training`` with two tiny backbones in the place of the starter's, as a process that may be killed."""

import sys

from tiny_backbones import register_tiny

from ml.backbones import ENSEMBLES
from training.cli import Defaults, app
from training.settings import TrainingSettings

QUICK = TrainingSettings(epochs=3, batch_size=32, prototypes=2, views=("mirror",))

if __name__ == "__main__":
    ENSEMBLES["starter"] = register_tiny({"tiny_a": 16, "tiny_b": 24}, size=32)
    app(sys.argv[1:], obj=lambda: Defaults(QUICK))
