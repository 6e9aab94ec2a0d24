"""One settled file → the ledger, with real files, real workers and a real database."""

import os
import random
from datetime import timedelta

import pytest
from seen_files import seen_below
from small_pictures import NOON, encoded, picture, scene
from sqlalchemy import delete, select, update

from db import store
from db.models import Deployment, Link, Media, Sighting
from db.types import LinkKind, LinkStatus, State
from watcher.inbox.settle import Settled
from watcher.intake import Intake, assign_deployments
from watcher.prepare import prepare
from watcher.stations import read_stations


def put(inbox, path, content):
    (inbox / path).parent.mkdir(parents=True, exist_ok=True)
    (inbox / path).write_bytes(content)


def rows(ledger, model):
    with ledger.read() as session:
        return list(session.scalars(select(model).order_by(model.id)))


def states(ledger):
    return {sighting.path.decode(): (sighting.state, sighting.code) for sighting in rows(ledger, Sighting)}


def test_a_picture_becomes_a_sighting_a_media_and_a_kept_picture(ledger, inbox, take_all, tmp_path):
    """The original is read and never touched."""
    put(inbox, "River/IMG_1.JPG", original := picture(1, at=NOON, serial="S7"))
    take_all()
    (media,), (sighting,), (deployment,) = rows(ledger, Media), rows(ledger, Sighting), rows(ledger, Deployment)
    assert (sighting.state, sighting.station, sighting.media_id) == (State.TAKEN, "River", media.id)
    assert (media.width, media.height, media.serial, media.time_status) == (320, 240, "S7", "ok")
    assert deployment.key == "seen:River:S7"
    assert (tmp_path / "data" / media.kept).is_file()
    assert (inbox / "River/IMG_1.JPG").read_bytes() == original


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jpg", b"", "empty: "),
        ("notes.jpg", b"Rained all day, no animals.", "unsupported: not a JPEG, PNG, WebP, BMP or TIFF"),
        ("cut.jpg", picture(2)[:-900], "truncated: the file ends before"),
        ("huge.jpg", picture(3, size=(1600, 1200)), "too large: 1.92 megapixels"),
        ("film.mp4", b"\x00\x00\x00\x18ftypmp42" + bytes(40), "unsupported: not a JPEG, PNG, WebP, BMP or TIFF"),
    ],
)
def test_a_file_at_fault_is_rejected_by_name_and_the_others_go_on(ledger, inbox, take_all, name, content, reason):
    """One bad file never stops a batch."""
    put(inbox, f"A/{name}", content)
    put(inbox, "A/zebra.jpg", picture(4))
    take_all()
    rejected, taken = rows(ledger, Sighting)
    assert (rejected.state, rejected.path_text) == (State.REJECTED, f"A/{name}")
    assert rejected.reason.startswith(reason)
    assert taken.state is State.TAKEN


@pytest.fixture
def with_killer(intake, pool):
    """The intake, but reading a file with ``killer`` in its name kills the worker, or does what it is told to."""

    def build(deadly, times=99):
        left = iter([deadly] * times)

        class Deadly:
            def schedule(self, function, args, timeout):
                instead = next(left, None) if b"killer" in args[0] else None
                return pool.schedule(instead or function, args=() if instead else args, timeout=timeout)

        fields = {name: getattr(intake, name) for name in Intake.__slots__} | {"pool": Deadly()}
        return Intake(**fields)

    return build


@pytest.fixture
def three_files(inbox):
    for number, name in enumerate(("a", "killer", "z")):
        put(inbox, f"A/{name}.jpg", picture(number))
    return [Settled(file) for file in seen_below(inbox)]


def test_a_file_that_kills_its_worker_is_rejected_by_name(ledger, with_killer, three_files):
    """A decoder's crash takes one file with it, not the daemon."""
    list(with_killer(os.abort).take(three_files))
    assert states(ledger) == {
        "A/a.jpg": (State.TAKEN, None),
        "A/killer.jpg": (State.REJECTED, "decoder_died"),
        "A/z.jpg": (State.TAKEN, None),
    }


def test_a_worker_that_somebody_ends_costs_no_file(ledger, with_killer, three_files):
    """A service manager's signal, or the system short of memory, is not the picture's fault."""
    list(with_killer(os.abort, times=1).take(three_files))
    assert {state for state, _ in states(ledger).values()} == {State.TAKEN}


def test_whatever_else_reading_a_file_raises_it_is_tried_again(ledger, with_killer, three_files):
    """And the others go on."""
    list(with_killer(raise_memory_error).take(three_files))
    assert states(ledger)["A/killer.jpg"] == (State.RETRY, "MemoryError")
    assert states(ledger)["A/z.jpg"] == (State.TAKEN, None)


def raise_memory_error():
    raise MemoryError


def test_a_system_at_fault_is_tried_again(ledger, inbox, intake):
    """A file that cannot be opened now is no bad file."""
    put(inbox, "A/1.jpg", picture(1))
    files = seen_below(inbox)
    (inbox / "A").rename(inbox.with_name("A"))
    (inbox / "A").touch()
    list(intake.take(Settled(file) for file in files))
    assert states(ledger) == {"A/1.jpg": (State.RETRY, "NotADirectoryError")}


def test_a_file_that_goes_before_it_is_read_leaves_no_trace(ledger, inbox, intake):
    """Such as the temporary name of an upload."""
    put(inbox, "A/1.jpg.uploading", picture(1))
    files = seen_below(inbox)
    (inbox / "A/1.jpg.uploading").rename(inbox / "A/1.jpg")
    list(intake.take(Settled(file) for file in files))
    assert states(ledger) == {}


def test_what_decodes_in_part_may_still_be_filled(ledger, inbox, take_all):
    """A copier may give a file its full size at once: until it is final, a hole is what is still to come."""
    whole = encoded(scene(5).resize((1200, 900)), quality=95)
    hole = len(whole) // 2
    put(inbox, "A/1.jpg", whole[:hole] + bytes(4096) + whole[hole + 4096 :])
    take_all(final=False)
    assert states(ledger) == {}
    take_all(final=True)
    (media,) = rows(ledger, Media)
    assert media.integrity == "suspect"


def test_an_unfinished_file_waits_until_it_is_final(ledger, inbox, take_all):
    """The daemon gives it time to grow, and then it is an ordinary picture."""
    whole = picture(5)
    put(inbox, "A/1.jpg", whole[:-500])
    take_all(final=False)
    assert states(ledger) == {}
    take_all(final=True)
    assert states(ledger) == {"A/1.jpg": (State.REJECTED, "truncated")}
    put(inbox, "A/1.jpg", whole)
    take_all()
    assert states(ledger) == {"A/1.jpg": (State.TAKEN, None)}


def test_a_file_that_changes_while_it_is_read_is_not_taken(ledger, inbox, intake):
    """What was hashed is what was seen."""
    put(inbox, "A/1.jpg", picture(1))
    files = seen_below(inbox)
    put(inbox, "A/1.jpg", picture(2) + b"more")
    list(intake.take([Settled(file, final=False) for file in files]))
    assert states(ledger) == {}


def test_a_link_in_the_place_of_a_file_is_not_followed(inbox, tmp_path):
    """Not even when it is put there between the look and the reading."""
    put(inbox, "A/1.jpg", picture(1))
    (file,) = seen_below(inbox)
    (inbox / "A/1.jpg").rename(tmp_path / "elsewhere.jpg")
    (inbox / "A/1.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    with pytest.raises(OSError, match="symbolic"):
        prepare(os.fsencode(inbox / "A/1.jpg"), file.signature, str(tmp_path), 64, 1_000_000, True)


def test_the_same_bytes_are_one_media_however_often_they_are_seen(ledger, inbox, take_all):
    """D1: a card that was copied twice."""
    for path in ("A/1.jpg", "A/copy of 1.jpg", "B/1.jpg"):
        put(inbox, path, picture(1, at=NOON))
    take_all()
    assert len(rows(ledger, Media)) == 1
    assert [sighting.state for sighting in rows(ledger, Sighting)] == [State.TAKEN] * 3


def test_other_tags_on_the_same_picture_are_linked_for_certain(ledger, inbox, take_all):
    """D2: what tagging software leaves; the earlier, then the smaller hash, is the one that counts."""
    for number in range(3):
        put(inbox, f"A/{number}.jpg", picture(1, at=NOON, tag=f"tagged {number}"))
    take_all()
    media, links = rows(ledger, Media), rows(ledger, Link)
    canonical = min(media, key=lambda one: one.sha256)
    assert len(media) == 3
    assert {link.media_id for link in links} == {one.id for one in media} - {canonical.id}
    assert {(link.canonical_id, link.kind, link.status) for link in links} == {
        (canonical.id, LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
    }


def test_a_smaller_copy_of_a_picture_is_suspected(ledger, inbox, take_all):
    """D3: resized by a messenger, its EXIF kept."""
    put(inbox, "A/1.jpg", picture(1, at=NOON, serial="S"))
    put(inbox, "A/sent.jpg", picture(1, at=NOON, serial="S", size=(160, 120), quality=60))
    take_all()
    (link,) = rows(ledger, Link)
    large, small = sorted(rows(ledger, Media), key=lambda media: -media.width)
    assert (link.media_id, link.canonical_id) == (small.id, large.id)
    assert (link.kind, link.status) == (LinkKind.REEXPORT, LinkStatus.SUSPECTED)


def test_the_frames_of_a_burst_are_never_linked(ledger, inbox, take_all):
    """D4: one second, one camera, one encoding, and all but the same picture."""
    for number in range(4):
        frame = scene(1).copy()
        frame.paste((20, 20, 20), (100 + 6 * number, 150, 130 + 6 * number, 170))
        put(inbox, f"A/{number}.jpg", encoded(frame, at=NOON, serial="S"))
    take_all()
    assert len(rows(ledger, Media)) == 4
    assert rows(ledger, Link) == []


def test_a_flat_picture_is_no_evidence(ledger, inbox, take_all):
    """A lens cap looks the same every time."""
    for number in range(2):
        put(inbox, f"A/{number}.jpg", picture(flat=True, at=NOON, tag=str(number)))
    take_all()
    assert rows(ledger, Link) == []


def test_nothing_depends_on_the_order_of_arrival(ledger, inbox, intake):
    """Media, deployments and links are the same for every order."""
    contents = [picture(1, at=NOON, tag=str(n)) for n in range(3)]
    contents += [picture(1, at=NOON, size=(160, 120), quality=50), picture(2, at=NOON + timedelta(minutes=1))]
    for number, content in enumerate(contents):
        put(inbox, f"A/{number}.jpg", content)
        put(inbox, f"B/{number}.jpg", content)

    def outcome():
        shas = {media.id: media.sha256 for media in rows(ledger, Media)}
        keys = {deployment.id: deployment.key for deployment in rows(ledger, Deployment)}
        links = {(shas[link.media_id], shas[link.canonical_id], link.kind) for link in rows(ledger, Link)}
        return links | {(s.path_text, shas[s.media_id], keys[s.deployment_id]) for s in rows(ledger, Sighting)}

    files = seen_below(inbox)
    outcomes = set()
    for seed in range(4):
        random.Random(seed).shuffle(files)
        with ledger.write() as session:
            for table in (Link, Sighting, Media):
                session.execute(delete(table))
        for file in files:
            list(intake.take([Settled(file)]))
        outcomes.add(frozenset(outcome()))
    assert len(outcomes) == 1
    assert len(next(iter(outcomes))) == 3 + len(files)


def test_an_unchanged_stations_table_costs_nothing_even_with_unused_rows(ledger, inbox, take_all, redlist):
    """A new camera stands in the table before it has a picture."""
    put(inbox, "A/1.jpg", picture(1, at=NOON))
    (inbox / "stations.csv").write_text("folder,locationName\nA,Ridge\nB,Not yet\n")
    take_all()
    assign_deployments(ledger, str(inbox), read_stations(inbox).listed, redlist)
    with ledger.write() as session:
        session.execute(update(Sighting).values(deployment_id=None))
    assign_deployments(ledger, str(inbox), read_stations(inbox).listed, redlist)
    assert rows(ledger, Sighting)[0].deployment_id is None


def test_a_stations_table_that_was_applied_in_part_is_applied_again(ledger, inbox, take_all, redlist):
    """The power may go between two batches."""
    put(inbox, "A/1.jpg", picture(1, at=NOON))
    take_all()
    (inbox / "stations.csv").write_text("folder,locationName\nA,Ridge\n")
    with ledger.write() as session:  # as far as it came
        for row in read_stations(inbox).listed:
            store.deployment(session, row.deployment())
    assign_deployments(ledger, str(inbox), read_stations(inbox).listed, redlist)
    names = {deployment.id: deployment.station for deployment in rows(ledger, Deployment)}
    assert names[rows(ledger, Sighting)[0].deployment_id] == "Ridge"


def test_two_inboxes_may_have_folders_of_one_name(ledger, tmp_path, intake, redlist):
    """Each with a table of its own."""
    for name, station in (("one", "Ridge"), ("two", "River")):
        put(tmp_path, f"{name}/A/1.jpg", picture(1 if name == "one" else 2, at=NOON))
        (tmp_path / name / "stations.csv").write_text(f"folder,locationName\nA,{station}\n")
        list(intake.take([Settled(file) for file in seen_below(tmp_path / name)]))
        assign_deployments(ledger, str(tmp_path / name), read_stations(tmp_path / name).listed, redlist)
    names = {deployment.id: deployment.station for deployment in rows(ledger, Deployment)}
    assert sorted(names[sighting.deployment_id] for sighting in rows(ledger, Sighting)) == ["Ridge", "River"]


def test_a_changed_stations_table_moves_what_was_taken_before(ledger, inbox, take_all, redlist):
    """The table often comes after the pictures."""
    put(inbox, "A/1.jpg", picture(1, at=NOON))
    take_all()
    (inbox / "stations.csv").write_text("folder,locationName,country\nA,Ridge,KE\n")
    assign_deployments(ledger, str(inbox), read_stations(inbox).listed, redlist)
    (sighting,) = rows(ledger, Sighting)
    deployment = next(d for d in rows(ledger, Deployment) if d.id == sighting.deployment_id)
    assert (deployment.station, deployment.country) == ("Ridge", "KE")
