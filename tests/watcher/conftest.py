"""A ledger and real decode workers, for the tests of what stands on them."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from blank_ledger import new_ledger
from seen_files import seen_below
from tiny_backbones import SMALL, register_tiny

from db.redlist import load as load_redlist
from ml.artifacts import Card, save
from ml.backbones import load
from ml.decision import Thresholds
from ml.familiarity import Familiar
from ml.heads import Dense, Head
from ml.reduction import Reduction
from watcher.inbox.settle import Settled
from watcher.intake import Intake, decode_pool
from watcher.stations import read_stations


@pytest.fixture(scope="session")
def redlist():
    return load_redlist()


@pytest.fixture(scope="session")
def pool():
    """One spawned worker for all: starting it takes a second."""
    with decode_pool(1) as pool:
        yield pool


@pytest.fixture
def ledger(tmp_path):
    (tmp_path / "data").mkdir(exist_ok=True)
    ledger = new_ledger(tmp_path / "data/trapline.db")
    yield ledger
    ledger.close()


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def intake(ledger, redlist, pool, tmp_path):
    return Intake(
        ledger=ledger,
        redlist=redlist,
        pool=pool,
        workers=1,
        data_dir=tmp_path / "data",
        kept_size=64,
        max_pixels=1_500_000,
        listed=lambda root: read_stations(Path(root)).listed,
    )


@pytest.fixture
def take_all(intake, inbox):
    """Scan the inbox and take everything in it; ``final`` as the intake has it."""

    def take(*, final=True):
        files = [Settled(file, final) for file in seen_below(inbox)]
        return [read for batch in intake.take(files) for read in batch]

    return take


@pytest.fixture(scope="session")
def small_model():
    """Write a small ensemble with drawn weights into a model store: ``small_model(models, seed)`` gives its version."""
    register_tiny(SMALL, size=64)

    def write(models, seed=0, confidence=0.0):
        random = np.random.default_rng(seed)
        heads = [
            Head(
                Reduction(np.zeros(w, np.float32), np.eye(w, dtype=np.float32)),
                None,
                Dense(random.normal(size=(w, 3)).astype(np.float32), np.zeros(3, np.float32)),
            )
            for w in SMALL.values()
        ]
        card = Card(
            name="small",
            created=date(2026, 11, 24),
            classes=("lion", "rhino", "other"),
            picture_size=64,
            preprocessing=1,
            backbones={name: load(name, untrained=1).weights_sha256 for name in SMALL},
            stack_weights=np.tile(np.eye(3) / 2, (2, 1)).tolist(),
            stack_bias=[0.0, 0.0, -9.0],
            temperature=1.0,
            thresholds=Thresholds(confidence=confidence, distance=2.0),
            metrics={},
            dataset={},
            settings={},
            versions={},
        )
        familiar = Familiar(np.ones((1, sum(SMALL.values())), np.float32))
        features = {"label": np.zeros(1, np.uint8)}
        return save(models, card, heads=heads, familiar=familiar, features=features, readme="Drawn.\n").name

    return write
