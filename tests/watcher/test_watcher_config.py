"""The configuration: every key has a working default, and every mistake is named with what was expected."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from watcher.config import ConfigError, Settings, load_settings

SHIPPED = Path(__file__).resolve().parents[2] / "config.toml"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("TRAPLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def written(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_nothing_needs_to_be_configured(tmp_path):
    """Without a file the data folder is ./trapline-data."""
    assert load_settings().data_dir == tmp_path / "trapline-data"


def test_relative_folders_are_below_the_file(tmp_path):
    """The daemon may be started anywhere."""
    (tmp_path / "etc").mkdir()
    file = written(tmp_path / "etc", 'inbox = "in"\ndata_dir = "data"\n[report]\nfolder = "out"\n')
    settings = load_settings(file)
    assert settings.inbox == (tmp_path / "etc/in",)
    assert settings.data_dir == tmp_path / "etc/data"
    assert settings.report.folder == tmp_path / "etc/out"


def test_variables_win_over_the_file(tmp_path, monkeypatch):
    """An image or a unit file can set what a machine needs."""
    monkeypatch.setenv("TRAPLINE_CONFIG", str(written(tmp_path, 'data_dir = "a"\n[intake]\nsettle_seconds = 9\n')))
    monkeypatch.setenv("TRAPLINE_DATA_DIR", "/b")
    monkeypatch.setenv("TRAPLINE_INBOX", "/one:/two")
    monkeypatch.setenv("TRAPLINE_REPORT__NIGHTLY", "5 4 * * *")
    settings = load_settings()
    assert settings.data_dir == Path("/b")
    assert settings.inbox == (Path("/one"), Path("/two"))
    assert settings.report.nightly == "5 4 * * *"
    assert settings.intake.settle_seconds == 9


def test_all_mistakes_are_told_at_once_each_with_its_key(tmp_path):
    """Nobody wants to start a daemon five times to find five typos."""
    file = written(
        tmp_path,
        'inbx = "/srv"\n[intake]\nsettle_seconds = -1\n[report]\ntimezone = "Mars/Olympus"\nnightly = "every day"\n',
    )
    with pytest.raises(ConfigError) as told:
        load_settings(file)
    lines = str(told.value).splitlines()
    assert len(lines) == 4
    assert any("inbx: unknown key" in line and "inbox" in line for line in lines)
    assert any("intake.settle_seconds" in line and "-1" in line for line in lines)
    assert any("report.timezone" in line and "Mars/Olympus" in line for line in lines)
    assert any("report.nightly" in line and "every day" in line for line in lines)
    assert all(str(file) in line for line in lines)


def test_a_wrong_variable_is_called_by_its_own_name(monkeypatch):
    """The file is not at fault then."""
    monkeypatch.setenv("TRAPLINE_INTAKE__DECODE_WORKERS", "many")
    with pytest.raises(ConfigError, match=r"TRAPLINE_INTAKE__DECODE_WORKERS.*integer.*'many'"):
        load_settings()


@pytest.mark.parametrize("text", ["inbox = '\x01'", "inbox : /srv"])
def test_a_file_that_is_not_toml_is_named(tmp_path, text):
    """With the place at which it breaks."""
    with pytest.raises(ConfigError, match=r"config\.toml is not valid TOML: .*line 1"):
        load_settings(written(tmp_path, text))


def test_a_file_that_was_named_must_be_there(tmp_path):
    """A typo in --config must not start a daemon with defaults."""
    with pytest.raises(ConfigError, match=r"missing\.toml cannot be read"):
        load_settings(tmp_path / "missing.toml")


def test_the_shipped_file_shows_the_defaults(tmp_path):
    """Each line that is commented out there can be made a setting as it stands, and changes nothing but folders."""
    text = SHIPPED.read_text()
    enabled = re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)
    settings = load_settings(written(tmp_path, enabled))
    defaults = Settings()
    folders = {"inbox", "data_dir", "stations", "weights_folder", "redlist", "folder", "datasets", "token_file"}
    folders |= {"decode_workers"}
    for name, value in tomllib.loads(enabled).items():
        for key, shown in (value if isinstance(value, dict) else {name: value}).items():
            if key not in folders:
                section = getattr(defaults, name) if isinstance(value, dict) else defaults
                value_of = getattr(section, key)
                assert (list(value_of) if isinstance(value_of, tuple) else value_of) == shown, f"{name}.{key}"
    assert settings.inbox == (Path("/srv/camera-traps"),)
    assert load_settings(SHIPPED).inbox == ()
