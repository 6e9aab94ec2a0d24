"""The data folder: where products lie, and one owner at a time."""

import os
import subprocess
import sys

import pytest

from watcher.data_folder import DataFolder, DataFolderBusyError, DataFolderError, product

HOLD = (
    "import sys, time; from pathlib import Path; from watcher.data_folder import DataFolder\n"
    "with DataFolder(Path(sys.argv[1])).exclusively(): print('held', flush=True); time.sleep(60)\n"
)


def test_products_are_named_by_content():
    """Two hundred and fifty-six folders hold them."""
    assert product("kept", "abcdef", "224") == "kept/ab/abcdef-224.jpg"


def test_a_second_process_is_told_who_holds_the_folder(tmp_path):
    """And the system lets go of it when that one dies, whatever kills it."""
    data = DataFolder(tmp_path)
    assert not data.in_use()
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert data.in_use()
        with pytest.raises(DataFolderBusyError, match=f"in use by process {holder.pid} on"), data.exclusively():
            pass
        holder.kill()
    with data.exclusively():
        assert data.in_use()
    assert not data.in_use()


def test_what_a_killed_process_left_half_written_is_swept(tmp_path):
    """By the next owner, who alone writes there."""
    (tmp_path / "kept/ab").mkdir(parents=True)
    (tmp_path / "kept/ab/.0011.part").write_bytes(b"x")
    (tmp_path / "kept/ab/whole.jpg").write_bytes(b"x")
    with DataFolder(tmp_path).exclusively():
        assert [path.name for path in (tmp_path / "kept/ab").iterdir()] == ["whole.jpg"]


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path):
    """Even root cannot make a folder below a file."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataFolderError, match=r"file/data cannot be written .*choose another with data_dir"):
        DataFolder(tmp_path / "file/data").prepare()
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
