"""A program of its own, since a process has one backend of Keras: a model's answers by a runtime, as numbers.

``answers_by.py MODEL RUNTIME CACHE PICTURES.npy ANSWERS.npz``; prints what the model ran on.
"""

import sys
from pathlib import Path

import numpy as np
from drawn_models import numbers, opened

folder, runtime, cache, pictures, answers = sys.argv[1:]
ensemble = opened(Path(folder), Path(cache), runtime)
np.savez(answers, **numbers(ensemble.predict(np.load(pictures))))
sys.stdout.write(ensemble.runs_on)
