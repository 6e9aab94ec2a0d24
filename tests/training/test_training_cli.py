"""The commands say what is wrong, in one line and by exit code."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ml.artifacts import current, load
from ml.backbones import ENSEMBLES
from ml.backbones.starter import NETS
from training.cli import app
from watcher.cli import app as trapline
from watcher.config import ConfigError


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fit", "{tmp}/nowhere", "--out", "{tmp}/models"], "nowhere"),
        (["fit", "{tmp}"], "--out"),
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


CONFIG = """
data_dir = "data"
[model]
weights_folder = "weights"
[training]
ensemble = "starter"
folds = 2
held_out = 0.4
epochs = 1
dropout = 0.1
hidden = 0
precision = 0.9
"""


@pytest.fixture
def configured(tmp_path):
    """Run ``trapline --config … train`` with what is configured above."""
    (tmp_path / "config.toml").write_text(CONFIG)

    def run(*arguments):
        return CliRunner().invoke(trapline, ["--config", str(tmp_path / "config.toml"), "train", *map(str, arguments)])

    return run


@pytest.fixture
def dataset(tmp_path):
    """Four pictures of each of two classes."""
    random = np.random.default_rng(0)
    for name in ("lion", "other"):
        (tmp_path / "dataset" / name).mkdir(parents=True)
        for number in range(4):
            blocks = random.integers(0, 255, (8, 8, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
            Image.fromarray(blocks).save(tmp_path / "dataset" / name / f"{number}.png")
    return tmp_path / "dataset"


def test_what_is_configured_holds_where_no_option_says_otherwise(configured, dataset, backbones, tmp_path, monkeypatch):
    """The model's card tells the configured settings and the one that was given; the model lies in the data folder."""
    monkeypatch.setitem(ENSEMBLES, "starter", backbones)  # as quick as it is small
    result = configured("fit", dataset, "--precision", "0.8", "--untrained-seed", "1", "--promote")
    assert result.exit_code == 0, result.output
    model = load(current(tmp_path / "data" / "models"))
    assert model.folder.parent == tmp_path / "data" / "models"
    told = {name: model.card.settings[name] for name in ("folds", "held_out", "epochs", "dropout", "hidden")}
    assert told == {"folds": 2, "held_out": 0.4, "epochs": 1, "dropout": 0.1, "hidden": 0}
    assert model.card.settings["precision"] == 0.8
    assert list(model.card.backbones) == list(backbones)


@pytest.mark.parametrize("command", ["fit", "evaluate"])
def test_weights_come_from_the_configured_folder(configured, dataset, tmp_path, command):
    """A damaged file there is met, so that is where both commands look."""
    damaged = tmp_path / "weights" / NETS["efficientnet_lite0"].file
    damaged.parent.mkdir()
    damaged.write_bytes(b"junk")
    result = configured(command, dataset)
    assert result.exit_code == 2
    assert str(damaged) in result.output


def test_the_current_model_is_judged(configured, dataset, tmp_path):
    """Without --model it is the one that the store's pointer names."""
    (tmp_path / "data" / "models").mkdir(parents=True)
    (tmp_path / "data" / "models" / "current").write_text("gone-2026-01-01-00000000")
    result = configured("evaluate", dataset)
    assert result.exit_code == 2
    assert "gone-2026-01-01-00000000" in result.output


def test_a_wrong_configuration_stops_a_training_and_not_its_help(configured, dataset, tmp_path):
    """It is read when it is needed."""
    (tmp_path / "config.toml").write_text("[training]\nheld_in = 1")
    assert isinstance(configured("fit", dataset).exception, ConfigError)
    assert configured("--help").exit_code == configured("fit", "--help").exit_code == 0
