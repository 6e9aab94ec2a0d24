"""status and doctor: what happens now, and what would go wrong."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from small_pictures import picture
from sqlalchemy import select

from db.models import Media
from ml.artifacts import promote
from ml.settings import ModelSettings
from watcher.config import Settings
from watcher.health import doctor, lines, status
from watcher.pipeline import Pipeline
from watcher.service import open_service

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def known_to_every_process(monkeypatch):
    """The small backbones, also to the process that exports them."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (HERE / "small", HERE.parent, HERE.parent.parent))))


@pytest.fixture
def settings(tmp_path, inbox, small_model):
    models = tmp_path / "data/models"
    models.mkdir(parents=True)
    promote(models, small_model(models))
    return Settings(data_dir=tmp_path / "data", inbox=(inbox,))


@pytest.fixture
def service(settings):
    with open_service(settings) as service:
        yield service


@pytest.fixture
def answered(service, inbox, take_all):
    """Two pictures and a text are in the ledger, the pictures answered."""
    (inbox / "River").mkdir()
    for number in range(2):
        (inbox / f"River/{number}.jpg").write_bytes(picture(number))
    (inbox / "River/notes.jpg").write_bytes(b"rained all day")
    take_all()
    pipeline = Pipeline(service.ledger, service.data, service.redlist, ModelSettings(runtime="tensorflow"))
    list(pipeline.answer_pending())
    pipeline.close()


@pytest.fixture
def config(tmp_path, settings, monkeypatch):
    monkeypatch.delenv("TRAPLINE_INBOX", raising=False)
    path = tmp_path / "config.toml"
    path.write_text(f'data_dir = "{settings.data_dir}"\ninbox = ["{settings.inbox[0]}"]\n')
    return path


@pytest.mark.usefixtures("answered")
def test_a_healthy_house_has_no_problems(service):
    """Counts, the last sign of each station, the rejected files by name."""
    with service.data.exclusively():
        state = status(service)
    assert state["problems"] == []
    assert (state["files"]["taken"], state["files"]["rejected"], state["pending"]) == (2, 1, 0)
    assert [sign["station"] for sign in state["stations"]] == ["River"]
    assert state["rejected"][0]["path"].endswith("River/notes.jpg")
    assert json.loads(json.dumps(state)) == state
    assert any("River/notes.jpg" in line for line in lines(state))


def test_pictures_that_wait_while_no_daemon_runs_are_a_problem(service, inbox, take_all):
    """Somebody has to start it."""
    (inbox / "1.jpg").write_bytes(picture(1))
    take_all()
    assert status(service)["problems"] == [
        "pictures wait for an answer (1) and no daemon runs: start trapline watch",
        "no daemon runs, so nothing new is noticed: start trapline watch",
    ]


def test_what_the_daemon_says_of_itself_is_told(service):
    """Offline shares, threads that fail, and that it has been silent."""
    said = {
        "process": 7,
        "at": (datetime.now(UTC) - timedelta(minutes=9)).isoformat(),
        "failures": {"model": "no model"},
        "inboxes": [
            inbox_state("/share", away="it is empty, and was not"),
            inbox_state("/nas", unreadable={"A": "Permission denied"}, looking_since="2026-01-01T00:00:00+00:00"),
            inbox_state("/card", earlier=300, folders=300, folders_heard=149, events_asked_for_anew=1),
            inbox_state("/slow", growing=["A/slow.jpg"], unsettled=3),
        ],
        "next": {},
    }
    with service.data.exclusively():
        service.data.heartbeat.write_text(json.dumps(said))
        state = status(service)
    assert [problem.split(":")[0] for problem in state["problems"]] == [
        "/share is offline (it is empty, and was not)",
        "/nas/A is left out (Permission denied)",
        "/nas is being looked through since 2026-01-01T00",
        "events come from 149 of 300 folders of /card, so all are looked through more often",
        "model",
        "the daemon (process 7) is silent",
    ]
    told = "\n".join(lines(state))
    assert "/card holds another share than before: 300 files" in told
    assert "/slow/A/slow.jpg has been written for more than an hour" in told


def inbox_state(path, **more):
    """What the daemon says of one inbox."""
    return {
        "root": path,
        "away": "",
        "earlier": 0,
        "unreadable": {},
        "unsettled": 0,
        "growing": [],
        "folders": 3,
        "folders_heard": None,
        "events_asked_for_anew": 0,
        "scan_seconds": 300.0,
        "looking_since": None,
        "looked_at": None,
    } | more


@pytest.mark.usefixtures("answered")
def test_the_doctor_finds_a_sound_house_sound(config):
    """Every check says that it is well, thoroughly too."""
    found = list(doctor(config, thorough=True, seconds=0.1))
    assert [check.name for check in found if not check.well] == []
    looked_at = {"configuration", "disk", "ledger", "products", "originals", "decode processes"}
    looked_at |= {"model", "runtime", "speed"}
    assert looked_at <= {check.name for check in found}


@pytest.mark.usefixtures("answered")
def test_the_doctor_names_what_is_lost_and_what_rots(config, service):
    """A product that is gone; an original that is not what was read, though nobody touched it."""
    next((service.data.root / "gradcam").rglob("*.jpg")).unlink()
    with service.ledger.write() as session:
        session.scalars(select(Media)).first().sha256 = "0" * 64
    assert {check.name for check in doctor(config, thorough=True, seconds=0.1) if not check.well} == {
        "products",
        "originals",
    }


def test_the_doctor_goes_on_when_the_configuration_is_right_and_something_else_is_not(config, settings, inbox):
    """Each says how to mend it."""
    inbox.rmdir()
    (settings.data_dir / "models/current").write_text("gone-2026-01-01-00000000\n")
    ill = {check.name: check.says for check in doctor(config, thorough=False, seconds=0.1) if not check.well}
    assert set(ill) == {f"inbox {inbox}", "model"}
    assert "mount the share" in ill[f"inbox {inbox}"]
    assert "models list" in ill["model"]


def test_a_wrong_configuration_is_the_doctor_s_first_word(tmp_path):
    """Nothing else can be judged then."""
    (tmp_path / "config.toml").write_text("inbax = 1\n")
    (check,) = doctor(tmp_path / "config.toml", thorough=False)
    assert not check.well
    assert "inbax" in check.says
