"""Which runtime answers, at which precision, and why."""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass

from ml import machine
from ml.machine import RuntimeMissing
from ml.runtime import openvino
from ml.runtime.agreement import Agreement
from ml.settings import ModelSettings, Precision, Runtime


@dataclass(frozen=True, slots=True)
class Choice:
    """What runs, and the reasons in words."""

    runtime: Runtime
    precision: Precision
    why: str


def prepare(settings: ModelSettings) -> None:
    """Load what is loud when it is loaded, Keras' backend, if that is what will run; raises ``RuntimeMissing``."""
    runtime, _ = _runtime(settings)
    if runtime is not Runtime.OPENVINO:
        os.environ["KERAS_BACKEND"] = runtime.value
        machine.prepare()


def choose(settings: ModelSettings, known: Mapping[tuple[Runtime, Precision], Agreement]) -> Choice:
    """Choose by the settings, by what is installed and, for the precision, by what is ``known`` of the model."""
    runtime, why = _runtime(settings)
    precision, why_so = _precision(settings, runtime, known.get((runtime, Precision.BFLOAT16)))
    return Choice(runtime, precision, f"{why}; {why_so}")


def with_bfloat16() -> list[Runtime]:
    """Name the runtimes that compute in bfloat16 here; TensorFlow does everywhere, if slowly."""
    return [Runtime.TENSORFLOW, *([Runtime.OPENVINO] if openvino.installed() and openvino.has_bfloat16() else [])]


def _runtime(settings: ModelSettings) -> tuple[Runtime, str]:
    if settings.runtime != "auto":
        if not _installed(settings.runtime):
            raise RuntimeMissing(
                f"model.runtime is {settings.runtime}, which is not installed: install "
                f"trapline[{'cpu' if settings.runtime is Runtime.OPENVINO else 'jax'}], or set it to auto"
            )
        return settings.runtime, "the configuration names it"
    if machine.may_have_gpu() and machine.prepare():
        return Runtime.TENSORFLOW, "it sees a GPU"
    if openvino.installed():
        return Runtime.OPENVINO, "it is the fastest on a CPU"
    return Runtime.TENSORFLOW, "OpenVINO, which is faster on a CPU, is not installed (trapline[cpu])"


def _precision(settings: ModelSettings, runtime: Runtime, known: Agreement | None) -> tuple[Precision, str]:
    if settings.precision != "auto":
        return settings.precision, f"the configuration asks for {settings.precision}"
    if runtime is Runtime.OPENVINO and not openvino.has_bfloat16():
        return Precision.FLOAT32, "this processor has no bfloat16"
    if runtime is not Runtime.OPENVINO and not machine.prepare():
        return Precision.FLOAT32, f"in bfloat16 {runtime} is slower with some backbones on a CPU"
    if known is None:
        return Precision.FLOAT32, "whether this model decides the same in bfloat16 was not counted"
    if not known.is_enough:
        return Precision.FLOAT32, f"bfloat16 is not close enough ({known})"
    return Precision.BFLOAT16, f"in bfloat16 {known}"


def _installed(runtime: Runtime) -> bool:
    if runtime is Runtime.OPENVINO:
        return openvino.installed()
    return importlib.util.find_spec(runtime.value) is not None
