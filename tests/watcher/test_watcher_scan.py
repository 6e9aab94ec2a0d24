"""One look at an inbox: pictures and their stations, and nothing else."""

import os

import pytest

from watcher.inbox.scan import Folder, scan

IGNORED = [
    ".IMG_1.JPG.x8Kq2a",  # rsync
    ".syncthing.IMG_1.JPG.tmp",
    "~syncthing~IMG_1.JPG.tmp",
    "IMG_1.JPG.part",
    "IMG_1.JPG.filepart",
    "IMG_1.JPG.crdownload",
    "._IMG_1.JPG",  # macOS
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "IMG_1.THM",
    "detections.json",
]
IGNORED_FOLDERS = [
    ".stfolder",
    ".stversions",
    "@eaDir",
    "#recycle",
    "lost+found",
    "$RECYCLE.BIN",
    "corrections",
    ".~tmp~",
]


def put(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def paths(folder):
    return [file.path for file in scan(folder)]


def test_the_first_folder_is_the_station(tmp_path):
    """Loose files, and the counter folders that cameras make, belong to the root's own name."""
    put(
        tmp_path,
        "River/100RECNX/IMG_1.JPG",
        "River/IMG_2.JPG",
        "loose.jpg",
        "DCIM/101EK113/IMG_3.JPG",
        "100RECNX/a.jpg",
    )
    stations = {file.path: file.station for file in scan(Folder(tmp_path))}
    own = tmp_path.name
    assert stations == {
        b"100RECNX/a.jpg": own,
        b"DCIM/101EK113/IMG_3.JPG": own,
        b"River/100RECNX/IMG_1.JPG": "River",
        b"River/IMG_2.JPG": "River",
        b"loose.jpg": own,
    }


@pytest.mark.parametrize("name", IGNORED)
def test_half_written_and_foreign_files_are_passed_over(tmp_path, name):
    """They are seen when they get their real name."""
    put(tmp_path, f"A/{name}", "A/IMG_1.JPG")
    assert paths(Folder(tmp_path)) == [b"A/IMG_1.JPG"]


@pytest.mark.parametrize("name", IGNORED_FOLDERS)
def test_foreign_folders_are_not_entered(tmp_path, name):
    """They are what sync tools and NAS boxes keep for themselves."""
    put(tmp_path, f"A/{name}/IMG_1.JPG", f"{name}/IMG_2.JPG", "stations.csv")
    assert paths(Folder(tmp_path)) == []
    assert list(scan(Folder(tmp_path), os.fsencode(tmp_path / "A" / name))) == []


def test_what_trapline_makes_is_not_looked_at(tmp_path):
    """A reports folder may lie on the share."""
    put(tmp_path, "reports/latest.html", "A/1.jpg")
    folder = Folder(tmp_path, excluded=(tmp_path / "reports",))
    assert paths(folder) == [b"A/1.jpg"]
    assert list(scan(folder, os.fsencode(tmp_path / "reports"))) == []


def test_links_pipes_and_loops_are_never_followed(tmp_path):
    """A card may hold anything, and a pipe would hang whoever opens it."""
    put(tmp_path, "in/A/1.jpg", "outside/secret.jpg")
    (tmp_path / "in/A/2.jpg").symlink_to(tmp_path / "outside/secret.jpg")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "in/A/3.jpg")
    assert paths(Folder(tmp_path / "in")) == [b"A/1.jpg"]


def test_any_name_that_the_file_system_allows_is_kept_as_it_is(tmp_path):
    """Bytes that are no UTF-8, newlines, quotes, 255 bytes."""
    names = [b"caf\xe9\xff.JPG", b"two\nlines.jpg", b"'\"<b>.jpg", b"x" * 251 + b".jpg", "\u202egpj.exe".encode()]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    assert sorted(paths(Folder(tmp_path))) == sorted(names)


def test_a_change_changes_the_signature(tmp_path):
    """Size, time of change, or another file under the same name."""
    put(tmp_path, "A/1.jpg")
    (before,) = scan(Folder(tmp_path))
    (tmp_path / "A/1.jpg").write_bytes(b"longer")
    (after,) = scan(Folder(tmp_path))
    assert before.signature != after.signature


def test_a_root_that_is_away_is_an_error_not_an_empty_folder(tmp_path):
    """Else every picture would be called missing."""
    with pytest.raises(FileNotFoundError):
        list(scan(Folder(tmp_path / "away")))
