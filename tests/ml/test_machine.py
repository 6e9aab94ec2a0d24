"""TensorFlow is loaded without its page of messages, and never at the cost of what other threads say."""

import subprocess
import sys

TALKING = """
import sys, threading
from ml.machine import prepare
{first}
done = threading.Event()
lines = 0
def talk():
    global lines
    while not done.wait(0.01):
        lines += 1
        print("line", lines, file=sys.stderr)
thread = threading.Thread(target=talk)
thread.start()
prepare()
done.set()
thread.join()
print(lines)
"""


def run(first):
    done = subprocess.run(
        [sys.executable, "-c", TALKING.format(first=first)], capture_output=True, text=True, check=True
    )
    return int(done.stdout), done.stderr.splitlines()


def test_no_line_of_another_thread_is_lost_while_tensorflow_loads():
    """Another thread writes to standard error all the while: every line arrives."""
    written, arrived = run(first="")
    assert written > 10
    assert [line for line in arrived if line.startswith("line ")] == [f"line {number + 1}" for number in range(written)]


def test_prepared_before_there_are_threads_it_is_silent():
    """Nothing but what the program itself says comes out, neither then nor later."""
    written, arrived = run(first="prepare()")
    assert arrived == [f"line {number + 1}" for number in range(written)]
