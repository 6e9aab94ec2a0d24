"""The arrows of the house: watcher → training → ml, db; templates hold no logic; and short commands stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from db.engine import open_ledger

ROOT = Path(__file__).resolve().parents[1]
ARROWS = {
    "ml": set(),
    "db": set(),
    "templates": set(),
    "training": {"ml", "db", "templates"},
    "watcher": {"ml", "db", "templates", "training"},
}
HEAVY = ("tensorflow", "keras", "sklearn", "torch")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", ARROWS)
def test_a_package_imports_only_what_lies_below_it(package):
    """Arrows go one way, so that each room can be read without the ones above it."""
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / package).rglob("*.py")
        for name in imports(path)
        if name in ARROWS and name != package and name not in ARROWS[package]
    }
    assert not wrong


def test_templates_hold_no_code():
    """What a report says is decided before it is rendered."""
    statements = [ast.parse(path.read_text()).body for path in (ROOT / "templates").rglob("*.py")]
    assert all(isinstance(statement, ast.Expr) for body in statements for statement in body)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["status"], ["report"], ["models", "list"], ["redlist", "show"], ["summary"], ["train", "--help"]],
)
def test_a_short_command_never_loads_the_model_s_libraries(arguments, tmp_path):
    """A station asks for its status often, and TensorFlow takes seconds and hundreds of megabytes."""
    (tmp_path / "trapline-data").mkdir()
    open_ledger(tmp_path / "trapline-data/trapline.db").close()
    code = (
        "import sys, contextlib\n"
        "from watcher.cli import main\n"
        f"sys.argv = ['trapline', *{arguments!r}]\n"
        "with contextlib.suppress(SystemExit): main()\n"
        f"print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []", done.stderr


def test_nothing_reads_a_pickle_but_the_starter_s_weights():
    """A pickle runs code when it is read; the one reader of the legacy torch format knows tensors only."""
    readers = {
        path.name for package in ARROWS for path in (ROOT / package).rglob("*.py") if "pickle" in set(imports(path))
    }
    assert readers <= {"torchfile.py"}
