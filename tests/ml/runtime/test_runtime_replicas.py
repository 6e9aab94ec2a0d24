"""The same model on several devices at once."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def beside(monkeypatch):
    """A program knows what stands beside the tests, and TensorFlow says what it does."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], str(HERE)]))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")


@pytest.mark.alone  # it says how evenly work is shared
@pytest.mark.usefixtures("beside")
def test_threads_that_ask_at_once_get_their_own_answers_from_both_devices(tmp_path):
    """Five threads and two devices: each answer is that of its pictures, and each batch is run once, on one of both."""
    command = [sys.executable, HERE / "two_devices.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == []
    ran = Counter(
        re.findall(r"Executing op __inference_one_step\S* in device \S*(CPU:\d)", done.stderr.partition("NOW\n")[2])
    )
    assert set(ran) == {"CPU:0", "CPU:1"}
    assert sum(ran.values()) == 60
    assert min(ran.values()) >= 10
