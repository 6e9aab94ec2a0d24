"""One look at an inbox: pictures and their stations, and nothing else."""

import os

import pytest
from seen_files import seen_below

from watcher.inbox.scan import Folder, seen, walk

IGNORED = [
    ".IMG_1.JPG.x8Kq2a",  # rsync
    ".syncthing.IMG_1.JPG.tmp",
    "~syncthing~IMG_1.JPG.tmp",
    "IMG_1.JPG.part",  # Firefox, KDE
    "IMG_1.JPG.PARTIAL",
    "IMG_1.JPG.filepart",  # WinSCP
    "IMG_1.JPG.crdownload",  # Chrome
    "IMG_1.JPG.download",  # Safari
    "IMG_1.JPG.opdownload",  # Opera
    "IMG_1.JPG.!ut",
    "IMG_1.JPG.tmp",
    "~IMG_1.JPG",
    ".nfs000000000012d687",
    ".fuse_hidden0000001",
    ".smbdeleteAAA",
    "._IMG_1.JPG",  # macOS
    ".DS_Store",
    "Thumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "autorun.inf",
    "IMG_1.THM",
    "CANON.CTG",
    "GOPR0001.LRV",
    "AUTPRINT.MRK",
    "wpsettings.dat",
    "IMG_1.JPG.xmp",
    "detections.json",
]
IGNORED_FOLDERS = [
    ".stfolder",
    ".stversions",
    ".Trash-1000",
    ".Trashes",
    ".Spotlight-V100",
    ".fseventsd",
    "@eaDir",
    "#recycle",
    "#snapshot",
    "@Recycle",
    "@Recently-Snapshot",
    "lost+found",
    "$RECYCLE.BIN",
    "System Volume Information",
    "corrections",
    ".~tmp~",
]
TAKEN = [
    "IMG_1.sync-conflict-20261124-060000-ABCDEFG.JPG",  # Syncthing: its content decides
    "IMG_1 (1).jpg",
    "IMG_1.jPeG",
    "noextension",
    "-rf.jpg",
    "partial.jpg",
    "IMG_1.MP4",  # named in the report as what it is
]


def put(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def paths(folder):
    return [file.path for file in seen_below(folder.root, folder)]


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
    stations = {file.path: file.station for file in seen_below(tmp_path)}
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


@pytest.mark.parametrize("name", TAKEN)
def test_whatever_may_be_a_picture_is_looked_at(tmp_path, name):
    """The content decides what it is, not the name."""
    put(tmp_path, f"A/{name}")
    assert paths(Folder(tmp_path)) == [f"A/{name}".encode()]


@pytest.mark.parametrize("name", IGNORED_FOLDERS)
def test_foreign_folders_are_not_entered(tmp_path, name):
    """They are what sync tools and NAS boxes keep for themselves."""
    put(tmp_path, f"A/{name}/IMG_1.JPG", f"{name}/IMG_2.JPG", "stations.csv")
    assert paths(Folder(tmp_path)) == []
    assert list(walk(Folder(tmp_path), os.fsencode(f"A/{name}"))) == []


def test_what_trapline_makes_is_not_looked_at(tmp_path):
    """A reports folder may lie on the share."""
    put(tmp_path, "reports/latest.html", "A/1.jpg")
    folder = Folder(tmp_path, excluded=(tmp_path / "reports",))
    assert paths(folder) == [b"A/1.jpg"]
    assert list(walk(folder, b"reports")) == []


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
    (before,) = seen_below(tmp_path)
    (tmp_path / "A/1.jpg").write_bytes(b"longer")
    (after,) = seen_below(tmp_path)
    assert before.signature != after.signature


@pytest.fixture
def deep(tmp_path):
    """A tree deeper than Python would call itself; removed by hand, since ``shutil.rmtree`` does."""
    folders = [f"{tmp_path}/{'d/' * depth}" for depth in range(1, 1201)]
    for folder in folders:
        os.mkdir(folder)  # noqa: PTH102  # pathlib calls itself for each level
    yield folders[-1]
    os.remove(f"{folders[-1]}1.jpg")  # noqa: PTH107
    for folder in reversed(folders):
        os.rmdir(folder)  # noqa: PTH106


def test_a_tree_may_be_as_deep_as_the_file_system_allows(tmp_path, deep):
    """A card may hold anything."""
    with open(f"{deep}1.jpg", "xb"):  # noqa: PTH123
        pass
    assert paths(Folder(tmp_path)) == [b"d/" * 1200 + b"1.jpg"]


def test_one_folder_can_be_looked_at_alone_or_with_all_below_it(tmp_path):
    """Where a file came, its folder is enough; where a folder came, it is not."""
    put(tmp_path, "A/1.jpg", "A/deep/2.jpg", "B/3.jpg")
    found = [
        [entry.name for listing in walk(Folder(tmp_path), b"A", deep=deep) for entry in listing.files]
        for deep in (False, True)
    ]
    assert found == [[b"1.jpg"], [b"1.jpg", b"2.jpg"]]


@pytest.mark.parametrize(("seconds", "year"), [(1e12, 9999), (-5.0, 1970)])
def test_a_file_s_time_may_be_any_number(tmp_path, seconds, year):
    """A file system takes what a camera with a broken clock gives it."""
    stat = os.stat_result((0o100644, 1, 1, 1, 0, 0, 10, 0.0, seconds, 0.0))
    assert seen(Folder(tmp_path), b"A/1.jpg", stat, "").file_time.year == year


def test_a_root_that_is_away_is_an_error_not_an_empty_folder(tmp_path):
    """Else every picture would be called missing."""
    with pytest.raises(FileNotFoundError):
        list(walk(Folder(tmp_path / "away")))
