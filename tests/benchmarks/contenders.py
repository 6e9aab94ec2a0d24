"""Contenders: things that are measured side by side, each in a process of its own, asked one after the other.

``make`` is a context manager, a function of a module, that gives an object; its methods are called by name.
"""

import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

TICKS = os.sysconf("SC_CLK_TCK")
SAMPLED = 0.5  # seconds between two looks at memory


@dataclass(frozen=True, slots=True)
class Cost:
    """What work took: seconds on the clock, and CPU seconds of this process and all that it has started."""

    seconds: float
    cpu: float


def cost(work):
    """Do it and give the ``Cost``."""
    before, begin = cpu_seconds(os.getpid()), time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    return Cost(seconds, cpu_seconds(os.getpid()) - before)


@dataclass(slots=True)
class Contender:
    """A process that is ready, and the most memory of it and its children seen so far, in bytes."""

    process: object
    pipe: object
    ready: float = 0.0  # seconds from its start
    together: int = 0
    asleep: Event = field(default_factory=Event)

    def ask(self, name, *arguments):
        """Call a method and give what it gives."""
        with _watched(self):
            return self.reply((name, *arguments))

    def reply(self, question=None):
        """Send the question, if any, and wait for what comes back."""
        if question:
            self.pipe.send(question)
        failed, result = self.pipe.recv()
        if failed:
            raise RuntimeError(f"{self.process.name}: {result}")
        return result

    @property
    def peak(self):
        """The most memory that the process itself has had, in bytes."""
        return memory(self.process.pid, "status", "VmHWM")


@contextmanager
def contending(name, make, *arguments):
    """Start a process, wait until it has made its object, and end it in the end."""
    spawn = get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(there, make, arguments), name=name)
    begin = time.perf_counter()
    process.start()
    there.close()
    contender = Contender(process, here)
    try:
        contender.reply()
        contender.ready = time.perf_counter() - begin
        yield contender
    finally:
        with suppress(OSError):
            here.send(None)
        process.join()


def _serve(pipe, make, arguments):
    try:
        with make(*arguments) as made:
            pipe.send((False, None))
            while question := pipe.recv():
                name, *rest = question
                pipe.send((False, getattr(made, name)(*rest)))
    except EOFError:  # the benchmark was ended
        return
    except Exception as error:
        pipe.send((True, f"{type(error).__name__}: {error}"))
        raise


@contextmanager
def _watched(contender):
    """Look at the memory of the process and its children, now and then."""
    done = Event()

    def look():
        while not done.wait(SAMPLED):
            contender.together = max(contender.together, sum(map(proportional, tree(contender.process.pid))))

    thread = Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def tree(pid):
    """Give a process and all that it and its children have started."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [below for child in children.read_text().split() for below in tree(int(child))]
    return found


def cpu_seconds(pid):
    """Give the CPU seconds of a process, of its living children and of those it has waited for."""
    ticks = 0
    for each in tree(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def proportional(pid):
    """Give the bytes of a process, those that it shares divided among the sharers."""
    return memory(pid, "smaps_rollup", "Pss:")


def memory(pid, file, name):
    """Give bytes of a process by their name in proc(5); none where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)
