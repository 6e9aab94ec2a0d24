"""Batches that a device can hold: the fastest size found by doubling, and smaller ones where its memory ends."""

import logging
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue

import numpy as np

from ml.arrays import Floats, Pixels
from ml.graph import CPU_BATCH
from ml.runner import Runner

log = logging.getLogger(__name__)

_GAIN = 1.05  # a batch twice as large must be so much faster a picture
_LARGEST = 512
_TRIES = 2


class OutOfMemory(MemoryError):  # noqa: N818  # reads as what happened
    """Not even one picture fits; the message says what to do."""


class Fitting:
    """One device, and the batch size that fits it. One thread uses it at a time."""

    def __init__(
        self, at: Callable[[int], Runner], batch_size: int, *, instead: Callable[[int], Runner] | None = None
    ) -> None:
        """Run what ``at`` makes for a batch size; ``instead`` makes it where not even one picture fits."""
        self._at = at
        self._instead = instead
        self._runner = at(batch_size)
        self.batch_size = batch_size

    def __call__(self, pixels: Pixels) -> list[Floats]:
        """Run up to ``batch_size`` pictures, in as many parts as it takes by now."""
        while True:
            size = self._runner.batch_size
            try:
                parts = [self._runner(pixels[start : start + size]) for start in range(0, len(pixels), size)]
            except Exception as error:
                if not out_of_memory(error):
                    raise
                self._shrink(error)
            else:
                return [np.concatenate(rows) for rows in zip(*parts, strict=True)] if len(parts) > 1 else parts[0]

    def grow(self, pixels: Pixels) -> int:
        """Double the batch until it is no faster or does not fit, and stay with the fastest; return its size.

        ``pixels`` is one picture, uint8 (1, size, size, 3).
        """
        first = self._runner
        self(np.repeat(pixels, self.batch_size, axis=0))
        if self._runner is not first:  # what did not fit even now is not doubled
            return self.batch_size
        best = self._speed(self._runner, pixels)
        while self.batch_size < _LARGEST:
            larger = self._at(2 * self.batch_size)
            try:
                speed = self._speed(larger, pixels)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                break
            if speed < _GAIN * best:
                break
            best, self._runner, self.batch_size = speed, larger, larger.batch_size
        return self.batch_size

    def _shrink(self, error: Exception) -> None:
        size = self._runner.batch_size
        if size > 1:
            log.warning("the device has no memory for %d pictures at once: %d from now on", size, size // 2)
            self._runner = self._at(size // 2)
        elif self._instead is not None:
            log.warning("the device has no memory for one picture: the CPU goes on (%s)", error)
            self._at, self._instead = self._instead, None
            self._runner = self._at(CPU_BATCH)
        else:
            raise OutOfMemory("there is no memory for one picture: end other programs, or add memory") from error
        self.batch_size = self._runner.batch_size

    @staticmethod
    def _speed(runner: Runner, pixels: Pixels) -> float:
        """Return pictures a second, after one run that compiles."""
        batch = np.repeat(pixels, runner.batch_size, axis=0)
        runner(batch)
        begin = time.perf_counter()
        for _ in range(_TRIES):
            runner(batch)
        return _TRIES * runner.batch_size / (time.perf_counter() - begin)


class Replicas:
    """The same model on several devices; each caller's thread gets one that is free, or waits for it."""

    def __init__(self, runners: Iterable[Runner]) -> None:
        self._runners = list(runners)
        self._free: SimpleQueue[Runner] = SimpleQueue()
        for runner in self._runners:
            self._free.put(runner)

    def __len__(self) -> int:
        return len(self._runners)

    @property
    def batch_size(self) -> int:
        """Pictures a run, on any of them."""
        return min(runner.batch_size for runner in self._runners)

    def __call__(self, pixels: Pixels) -> list[Floats]:
        """Run up to ``batch_size`` pictures on a free device."""
        runner = self._free.get()
        try:
            return runner(pixels)
        finally:
            self._free.put(runner)


def out_of_memory(error: Exception) -> bool:
    """Tell whether a framework says that a device's memory is full; each has an error of its own for it."""
    named = {kind.__name__ for kind in type(error).__mro__}
    return "ResourceExhaustedError" in named or isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
