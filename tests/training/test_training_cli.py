"""The commands say what is wrong, in one line and by exit code."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from training.cli import app


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fit", "{tmp}/nowhere", "--out", "{tmp}/models"], "nowhere"),
        (["fit", "{tmp}", "--out", "{tmp}/models", "--folds", "1"], "folds"),
        (["fit", "{tmp}", "--out", "{tmp}/models", "--ensemble", "best"], "ensemble"),
        (["evaluate", "{tmp}", "--model", "{tmp}"], "class folders"),
    ],
)
def test_a_mistake_is_named(tmp_path, arguments, said):
    """A wrong path or value ends with 2 and a message that names it."""
    result = CliRunner().invoke(app, [argument.format(tmp=tmp_path) for argument in arguments])
    assert result.exit_code == 2
    assert said in result.output


def test_every_command_has_help():
    """Each command says what it does, without loading TensorFlow."""
    code = (
        "import sys; from training.cli import app\n"
        "assert all(command.callback.__doc__ for command in app.registered_commands)\n"
        "assert not {'tensorflow', 'keras', 'sklearn'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
