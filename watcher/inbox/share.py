"""What is mounted at a root: a share that is away is not an empty one, and another in its place is not the same."""

import os
from pathlib import Path

from db.mounts import mount_of, mount_table, mount_with, mounts_below

# File systems that tell of no events, or not of those that other machines cause.
_SILENT = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "overlay", "virtiofs", "vboxsf", "autofs"}
)


def share_of(root: Path) -> str:
    """Identify what lies at ``root``: the same after it was mounted anew, another where something else is mounted.

    It is made of the file system's own identity (``f_fsid`` of statvfs(2)), else of what was mounted, and of the
    folder's inode there.

    Raises
    ------
    OSError
        It is not there, or cannot be read.

    """
    opened = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        stat, fsid = os.fstat(opened), os.fstatvfs(opened).f_fsid
    finally:
        os.close(opened)
    mount = mount_with(stat.st_dev, mount_table())
    kind, source = (mount.kind, mount.source) if mount else ("", "")
    # Some (FAT, XFS) give the device number, which is another each time a card is put in.
    own = fsid not in {0, _as_fsid(stat.st_dev)}
    return f"{kind} {f'{fsid:x}' if own else source} {stat.st_ino}"


def shares_down_to(root: Path, below: bytes) -> tuple[str, int]:
    """Give the share and the device of a folder below ``root``: those of the innermost mount on the way to it.

    Raises
    ------
    OSError
        A folder on the way is not there, or cannot be read.

    """
    share, device, place = share_of(root), root.stat().st_dev, root
    for name in filter(None, below.split(b"/")):
        place /= os.fsdecode(name)
        if (inner := place.stat(follow_symlinks=False).st_dev) != device:
            share, device = share_of(place), inner
    return share, device


def tells_events(root: Path, table: str) -> bool:
    """Tell by the table of mounts, touching no share, whether all changes below ``root`` are heard of."""
    holding = mount_of(root, table)
    mounts = [*([holding] if holding else []), *mounts_below(root, table)]
    return not any(mount.kind in _SILENT or mount.kind.startswith("fuse") for mount in mounts)


def _as_fsid(device: int) -> int:
    """Give a device number as the kernel packs it (``new_encode_dev``)."""
    minor = os.minor(device)
    return (minor & 0xFF) | (os.major(device) << 8) | ((minor & ~0xFF) << 12)
