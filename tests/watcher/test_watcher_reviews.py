"""Corrections that come back: what is taken, what is refused, and what follows."""

import json
import os
import re
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_world import filling
from sqlalchemy import func, select

from db import store
from db.models import CorrectionsFile, Media, Model, Observation, Prediction, Question, Report, Review
from db.observe import refresh
from db.types import Decision, LinkKind, LinkStatus, Method, Reason, ReportKind
from watcher.config import Settings
from watcher.data_folder import DataFolder
from watcher.health import lines, status
from watcher.reviews import look, take_in
from watcher.reviews.document import Corrections, CorrectionsError, parse
from watcher.service import Service

DOCS = Path(__file__).resolve().parents[2] / "docs"
TOKEN = "5f0c2b7a9d3e4f1c8b6a7d5e4c3b2a19"
WRITTEN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
MANY_EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def service(ledger, inbox, redlist, tmp_path):
    (inbox / "corrections").mkdir()
    settings = Settings(data_dir=tmp_path / "data", inbox=(inbox,), intake={"settle_seconds": 0})
    return Service(settings, DataFolder(tmp_path / "data"), ledger, redlist)


@pytest.fixture
def asked(service):
    """Three pictures that a model calls lions, and a report that asked about the first two: their sha256."""
    with filling(service.ledger) as world:
        station, model = world.station("Mara-07"), world.model()
        for _ in range(3):
            world.picture(station, model)
        ids = list(world.media)
    with service.ledger.write() as session:
        _report(session, ids[:2], TOKEN)
        return list(session.scalars(select(Media.sha256).where(Media.id.in_(ids)).order_by(Media.id)))


@pytest.fixture
def animals(service, asked):
    """Three animals in the first picture, and a report that asked about the first two: its token and the regions."""
    with filling(service.ledger) as world:
        media = world.session.scalars(select(Media).where(Media.sha256 == asked[0])).one()
        regions = world.animals(media.id, 1, "lion", "rhino", "cheetah")
    with service.ledger.write() as session:
        _report(session, [media.id], "a" * 32, regions=regions[:2])
    return "a" * 32, *regions


def _report(session, media_ids, token, written=WRITTEN, regions=(0,)):
    questions = [
        Question(media_id=each.media_id, region=each.region, prediction_id=each.prediction_id, reason=Reason.AUDIT)
        for each in session.scalars(
            select(Observation).where(Observation.media_id.in_(media_ids), Observation.region.in_(regions))
        )
    ]
    span = {"since": written - timedelta(days=1), "until": written, "written_at": written}
    store.report(session, Report(kind=ReportKind.NIGHTLY, token=token, path="r.html", **span), questions)


LATER = (WRITTEN + timedelta(hours=1)).isoformat()


def word(media, label="rhino", *, said_at=LATER, **more):
    """What is said of one picture, or of a part of it."""
    return {"media": media, "label": label, "said_at": said_at} | more


def document(media, label="rhino", *, said_at=LATER, **more):
    """What a report saves, of one picture or of several."""
    media = [media] if isinstance(media, str) else media
    return {
        "format": "trapline-corrections", "version": 1, "id": str(uuid4()), "report": TOKEN, "reviewer": "Asha",
        "corrections": [word(each, label, said_at=said_at) for each in media],
    } | more  # fmt: skip


def put(service, content, name="asha.json"):
    """Drop a file into the corrections folder and give its path."""
    path = service.settings.inbox[0] / "corrections" / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def looked(service):
    """Look once, and give file name → why it was refused (None: it was taken)."""
    return {Path(each.place).name: each.refused for each in look(service, service.settings.inbox[0])}


def shown(service):
    """Give what the ledger says of each picture: (method, label, who)."""
    with service.ledger.read() as session:
        rows = session.scalars(select(Observation).order_by(Observation.media_id))
        return [(each.classification_method, each.label, each.classified_by) for each in rows]


def rows(service):
    """Give the corrections files of the ledger: (name, corrections, why it was refused)."""
    with service.ledger.read() as session:
        files = session.scalars(select(CorrectionsFile).order_by(CorrectionsFile.place, CorrectionsFile.id))
        return [(Path(each.place).name, each.corrections, each.refused) for each in files]


def reviews(service):
    with service.ledger.read() as session:
        return list(session.scalars(select(Review).order_by(Review.id)))


def test_a_file_in_the_folder_becomes_reviews_and_observations(service, asked):
    """Who said it, when, and from which file; confirmed is said as well."""
    said = document(asked[:2], "lion")
    put(service, said)
    assert looked(service) == {"asha.json": None}
    assert shown(service)[:2] == [(Method.HUMAN, "lion", "Asha")] * 2
    assert {(each.label, each.reviewer, each.at, each.source) for each in reviews(service)} == {
        ("lion", "Asha", WRITTEN + timedelta(hours=1), f"corrections {said['id']}")
    }
    assert rows(service) == [("asha.json", 2, None)]


def test_a_word_outranks_the_model_that_answers_later(service, asked):
    """Another model says something else, and the person is still right."""
    put(service, document(asked[0], "rhino"))
    looked(service)
    with service.ledger.write() as session:
        media = session.scalars(select(Media).where(Media.sha256 == asked[0])).one()
        other = Prediction(
            media_id=media.id, region=0, model_id=_second_model(session), label="cheetah", probability=1.0,
            decision=Decision.ANSWERED, probabilities={}, stacked=[], distance=0.0, gradcam="g", predicted_at=WRITTEN,
        )  # fmt: skip
        answered = store.answer(session, other)
        refresh(session, [media.id], service.redlist)
        assert session.get_one(Media, media.id).answered_by == answered
    assert shown(service)[0] == (Method.HUMAN, "rhino", "Asha")


def _second_model(session):
    return store.model(session, Model(version="m2", demo=False, classes=["lion"], metrics={}, first_used_at=WRITTEN))


def test_a_word_holds_for_every_copy_of_the_picture(service, asked):
    """The third was not asked about, and shows the very same."""
    with filling(service.ledger) as world:
        world.link(3, 1, LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
    put(service, document(asked[0], "rhino"))
    looked(service)
    assert [each[:2] for each in shown(service)] == [
        (Method.HUMAN, "rhino"), (Method.MACHINE, "lion"), (Method.HUMAN, "rhino"),
    ]  # fmt: skip


def test_a_word_on_an_animal_is_of_that_animal_alone(service, asked, animals):
    """The others in the picture are what the model says of them."""
    token, lion, *others = animals
    put(service, document([], corrections=[word(asked[0], "cheetah", region=lion)], report=token))
    assert looked(service) == {"asha.json": None}
    assert [(each.media_id, each.region, each.label) for each in reviews(service)] == [(1, lion, "cheetah")]
    with service.ledger.read() as session:
        seen = {each.region: each for each in session.scalars(select(Observation).where(Observation.media_id == 1))}
    assert {region: (each.classification_method, each.label) for region, each in seen.items()} == {
        lion: (Method.HUMAN, "cheetah"), others[0]: (Method.MACHINE, "rhino"), others[1]: (Method.MACHINE, "cheetah"),
    }  # fmt: skip


@pytest.mark.usefixtures("animals")
def test_a_word_on_the_whole_is_of_all_that_is_in_it(service, asked):
    """An earlier report asked about it before anybody had looked for animals; 0 says no more than no region does."""
    put(service, document([], corrections=[word(asked[0], "blank", region=0), word(asked[1], "lion")]))
    assert looked(service) == {"asha.json": None}
    assert {(each.media_id, each.region) for each in reviews(service)} == {(1, 0), (2, 0)}
    assert shown(service)[:2] == [(Method.HUMAN, "blank", "Asha"), (Method.HUMAN, "lion", "Asha")]


def test_the_same_word_on_two_animals_is_two_words_and_said_again_it_is_none(service, asked, animals):
    """Whoever saves again says all that was said before."""
    token, *regions = animals
    both = [word(asked[0], "lion", region=region) for region in regions[:2]]
    put(service, document([], corrections=both[:1], report=token), "first.json")
    put(service, document([], corrections=both, report=token), "second.json")
    looked(service)
    assert rows(service) == [("first.json", 1, None), ("second.json", 1, None)]
    assert [each.region for each in reviews(service)] == regions[:2]


def test_a_part_that_was_not_asked_about_is_refused_as_a_picture_is(service, asked, animals):
    """Another animal in the same picture, one that nobody saw, and the whole, each by a report that asked of others."""
    token, lion, rhino, cheetah = animals
    for region in (cheetah, 7):
        put(
            service,
            document([], corrections=[word(asked[0], region=region), word(asked[0], region=lion)], report=token),
        )
        assert looked(service)["asha.json"].startswith(f"its report did not ask about part {region} of the picture")
    put(service, document([], corrections=[word(asked[0], region=rhino)]))
    assert looked(service)["asha.json"].startswith(f"its report did not ask about part {rhino} of the picture")
    put(service, document(asked[0], report=token))
    assert looked(service)["asha.json"].startswith("its report did not ask about the picture")
    assert reviews(service) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_latest_word_wins_whatever_the_order_of_arrival(service, asked, order):
    """Phones come back from the field on different days."""
    words = ["rhino", "blank", "cheetah"]
    for number in order:
        at = (WRITTEN + timedelta(hours=number + 1)).isoformat()
        put(service, document(asked[0], words[number], said_at=at, reviewer=f"R{number}"), f"{number}.json")
        looked(service)
    assert shown(service)[0] == (Method.HUMAN, "cheetah", "R2")


def test_a_clock_that_runs_ahead_or_behind_wins_nothing_for_ever(service, asked):
    """A word is of a time between the writing of its report and its arrival."""
    put(service, document(asked[0], "rhino", said_at="2999-01-01T00:00:00Z"), "ahead.json")
    put(service, document(asked[1], "rhino", said_at="0001-01-01T00:00:00+14:00"), "behind.json")
    looked(service)
    ahead, behind = [each.at for each in reviews(service)]
    assert behind == WRITTEN
    assert datetime.now(UTC) - timedelta(minutes=5) < ahead <= datetime.now(UTC)


def test_a_report_that_was_written_when_the_clock_ran_ahead_gives_no_word_a_lead(service, asked):
    """Nothing is dated after it is taken, whatever its report says of the time."""
    ahead = "0" * 32
    with service.ledger.write() as session:
        _report(session, [1, 2, 3], ahead, written=datetime(2999, 1, 1, tzinfo=UTC))
    put(service, document(asked[0], "rhino", report=ahead), "ahead.json")
    looked(service)
    put(service, document(asked[0], "lion", said_at=datetime.now(UTC).isoformat(), reviewer="Ben"), "ben.json")
    looked(service)
    assert shown(service)[0] == (Method.HUMAN, "lion", "Ben")


def test_what_was_saved_before_may_be_saved_again(service, asked):
    """Each file of one evening holds all that was tapped so far; a word counts once, as of its own time."""
    first = document(asked[0], "cheetah")
    put(service, first, "first.json")
    put(
        service,
        document(asked[0], "lion", reviewer="Expert", said_at=(WRITTEN + timedelta(hours=2)).isoformat()),
        "b.json",
    )
    again = document(asked[1], "lion", said_at=(WRITTEN + timedelta(hours=3)).isoformat())
    put(service, again | {"corrections": first["corrections"] + again["corrections"]}, "second.json")
    looked(service)
    assert shown(service)[0] == (Method.HUMAN, "lion", "Expert")
    assert len(reviews(service)) == 3


def test_an_inbox_that_moves_makes_no_file_a_replay(service, asked):
    """What was taken, and is not where it was any more, is the same file at another place."""
    path = put(service, document(asked[0], "rhino"))
    looked(service)
    path.rename(path.with_name("renamed.json"))
    assert looked(service) == {}
    assert looked(service) == {}
    assert rows(service) == [("renamed.json", 1, None)]


def test_a_label_of_a_model_is_known(service, asked):
    """A station may have trained classes of its own."""
    put(service, document(asked[0], "pangolin"))
    assert "no model here knows the label pangolin" in looked(service)["asha.json"]
    with service.ledger.write() as session:
        wanted = Model(version="m2", demo=False, classes=["pangolin"], metrics={}, first_used_at=WRITTEN)
        store.model(session, wanted)
    put(service, document(asked[0], "pangolin"))
    assert looked(service) == {"asha.json": None}


@pytest.mark.parametrize("label", ["other", "blank", "person", "vehicle", "unknown", "orangutan"])
def test_every_label_that_a_report_offers_is_taken(service, asked, label):
    """Also those that are no species, and that nobody can tell."""
    put(service, document(asked[0], label))
    assert looked(service) == {"asha.json": None}
    assert shown(service)[0] == (Method.HUMAN, label, "Asha")


BROKEN = {
    "no JSON": b"hello",
    "nothing": b"",
    "half of it": json.dumps(document("a" * 64)).encode()[:-20],
    "something after it": json.dumps(document("a" * 64)).encode() + b"x",
    "not UTF-8": json.dumps(document("a" * 64, reviewer="Zo\u00eb"), ensure_ascii=False).encode("latin-1"),
    "UTF-16": json.dumps(document("a" * 64)).encode("utf-16"),
    "nested too deeply": b"[" * 500_000,
    "deep objects": b'{"corrections":' * 50_000,
    "another thing": [1, 2],
    "another format": document("a" * 64, format="trapline"),
    "a later version": document("a" * 64, version=2),
    "a version that is a text": document("a" * 64, version="1"),
    "NaN": json.dumps(document("a" * 64, version=float("nan"))).encode(),
    "a huge number": json.dumps(document("a" * 64)).encode().replace(b'"version": 1', b'"version": ' + b"9" * 100_000),
    "a field too many": document("a" * 64, more=1),
    "a field too many in a correction": document([], corrections=[word("a" * 64, box=1)]),
    "a part before the first": document([], corrections=[word("a" * 64, region=-1)]),
    "a part beyond all": document([], corrections=[word("a" * 64, region=2**31)]),
    "a part by name": document([], corrections=[word("a" * 64, region="1")]),
    "a part that is true": document([], corrections=[word("a" * 64, region=True)]),
    "a part of no number": document([], corrections=[word("a" * 64, region=None)]),
    "a part twice": document([], corrections=[word("a" * 64, region=7), word("a" * 64, "lion", region=7)]),
    "the whole twice": document([], corrections=[word("a" * 64), word("a" * 64, region=0)]),
    "a field missing": {key: value for key, value in document("a" * 64).items() if key != "reviewer"},
    "a lone surrogate": document("a" * 64, reviewer="\ud800"),
    "nobody": document("a" * 64, reviewer=" \u200f\u0007 "),
    "a name too long": document("a" * 64, reviewer="A" * 81),
    "a name that is none": document("a" * 64, reviewer=["Asha"]),
    "a time without zone": document("a" * 64, said_at="2026-11-24T06:12:00"),
    "no time": document("a" * 64, said_at="yesterday"),
    "an id of another kind": document("a" * 64, id="1"),
    "an id of version 1": document("a" * 64, id="0d8c8a3e-6d0f-1f0b-9a53-0d1f6c1d7c11"),
    "a token with a newline": document("a" * 64, report=TOKEN + "\n"),
    "a media that is no hash": document("../../etc/passwd"),
    "a picture twice": document(["a" * 64, "a" * 64]),
    "no corrections": document([]),
    "too many": document([f"{number:064x}" for number in range(501)]),
    "a label too long": document("a" * 64, "l" * 81),
    "no label": document("a" * 64, ""),
    "a label that is a number": document([], corrections=[{"media": "a" * 64, "label": 7}]),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_changes_nothing_and_is_named_with_the_reason(service, asked, content):
    """All of it is refused, in one short sentence that says what to do."""
    if isinstance(content, dict) and content["corrections"] and content["corrections"][0]["media"] == "a" * 64:
        content = json.loads(json.dumps(content).replace("a" * 64, asked[0]))  # so that nothing else is wrong
    before = shown(service)
    put(service, content)
    (reason,) = looked(service).values()
    assert re.fullmatch(r"it is no sound corrections file \(.+\): save the corrections from the report again", reason)
    assert len(reason) < 400
    assert reason.isprintable()
    assert rows(service) == [("asha.json", 0, reason)]
    assert (shown(service), reviews(service)) == (before, [])


def test_the_rule_for_broken_files_lets_a_sound_one_through(service, asked):
    """Or the test above would prove nothing."""
    put(service, json.dumps(document(asked[0])).replace("a" * 64, asked[0]).encode())
    assert looked(service) == {"asha.json": None}


@MANY_EXAMPLES
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_without_harm(service, content):
    """Nothing but a sentence comes of them."""
    put(service, content)
    (reason,) = looked(service).values()
    assert rows(service) == [("asha.json", 0, reason)]
    (service.settings.inbox[0] / "corrections/asha.json").unlink()
    assert looked(service) == {}
    assert rows(service) == []


TEXTS = st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@MANY_EXAMPLES
@given(st.sampled_from([*document("a" * 64), "another"]), VALUES)
def test_any_value_in_any_field_is_taken_or_refused_and_never_more(service, asked, field, value):
    """A file that is sound but for one field."""
    before = len(reviews(service))
    put(service, document(asked[0], id=str(uuid4())) | {field: value})
    refused = looked(service)["asha.json"]
    assert len(reviews(service)) - before == (0 if refused else 1)
    (service.settings.inbox[0] / "corrections/asha.json").unlink()
    looked(service)
    with service.ledger.read() as session:
        assert not session.scalar(select(func.count()).where(CorrectionsFile.refused.is_not(None)))


def test_a_file_of_a_report_that_this_ledger_has_not_written_is_refused(service, asked):
    """It came to the wrong station."""
    put(service, document(asked[0], report="0" * 32))
    assert looked(service)["asha.json"].startswith("it belongs to a report that this ledger has not written")
    assert reviews(service) == []


def test_a_file_that_speaks_of_a_picture_that_was_not_asked_about_is_refused_as_a_whole(service, asked):
    """The third is known and was not asked about; the first, which was, stays as it is too."""
    for name, other in {"known.json": asked[2], "unknown.json": "f" * 64}.items():
        put(service, document([asked[0], other]), name)
    found = looked(service)
    assert all(reason.startswith("its report did not ask about the picture") for reason in found.values())
    assert reviews(service) == []


def test_what_was_taken_before_is_refused_at_another_place(service, asked):
    """The same file under another name, and the same document with another content."""
    said = document(asked[0])
    put(service, said)
    looked(service)
    put(service, said, "copy.json")
    put(service, said | {"reviewer": "Ben"}, "forged.json")
    found = looked(service)
    assert set(found) == {"copy.json", "forged.json"}
    assert all(re.match(r"it was taken before, from .*/asha\.json: delete this one", why) for why in found.values())
    assert len(reviews(service)) == 1


def test_a_file_is_read_once_and_again_when_it_changes(service, asked):
    """The same place with another document is another word; with the same content it is no news."""
    said = document(asked[0])
    path = put(service, said)
    assert looked(service) == {"asha.json": None}
    assert looked(service) == {}
    os.utime(path, (1, 1))
    assert looked(service) == {}
    put(service, document(asked[0], "blank"))
    assert looked(service) == {"asha.json": None}
    put(service, said)
    assert looked(service) == {}
    assert rows(service) == [("asha.json", 1, None)] * 2


def test_a_refused_file_is_told_of_once_and_read_again_when_it_is_completed(service, asked):
    """A half-copied file sorts itself out."""
    whole = json.dumps(document(asked[0])).encode()
    put(service, whole[:100])
    assert set(looked(service)) == {"asha.json"}
    assert looked(service) == {}
    put(service, whole)
    assert looked(service) == {"asha.json": None}
    assert rows(service) == [("asha.json", 1, None)]


def test_a_taken_file_that_breaks_and_is_mended_is_known_again(service, asked):
    """The refusal is forgotten, and nothing is said twice."""
    whole = document(asked[0])
    put(service, whole)
    looked(service)
    put(service, b"{")
    assert "no sound" in looked(service)["asha.json"]
    put(service, whole)
    assert looked(service) == {}
    assert rows(service) == [("asha.json", 1, None)]


def test_a_refused_file_that_is_gone_is_forgotten_and_one_that_is_away_is_not(service):
    """Deleted is mended; a share that is not mounted says nothing of its files."""
    root = service.settings.inbox[0]
    path = put(service, b"{")
    looked(service)
    root.rename(root.with_name("away"))
    assert looked(service) == {}
    assert [name for name, *_ in rows(service)] == ["asha.json"]
    root.with_name("away").rename(root)
    path.unlink()
    looked(service)
    assert rows(service) == []


def test_a_file_that_still_changes_waits(service, asked):
    """Until it has been left alone for ``settle_seconds``; a time to come is no reason to wait."""
    patient = Settings(**service.settings.model_dump() | {"intake": {"settle_seconds": 600}})
    waiting = Service(patient, service.data, service.ledger, service.redlist)
    path = put(service, document(asked[0]))
    assert looked(waiting) == {}
    assert rows(service) == []
    os.utime(path, (1, 1))  # what a file was given as its time is not when it was copied
    assert looked(waiting) == {}
    assert looked(service) == {"asha.json": None}


def test_only_json_files_at_the_top_of_the_folder_are_looked_at(service, asked):
    """In any case of letters; nothing else there is anybody's business."""
    put(service, document(asked[0]), "ASHA.JSON")
    for name in ["notes.txt", "asha.json.part", ".asha.json", "json"]:
        put(service, b"{", name)
    (service.settings.inbox[0] / "corrections/older").mkdir()
    put(service, b"{", "older/asha.json")
    (service.settings.inbox[0] / "asha.json").write_bytes(b"{")
    assert looked(service) == {"ASHA.JSON": None}
    assert len(rows(service)) == 1


def test_an_inbox_without_the_folder_or_with_a_link_in_its_place_has_no_corrections(service, asked, tmp_path):
    """Links are never followed."""
    put(service, document(asked[0])).parent.rename(tmp_path / "elsewhere")
    assert looked(service) == {}
    (service.settings.inbox[0] / "corrections").symlink_to(tmp_path / "elsewhere")
    assert looked(service) == {}
    assert rows(service) == []


def _link(path):
    target = path.with_name("target.txt")
    target.write_text("{}")
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_link, "it is a link, a folder or a device"),
        (lambda path: path.symlink_to("nowhere"), "it is a link, a folder or a device"),
        (lambda path: path.symlink_to(path), "it is a link, a folder or a device"),
        (os.mkfifo, "it is a link, a folder or a device"),
        (Path.mkdir, "it is a link, a folder or a device"),
        (lambda path: path.write_bytes(b" " * 10_000_000), "it is larger than 1 MiB"),
        (lambda path: path.write_bytes(b" " * (2**20 + 1)), "it is larger than 1 MiB"),
    ],
)
def test_whatever_lies_in_a_file_s_place_is_refused_and_never_opened_for_long(service, make, why):
    """A link may lead anywhere, a pipe waits for ever."""
    make(service.settings.inbox[0] / "corrections/asha.json")
    done = []
    thread = threading.Thread(target=lambda: done.append(looked(service)), daemon=True)
    thread.start()
    thread.join(20)
    assert done[0]["asha.json"].startswith(why)
    assert [name for name, *_ in rows(service)] == ["asha.json"]


def test_a_file_with_any_name_is_shown_as_text(service):
    """Bytes that are no text, newlines, and what turns the direction around."""
    folder = os.fsencode(service.settings.inbox[0] / "corrections")
    for name in [b"\xff\xfe.json", b"a\nb.json", "\u202egpj.json".encode()]:
        with suppress(OSError), open(folder + b"/" + name, "wb") as file:  # noqa: PTH123  # bytes
            file.write(b"{")
    assert len(looked(service)) == 3
    assert looked(service) == {}
    with service.ledger.read() as session:
        assert all(place.isprintable() for place in session.scalars(select(CorrectionsFile.place)))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("  Asha \n Rao ", "Asha Rao"),
        ("\u202eahsA\u202c", "ahsA"),
        ("A\u0000s\u0007ha\u001b[31m", "Asha[31m"),
        ("آشا", "آشا"),
        ("<b>&Zoë</b>", "<b>&Zoë</b>"),
        ("A" * 80 + "\u200f" * 80, "A" * 80),
    ],
)
def test_a_reviewer_s_name_keeps_what_can_be_seen(name, kept):
    """It stands in reports and terminals."""
    assert parse(json.dumps(document("a" * 64, reviewer=name)).encode()).reviewer == kept


def test_a_file_that_somebody_names_is_taken_from_anywhere(service, asked, tmp_path):
    """Without a daemon, and once."""
    path = tmp_path / "download"
    path.write_text(json.dumps(document(asked[0])))
    assert (take_in(service, path).corrections, take_in(service, path).refused is None) == (1, False)
    assert "it was taken before" in (take_in(service, path).refused or "")
    assert shown(service)[0] == (Method.HUMAN, "rhino", "Asha")


@pytest.mark.parametrize("path", ["/proc/self/mem", "/nowhere/asha.json", "/dev/zero", "/"])
def test_a_named_file_that_is_refused_leaves_no_trace(service, path):
    """One sentence; nobody would ever take it off the list of what is refused."""
    assert take_in(service, Path(path)).refused
    assert rows(service) == []


def test_a_file_that_was_named_is_known_where_the_daemon_looks(service, asked):
    """An import of what lies in the folder already is not told of twice."""
    path = put(service, document(asked[0]))
    assert take_in(service, path).corrections == 1
    assert looked(service) == {}


def test_status_names_refused_files_and_counts_what_was_taken(service, asked):
    """A refused file needs a hand, and is gone from there when it is gone."""
    put(service, document(asked[:2]))
    put(service, b"{", "broken.json")
    looked(service)
    state = status(service)
    assert state["corrections"] == 2
    assert [Path(each["path"]).name for each in state["corrections_refused"]] == ["broken.json"]
    assert any(problem.startswith("corrections are refused (1)") for problem in state["problems"])
    told = [line for line in lines(state) if line.startswith("corrections")]
    assert told[0] == "corrections  2 taken"
    assert re.fullmatch(r"corrections  /.*/broken\.json refused: it is no sound corrections file .*", told[1])
    (service.settings.inbox[0] / "corrections/broken.json").unlink()
    looked(service)
    assert status(service)["corrections_refused"] == []


def test_of_inboxes_that_are_configured_no_more_status_says_nothing(service, tmp_path):
    """Nobody looks there, so nobody could ever take it off the list."""
    put(service, b"{")
    looked(service)
    elsewhere = Service(Settings(data_dir=tmp_path / "data"), service.data, service.ledger, service.redlist)
    assert status(elsewhere)["corrections_refused"] == []


def test_the_schema_and_the_example_in_the_documents_are_the_code_s():
    """Whoever writes another tool goes by them."""
    schema = json.loads((DOCS / "corrections.schema.json").read_text())
    assert schema == Corrections.model_json_schema(), "write model_json_schema() to docs/corrections.schema.json"
    (example,) = re.findall(r"```json\n(.*?)```", (DOCS / "corrections.md").read_text(), re.DOTALL)
    assert UUID(parse(example.encode()).id).version == 4
    with pytest.raises(CorrectionsError):
        parse(example.encode().replace(b'"version": 1', b'"version": 2'))
