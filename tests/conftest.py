"""What tests share: the real pictures beside the checkout, and the rule for what may run beside what."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from needs import skip_or_fail
from playwright.sync_api import Browser, Page, sync_playwright

SHARED = Path(os.environ.get("TRAPLINE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
# Without a GPU TensorFlow logs a page about CUDA for each process.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that is to be alone run while none of another process does; who waits is let in first."""
    alone = item.get_closest_marker("alone") is not None
    locks = Path(tempfile.gettempdir()) / f"trapline-tests-{os.getuid()}"
    with locks.with_suffix(".door").open("w") as door, locks.with_suffix(".room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        if not alone:
            fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures; they belong to others and are never part of the project."""
    if not SHARED.is_dir():
        skip_or_fail("shared", f"the real pictures are not here ({SHARED})")
    return SHARED


@pytest.fixture(scope="session")
def starter_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the export of the starter is, which takes a quarter of a minute to make; nobody changes it."""
    from ml.artifacts import STARTER, load
    from ml.runtime import openvino
    from ml.settings import Precision

    cache = tmp_path_factory.mktemp("starter")
    openvino.compiled(load(STARTER), weights_folder=None, cache=cache, precision=Precision.FLOAT32)
    return cache


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium without a network, and with a home of its own."""
    binary = os.environ.get("TRAPLINE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if binary is None:
        skip_or_fail("chromium", "there is no Chromium here to look at pages with")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=binary,
            env=os.environ | {"HOME": str(tmp_path_factory.mktemp("home"))},
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                  "--disable-background-networking", "--disable-component-update"],
        )  # fmt: skip
        yield chromium
        chromium.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A fresh page; what it asks the network for fails."""
    context = browser.new_context(offline=True)
    yield context.new_page()
    context.close()
