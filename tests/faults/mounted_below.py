"""A share mounted below an inbox is lost and comes back; to be run in a mount namespace of its own."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from db import store
from db.engine import open_ledger
from db.models import Sighting
from watcher.inbox.lookout import Lookout
from watcher.inbox.scan import Folder
from watcher.inbox.settle import Settler


def states(ledger):
    with ledger.read() as session:
        return sorted(f"{s.path_text} {s.state}" for s in session.scalars(select(Sighting)))


def main(folder):
    inbox, card = folder / "inbox", folder / "inbox/CARD"
    card.mkdir(parents=True)
    (folder / "held").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder / "held"], check=True)
    subprocess.run(["mount", "--bind", folder / "held", card], check=True)
    for path in ("CARD/1.jpg", "CARD/2.jpg", "kept.jpg"):
        (inbox / path).touch()
    with closing(open_ledger(folder / "ledger.db")) as ledger:
        lookout = Lookout(ledger, Folder(inbox), Settler(0.0))
        with ledger.write() as session:
            for each in lookout.look_through(0.0):
                store.reject(session, each.file, code="empty", reason="no bytes", now=each.file.file_time)
        before = states(ledger)
        subprocess.run(["umount", "--lazy", card], check=True)
        for now in (1.0, 2.0, 3.0):
            lookout.look_through(now)
        assert states(ledger) == before, states(ledger)
        assert lookout.root.earlier == 2
        subprocess.run(["mount", "--bind", folder / "held", card], check=True)
        assert lookout.look_through(4.0) == []
        assert lookout.root.earlier == 0
        (card / "1.jpg").unlink()
        for now in (5.0, 6.0):
            lookout.look_through(now)
        assert states(ledger) == ["CARD/1.jpg missing", "CARD/2.jpg rejected", "kept.jpg rejected"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
