"""The files below a folder as a look at it sees them, without a ledger."""

from watcher.inbox.scan import Folder, is_ignored, seen, walk


def seen_below(root, folder=None):
    """Give the files that are not ignored, by path."""
    folder = folder or Folder(root)
    files = [
        seen(folder, listing.folder + b"/" * bool(listing.folder) + entry.name, entry.stat(), "")
        for listing in walk(folder)
        for entry in listing.files
        if not is_ignored(entry.name)
    ]
    return sorted(files, key=lambda file: file.path)
