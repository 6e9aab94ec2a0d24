"""What is mounted at a root, by its own identity."""

from pathlib import Path

import pytest

from watcher.inbox.share import share_of, tells_events


def test_a_folder_is_the_same_whatever_comes_into_it_and_wherever_it_is_called(tmp_path):
    """Another folder in its place is another."""
    (tmp_path / "inbox").mkdir()
    before = share_of(tmp_path / "inbox")
    (tmp_path / "inbox/A").mkdir()
    (tmp_path / "inbox").rename(tmp_path / "moved")
    (tmp_path / "inbox").mkdir()
    assert share_of(tmp_path / "moved") == before
    assert share_of(tmp_path / "inbox") != before


def test_what_is_not_there_has_no_identity(tmp_path):
    """The caller decides what that means."""
    with pytest.raises(FileNotFoundError):
        share_of(tmp_path / "away")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        *((kind, True) for kind in ("ext4", "xfs", "btrfs", "vfat", "exfat", "tmpfs")),
        *((kind, False) for kind in ("nfs", "nfs4", "cifs", "smb3", "9p", "overlay", "fuse.sshfs", "fuse", "virtiofs")),
    ],
)
def test_network_shares_tell_nothing_of_what_others_write(kind, told):
    """They are looked at more often instead; known by the kind of the mount, without touching it."""
    table = f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:40 / /mnt/share rw - {kind} server:/share rw"
    assert tells_events(Path("/mnt/share/inbox"), table) == told
    assert tells_events(Path("/mnt/shared"), table)
