"""``docs/faults.md`` names tests that exist."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs/faults.md"


def test_every_fault_names_a_test_that_exists():
    """A fault without a test is a promise, and a test that was renamed holds nothing."""
    rows = [row for row in TABLE.read_text().splitlines() if row.startswith("| ") and not row.startswith("| what goes")]
    assert len(rows) > 40
    for row in rows:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", row.rpartition("|")[0].rpartition(" | ")[2])
        assert named, row
        for file, name in named:
            tree = ast.parse((TESTS / file).read_text())
            assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, (
                f"{file}::{name}"
            )
