"""Which runtime answers at which precision, and the reasons in words."""

import os
import subprocess
import sys

import pytest

from ml import machine
from ml.runtime import Agreement, Choice, RuntimeMissing, choose, openvino, prepare
from ml.settings import ModelSettings, Precision, Runtime

CLOSE, FEW, FAR = (
    Agreement(pictures=400, equal=399),
    Agreement(pictures=199, equal=199),
    Agreement(pictures=400, equal=397),
)
OPENVINO, TENSORFLOW, JAX = Runtime.OPENVINO, Runtime.TENSORFLOW, Runtime.JAX
FLOAT32, BFLOAT16 = Precision.FLOAT32, Precision.BFLOAT16
NAMED = "the configuration names it"
ASKED = "the configuration asks for"


@pytest.fixture
def lacking(monkeypatch):
    """``lacking(name)`` makes a package one that is not installed, as far as Python can tell."""
    return lambda name: monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def on_a_cpu():
    if machine.prepare():
        pytest.skip("this machine has a GPU")


@pytest.mark.parametrize(
    ("precision", "known", "chosen", "why"),
    [
        ("float32", None, FLOAT32, f"{NAMED}; {ASKED} float32"),
        ("float32", CLOSE, FLOAT32, f"{NAMED}; {ASKED} float32"),
        ("bfloat16", None, BFLOAT16, f"{NAMED}; {ASKED} bfloat16"),
        ("bfloat16", FAR, BFLOAT16, f"{NAMED}; {ASKED} bfloat16"),
        ("auto", None, FLOAT32, f"{NAMED}; whether this model decides the same in bfloat16 was not counted"),
        ("auto", FEW, FLOAT32, f"{NAMED}; bfloat16 is not close enough (199 of 199 decisions are equal)"),
        ("auto", FAR, FLOAT32, f"{NAMED}; bfloat16 is not close enough (397 of 400 decisions are equal)"),
        ("auto", CLOSE, BFLOAT16, f"{NAMED}; in bfloat16 399 of 400 decisions are equal"),
    ],
)
def test_the_precision_is_the_configured_one_or_what_is_known_to_decide_the_same(precision, known, chosen, why):
    """A configured one wins; else bfloat16 needs an agreement that was counted, on enough pictures, and is close."""
    if precision == "auto" and not openvino.has_bfloat16():
        chosen, why = FLOAT32, f"{NAMED}; this processor has no bfloat16"
    agreements = {} if known is None else {(OPENVINO, BFLOAT16): known}
    assert choose(ModelSettings(runtime=OPENVINO, precision=precision), agreements) == Choice(OPENVINO, chosen, why)


def test_what_is_known_of_another_runtime_says_nothing_of_this_one():
    """An agreement counts for the runtime and the precision it was counted with."""
    known = {(TENSORFLOW, BFLOAT16): CLOSE, (OPENVINO, FLOAT32): CLOSE}
    assert choose(ModelSettings(runtime=OPENVINO), known).precision is FLOAT32


@pytest.mark.usefixtures("on_a_cpu")
@pytest.mark.parametrize("runtime", [TENSORFLOW, JAX])
def test_keras_on_a_cpu_computes_in_float32(runtime):
    """However close bfloat16 is, it is slower there; a configured precision wins here too."""
    close = {(runtime, BFLOAT16): CLOSE}
    why = f"{NAMED}; in bfloat16 {runtime} is slower with some backbones on a CPU"
    assert choose(ModelSettings(runtime=runtime), close) == Choice(runtime, FLOAT32, why)
    asked = choose(ModelSettings(runtime=runtime, precision=BFLOAT16), {})
    assert asked == Choice(runtime, BFLOAT16, f"{NAMED}; {ASKED} bfloat16")


@pytest.mark.usefixtures("on_a_cpu")
def test_without_a_gpu_openvino_runs_where_it_is_installed(lacking):
    """auto finds it; without it TensorFlow runs, and the reason names what to install."""
    settings = ModelSettings(precision=FLOAT32)
    said = "the configuration asks for float32"
    assert choose(settings, {}) == Choice(OPENVINO, FLOAT32, f"it is the fastest on a CPU; {said}")
    lacking("openvino")
    choice = choose(settings, {})
    assert choice.runtime is TENSORFLOW
    assert "not installed (trapline[cpu])" in choice.why


@pytest.mark.parametrize(("runtime", "package", "extra"), [(JAX, "jax", "jax"), (OPENVINO, "openvino", "cpu")])
def test_a_runtime_that_is_not_installed_is_refused_in_words(runtime, package, extra, lacking):
    """The message names the key, the package to install and the way without it; so does the preparing."""
    lacking(package)
    for refuse in (lambda settings: choose(settings, {}), prepare):
        with pytest.raises(RuntimeMissing, match=rf"model\.runtime is {runtime}.*trapline\[{extra}\].*auto"):
            refuse(ModelSettings(runtime=runtime))


@pytest.mark.parametrize(
    ("runtime", "loaded", "not_loaded"), [("openvino", "ml", "tensorflow"), ("tensorflow", "tensorflow", "openvino")]
)
def test_what_is_prepared_is_what_will_run(runtime, loaded, not_loaded):
    """With OpenVINO TensorFlow is not loaded; what is chosen afterwards loads nothing more."""
    code = (
        "import sys\n"
        "from ml.runtime import choose, prepare\n"
        "from ml.settings import ModelSettings\n"
        f"settings = ModelSettings(runtime={runtime!r}, precision='float32')\n"
        "prepare(settings)\n"
        "choose(settings, {})\n"
        f"print({loaded!r} in sys.modules, {not_loaded!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_jax_is_prepared_as_keras_backend_and_alone():
    """Whatever chooses afterwards asks JAX for GPUs: TensorFlow would take memory of its own."""
    code = (
        "import os, sys\n"
        "from ml.runtime import choose, prepare\n"
        "from ml.settings import ModelSettings\n"
        "settings = ModelSettings(runtime='jax')\n"
        "prepare(settings)\n"
        "choose(settings, {})\n"
        "print(os.environ['KERAS_BACKEND'], 'jax' in sys.modules, 'tensorflow' in sys.modules)"
    )
    pytest.importorskip("jax", reason="JAX is not installed")
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["jax", "True", "False"]
