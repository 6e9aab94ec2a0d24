"""Copies are counted once and frames of bursts each for themselves, through the real intake and a real ledger."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from blank_ledger import new_ledger
from bursts import HEIGHT, WIDTH, Camera, Writer, burst, reexported, retagged, shot
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import select

from db import store
from db.models import Deployment, Link, Media, Model, Observation, Prediction, Sighting
from db.observe import refresh
from db.queries.status import at_two_deployments
from db.store import SeenFile
from db.types import Decision, LinkKind, LinkStatus, State
from watcher.inbox.scan import signature, station_of
from watcher.inbox.settle import Settled

AT = datetime.fromisoformat("2026-05-04T03:02:01")  # a camera's clock knows no zone
NOW = datetime(2026, 11, 24, tzinfo=UTC)
FIRMWARE, NAMELESS = Camera(Writer.FIRMWARE), Camera(Writer.FIRMWARE, serial=None)


@pytest.fixture
def put(inbox):
    """Put files into the inbox: path → content."""

    def put(files):
        for path, content in files.items():
            (inbox / path).parent.mkdir(parents=True, exist_ok=True)
            (inbox / path).write_bytes(content)

    return put


@pytest.fixture
def counted(ledger, redlist, inbox, intake):
    """Take all in the inbox, let every picture be answered, and give the paths of those that are counted."""

    def counted():
        list(intake.take(files_in(inbox)))
        answer_all(ledger, redlist)
        return {paths[0] for paths, is_counted in pictures_in(ledger, inbox) if is_counted}

    return counted


def files_in(root):
    """Give all files below a folder, by path."""
    settled = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        stat, below = path.stat(), bytes(path.relative_to(root))
        time = datetime.fromtimestamp(stat.st_mtime, UTC)
        settled.append(Settled(SeenFile(str(root), below, signature(stat), time, station_of(root, below))))
    return settled


def answer_all(ledger, redlist):
    """Say the same of every picture that has no answer yet."""
    with ledger.write() as session:
        model = Model(version="m", demo=False, classes=["lion"], metrics={}, first_used_at=NOW)
        model_id = store.model(session, model)
        waiting = list(session.scalars(select(Media.id).where(Media.answered_by.is_(None))))
        for media_id in waiting:
            said = Prediction(
                media_id=media_id, region=0, model_id=model_id, label="lion", probability=0.9, background=None,
                decision=Decision.ANSWERED, probabilities={"one": [1.0]}, stacked=[1.0], distance=0.5, gradcam="none",
                predicted_at=NOW,
            )  # fmt: skip
            store.answer(session, said)
        refresh(session, waiting, redlist)


def pictures_in(ledger, inbox):
    """Give for each media the paths it was seen at, and whether it is counted."""
    with ledger.read() as session:
        media = session.execute(select(Media.id, Observation.counted).join(Observation)).all()
        seen = session.execute(
            select(Sighting.media_id, Sighting.path_text).where(Sighting.root == str(inbox)).order_by(Sighting.path)
        ).all()
    return [([path for m, path in seen if m == media_id], is_counted) for media_id, is_counted in media]


def links_in(ledger):
    """Give (first path of the copy, first path of the canonical, kind, status) of all links."""
    with ledger.read() as session:
        paths = {}
        for media_id, path in session.execute(select(Sighting.media_id, Sighting.path_text).order_by(Sighting.path)):
            paths.setdefault(media_id, path)
        return {
            (paths[link.media_id], paths[link.canonical_id], link.kind, link.status)
            for link in session.scalars(select(Link))
        }


def rows(ledger, model):
    with ledger.read() as session:
        return list(session.scalars(select(model).order_by(model.id)))


def scenes(count, camera=FIRMWARE, at=AT):
    """Give a photograph of each of some scenes, all of one second."""
    return [shot(*burst(seed, 1, night=bool(seed % 2), animal=0.15), camera, at=at) for seed in range(count)]


def test_a_card_that_was_copied_three_times_is_counted_once(ledger, inbox, put, counted):
    """Renamed or not, in whatever folder."""
    card = [shot(frame, FIRMWARE, at=AT) for frame in burst(1, 4, animal=0.06)]
    for number, jpeg in enumerate(card):
        put({f"A/{number}.jpg": jpeg, f"A/again/{number}.jpg": jpeg, f"A/old/copy of {number + 3}.jpg": jpeg})
    assert counted() == {f"A/{number}.jpg" for number in range(4)}
    assert sorted(len(paths) for paths, _ in pictures_in(ledger, inbox)) == [3] * 4


def test_rewritten_tags_are_counted_once_whatever_time_they_say(ledger, put, counted):
    """Tagged in place, and with a corrected clock at another station: the earliest counts."""
    put({"A/1.jpg": (jpeg := shot(*burst(2, 1), FIRMWARE, at=AT)), "A/2.jpg": retagged(jpeg, "lion", at=AT)})
    put({"B/1.jpg": retagged(jpeg, "clock set", at=AT + timedelta(hours=1))})
    put({"B/2.jpg": retagged(jpeg, "clock set back", at=AT - timedelta(hours=1))})
    assert counted() == {"B/2.jpg"}
    same = (LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
    assert links_in(ledger) == {(path, "B/2.jpg", *same) for path in ("A/1.jpg", "A/2.jpg", "B/1.jpg")}


def test_the_same_pixels_turned_by_their_tags_are_another_picture(ledger, put, counted):
    """What is seen, and what the model is asked of, differs."""
    jpeg = shot(*burst(2, 1), FIRMWARE, at=AT)
    put({"A/1.jpg": jpeg, "A/2.jpg": retagged(jpeg, "turned", orientation=6)})
    assert counted() == {"A/1.jpg", "A/2.jpg"}
    assert links_in(ledger) == set()


def test_what_was_saved_anew_goes_to_its_own_original(ledger, put, counted):
    """Five scenes of one second, and of each a copy saved anew and a resized one."""
    for number, jpeg in enumerate(scenes(5)):
        put({f"A/{number}.jpg": jpeg, f"A/{number} saved.jpg": reexported(jpeg, quality=40)})
        put({f"A/{number} sent.jpg": reexported(jpeg, quality=60, share=0.5)})
    # Of two of one size nobody knows which is the original.
    assert sorted(path.removesuffix(".jpg").removesuffix(" saved") for path in counted()) == [
        f"A/{number}" for number in range(5)
    ]
    links = links_in(ledger)
    assert all(copy[:3] == canonical[:3] for copy, canonical, *_ in links)
    assert len(links) == 10
    assert {link[2:] for link in links} == {(LinkKind.REEXPORT, LinkStatus.SUSPECTED)}


@pytest.mark.parametrize("night", [False, True], ids=["day", "night"])
def test_every_frame_of_a_burst_is_counted(ledger, put, counted, night):
    """Empty or with an animal, however the camera writes, all in one second of one deployment."""
    files = {}
    for seed, animal in enumerate((0.0, 0.06, 0.4)):
        frames = burst(seed, 5, night=night, animal=animal)
        for number, frame in enumerate(frames):
            files[f"A/{seed}-{number}.jpg"] = shot(frame, Camera(tuple(Writer)[seed]), at=AT, number=number)
    put(files)
    assert counted() == set(files)
    assert rows(ledger, Link) == []


def test_flat_frames_are_never_copies(ledger, put, counted):
    """Black, grey and white ones of one second, tagged and saved anew."""
    files = {}
    for level in (0, 128, 255):
        jpeg = shot(Image.new("RGB", (WIDTH, HEIGHT), (level,) * 3), FIRMWARE, at=AT)
        files |= {f"A/{level}.jpg": jpeg, f"A/{level} tagged.jpg": retagged(jpeg, "nothing")}
        files[f"A/{level} saved.jpg"] = reexported(jpeg, share=0.5)
    put(files)
    assert counted() == set(files)
    assert rows(ledger, Link) == []


def test_pictures_of_cameras_with_a_reset_clock_are_not_compared(ledger, put, counted):
    """Two cards of one station whose clocks both start anew in 2000: even what looks alike stands for itself."""
    files = {}
    reset = datetime.fromisoformat("2000-01-01T00:00:07")
    for number, jpeg in enumerate(scenes(2, NAMELESS, at=reset)):
        files[f"A/100RECNX/IMG_{number}.jpg"] = jpeg
        files[f"A/101RECNX/IMG_{number}.jpg"] = reexported(jpeg, share=0.5)
    put(files)
    assert counted() == set(files)
    assert rows(ledger, Link) == []
    assert len(rows(ledger, Deployment)) == 1


def test_a_counter_that_starts_again_costs_no_picture(ledger, inbox, put, counted):
    """The same name holds another frame: in another folder of the card, at another station, and later in its place."""
    first, second, third, fourth = (shot(frame, NAMELESS, at=AT) for frame in burst(4, 4))
    put(
        {
            f"{place}/IMG_0001.JPG": jpeg
            for place, jpeg in zip(("A/100RECNX", "A/101RECNX", "B"), (first, second, third), strict=True)
        }
    )
    assert len(counted()) == 3
    put({"A/100RECNX/IMG_0001.JPG": fourth})
    counted()
    assert [is_counted for _, is_counted in pictures_in(ledger, inbox)] == [True] * 4
    assert rows(ledger, Link) == []


def test_a_picture_at_two_stations_is_counted_once_and_named(ledger, put, counted):
    """A card in the wrong folder: the first path has it, and the status says that there is such a picture."""
    one, other = scenes(2)
    put({"A/1.jpg": one, "B/1.jpg": one, "B/2.jpg": other})
    assert counted() == {"A/1.jpg", "B/2.jpg"}
    with ledger.read() as session:
        assert at_two_deployments(session) == 1


def test_whatever_comes_first_the_end_is_the_same(inbox, put, intake, redlist, tmp_path):
    """Media, deployments, links and what is counted, for any order and any moment at which the model answers."""
    frames = [shot(frame, FIRMWARE, at=AT) for frame in burst(5, 3, animal=0.06)]
    lone, dark = shot(*burst(6, 1), FIRMWARE, at=AT), shot(Image.new("RGB", (WIDTH, HEIGHT)), FIRMWARE, at=AT)
    put({f"A/{number}.jpg": jpeg for number, jpeg in enumerate(frames)})
    # Nobody knows whose copy the first is, and the second lies at another station.
    put({"A/sent.jpg": reexported(frames[0], share=0.5), "B/sent.jpg": reexported(frames[2], quality=60)})
    put({"A/tagged.jpg": retagged(frames[2], "lion"), "B/dark.jpg": dark, "B/dark tagged.jpg": retagged(dark, "x")})
    # Where it comes first, it is of B and has a copy there; in the end it is of A and has another.
    put({"A/lone.jpg": lone, "B/lone.jpg": lone, "C/tagged.jpg": retagged(lone, "x", at=AT - timedelta(days=1))})
    put({"A/lone sent.jpg": reexported(lone, share=0.5), "B/lone sent.jpg": reexported(lone, quality=40)})
    files = files_in(inbox)

    def outcome(order, step, *, answered_at_once):
        ledger = new_ledger(tmp_path / f"data/{len(list((tmp_path / 'data').glob('*.db')))}.db")
        for start in range(0, len(order), step):
            list(replace(intake, ledger=ledger).take(order[start : start + step]))
            if answered_at_once:
                answer_all(ledger, redlist)
        answer_all(ledger, redlist)
        ends = deployed(ledger), links_in(ledger), sorted(pictures_in(ledger, inbox))
        ledger.close()
        return ends

    expected = outcome(files, len(files), answered_at_once=False)
    counted = {paths[0] for paths, is_counted in expected[2] if is_counted}
    assert {"A/0.jpg", "A/1.jpg", "A/sent.jpg", "B/sent.jpg", "B/dark.jpg", "B/dark tagged.jpg"} < counted
    assert counted & {"A/2.jpg", "A/tagged.jpg"}
    assert {path for path in counted if "lone" in path or path.startswith("C")} == {"C/tagged.jpg", "B/lone sent.jpg"}

    @settings(max_examples=8, deadline=None)
    @given(st.permutations(files), st.integers(1, 6), st.booleans())
    def any_order(order, step, answered_at_once):
        assert outcome(order, step, answered_at_once=answered_at_once) == expected

    any_order()


def deployed(ledger):
    """Give path → (content, deployment)."""
    shas = {media.id: media.sha256 for media in rows(ledger, Media)}
    keys = {deployment.id: deployment.key for deployment in rows(ledger, Deployment)}
    return {s.path_text: (shas[s.media_id], keys[s.deployment_id]) for s in rows(ledger, Sighting)}


def test_real_cameras_lose_no_picture(ledger, redlist, intake, shared):
    """158 originals of many makers, bursts and tagged copies among them, show 132 pictures, and these are counted."""
    folder = shared / "cameratrap"
    intake = replace(intake, max_pixels=20_000_000)
    list(intake.take(files_in(folder)))
    answer_all(ledger, redlist)
    taken = [sighting for sighting in rows(ledger, Sighting) if sighting.state is State.TAKEN]
    pictures = pictures_in(ledger, folder)
    assert (len(taken), sum(is_counted for _, is_counted in pictures)) == (158, 132)
    assert {link.kind for link in rows(ledger, Link)} == {LinkKind.SAME_PICTURE}
