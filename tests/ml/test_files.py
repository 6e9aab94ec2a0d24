"""A file is whole or absent, whatever happens while it is written."""

import pytest

from ml.files import write_atomically


def test_folders_are_made_and_content_is_replaced(tmp_path):
    """The second content takes the place of the first, and nothing lies beside it."""
    path = tmp_path / "a" / "b" / "file"
    for content in (b"first", b"second"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_name_may_be_as_long_as_names_can_be(tmp_path):
    """The temporary name is not made from it."""
    write_atomically(tmp_path / ("n" * 255), b"content")


def test_a_failure_leaves_nothing_behind(tmp_path):
    """Where the target cannot be replaced, the temporary file is gone and the target is what it was."""
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path / "folder", b"content")
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "file", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
