"""``trapline redlist show`` and ``refresh``, against a local Red List."""

import os
import time
from dataclasses import replace

import pytest
from fake_redlist import TOKEN, fake_redlist
from report_world import filling
from sqlalchemy import select
from typer.testing import CliRunner

from db.models import Observation
from db.redlist import Category, RedListError, Trend, as_csv, load
from watcher.config import ConfigError, load_settings
from watcher.data_folder import DataFolder
from watcher.intake import derive_stale
from watcher.redlist.commands import app
from watcher.service import open_service

SHIPPED = load()
LION = "Panthera leo"


@pytest.fixture
def fake():
    with fake_redlist() as fake:
        yield fake


@pytest.fixture(autouse=True)
def data(tmp_path, fake, monkeypatch):
    """The data folder that the commands use, with the fake Red List and no pause."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAPLINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TRAPLINE_REDLIST__TOKEN", TOKEN)
    monkeypatch.setenv("TRAPLINE_REDLIST__URL", fake.url)
    monkeypatch.setenv("TRAPLINE_REDLIST__PAUSE_SECONDS", "0")
    return tmp_path / "data"


def run(*arguments, says=None):
    """Run the command; an error of ours is raised."""
    done = CliRunner().invoke(app, arguments, input=says)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def in_force():
    with open_service(load_settings()) as service:
        return service.redlist


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix in {".csv", ".new"}}


def uplist(fake):
    """Let the lion become EN, and Rwanda be where it lives no more."""
    lion = fake.taxa[LION]
    fake.taxa[LION] = replace(
        lion,
        category=Category.EN,
        criteria="A2abcd",
        assessed=2026,
        published=2027,
        trend=Trend.UNKNOWN,
        countries=(lion.countries - {"RW"}) | {"LY"},
        citation="Nicholson, S. 2027. Panthera leo. The IUCN Red List of Threatened Species 2027: e.T15951A3.",
    )


def test_a_refresh_that_finds_nothing_new_changes_nothing(fake):
    """The table keeps its version, so that no observation is judged anew for nothing."""
    assert "nothing has changed since 2026-11-24" in run("refresh").output
    assert in_force() == SHIPPED
    assert len(fake.asked) == 2 * len(SHIPPED.taxa)
    assert any("infra_name=orientalis" in path for path in fake.asked)


def test_a_refresh_shows_each_difference_and_asks_before_it_changes_anything(fake):
    """Category, years, criteria, trend, countries: a person decides."""
    uplist(fake)
    done = run("refresh", says="n\n")
    assert (
        "Panthera leo: VU → EN, assessed 2025 → 2026, published 2025 → 2027, criteria A2c → A2abcd, "
        "trend decreasing → unknown, + LY, − RW, another citation\n"
    ) in done.output
    assert done.output.count("→") == 5
    assert "nothing is changed" in done.output
    assert in_force() == SHIPPED


def test_a_change_counts_from_then_on_and_keeps_what_was_before(data, fake):
    """The former category stays with its year, and the table of every version stays in the data folder."""
    assert in_force() == SHIPPED
    uplist(fake)
    run("refresh", says="y\n")
    after = in_force()
    lion = after.resolve("lion", "LY")
    assert (lion.category, lion.taxa[0].published) == ("EN", 2027)
    assert after.resolve("lion", "RW").out_of_range
    assert [(row.category, row.published) for row in after.former] == [("VU", 2025)]
    assert after.date > SHIPPED.date
    for table in (SHIPPED, after):
        kept = load(data / f"redlist/{table.version.replace(' ', '_')}.csv")
        assert (kept.version, kept.taxa) == (table.version, table.taxa)
    shown = run("show", "lion").output
    assert shown.index("EN 2027") < shown.index("VU 2025")


def test_cron_is_not_asked(fake):
    """With --yes nobody needs to be there; without it, and with nobody there, nothing happens."""
    uplist(fake)
    assert run("refresh", says="").exit_code == 1
    assert in_force() == SHIPPED
    assert run("refresh", "--yes").exit_code == 0
    assert in_force().resolve("lion", "KE").category == "EN"


def test_a_daemon_that_runs_is_to_be_started_anew(data, fake):
    """It read its tables when it started."""
    uplist(fake)
    data.mkdir()
    with DataFolder(data).exclusively():
        assert "a Trapline runs with the table from before: start it anew" in run("refresh", "--yes").output


def test_what_was_observed_is_judged_anew_and_names_the_new_version(fake):
    """The category of an observation is that of the table which it names."""
    with open_service(load_settings()) as service, filling(service.ledger) as world:
        world.picture(world.station("ridge"), world.model())
    uplist(fake)
    run("refresh", "--yes")
    with open_service(load_settings()) as service:
        derive_stale(service.ledger, service.redlist)
        with service.ledger.read() as session:
            observation = session.scalars(select(Observation)).one()
            assert (observation.category, observation.redlist_version) == ("EN", service.redlist.version)


def test_a_reintroduction_that_the_assessment_does_not_know_stays(fake):
    """Cheetahs live in India again although the assessment calls them extinct there."""
    fake.more_locations = [{"code": "IN", "presence": "Extinct Post-1500"}]
    uplist(fake)
    run("refresh", "--yes")
    assert in_force().resolve("cheetah", "IN").category == "VU"


def test_only_what_is_extinct_is_out_of_range(fake):
    """Possibly extinct, uncertain and vagrant animals may stand before a camera; parts of countries say nothing."""
    before = fake.taxa[LION].countries
    fake.more_locations = [
        {"code": "YE", "presence": "Possibly Extinct"},
        {"code": "TR", "presence": "Presence Uncertain"},
        {"code": "FR", "presence": "Extant", "origin": "Vagrant"},
        {"code": "TN", "presence": "Extinct Post-1500"},
        {"code": "MXC-DF", "presence": "Extant"},
    ]
    run("refresh", "--yes")
    (lion,) = in_force().resolve("lion", None).taxa
    assert lion.countries == {"YE", "TR", "FR"} | before


def test_a_taxon_that_the_red_list_does_not_have_stays_as_it_is(fake):
    """Names change; the row is kept, and named."""
    del fake.taxa["Pongo tapanuliensis"]
    done = run("refresh")
    assert "Pongo tapanuliensis: the Red List has no global assessment, so its row stays as it is" in done.output
    assert in_force() == SHIPPED


def test_a_table_of_ones_own_is_never_changed_and_outranks_the_refreshed_one(fake, tmp_path, monkeypatch):
    """A national category is the user's word."""
    own = tmp_path / "lion.csv"
    own.write_bytes(as_csv([replace(fake.taxa[LION], category=Category.CR)]))
    before = own.read_bytes()
    monkeypatch.setenv("TRAPLINE_LEDGER__REDLIST", str(own))
    uplist(fake)
    run("refresh", "--yes")
    assert in_force().resolve("lion", "KE").category == "CR"
    assert own.read_bytes() == before
    monkeypatch.delenv("TRAPLINE_LEDGER__REDLIST")
    assert in_force().resolve("lion", "KE").category == "EN"


def test_a_busy_red_list_is_asked_again(fake):
    """Too many requests and a fault of its own pass."""
    fake.failures = [(429, {"Retry-After": "0"}), (503, {}), (500, {"Retry-After": "soon"})]
    assert "nothing has changed" in run("refresh").output
    assert len(fake.asked) == 3 + 2 * len(SHIPPED.taxa)


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ((401, {}), r"refuses the token \(401\): check TRAPLINE_REDLIST__TOKEN"),
        ((403, {}), r"refuses the token \(403\)"),
        ((301, {"Location": "/elsewhere"}), r"answers 301, which was not expected"),
        ((429, {"Retry-After": "3600"}), r"wants no question for 60 minutes"),
    ],
)
def test_a_refusal_says_what_to_do_and_changes_nothing(data, fake, failure, message):
    """Each in one sentence, and never with the token."""
    uplist(fake)
    fake.failures = [failure]
    with pytest.raises(RedListError, match=message) as told:
        run("refresh", "--yes")
    assert TOKEN not in str(told.value)
    assert "nothing is changed" in str(told.value)
    assert files(data / "redlist") == {}


def test_a_red_list_that_keeps_failing_is_left_alone(fake):
    """After five tries."""
    fake.failures = [(502, {})] * 9
    with pytest.raises(RedListError, match=r"does not answer now \(502, 5 times\).*nothing is changed"):
        run("refresh", "--yes")
    assert len(fake.asked) == 5


def test_without_a_network_nothing_changes(monkeypatch):
    """The address is named, and the way on."""
    monkeypatch.setenv("TRAPLINE_REDLIST__URL", "http://127.0.0.1:9")
    with pytest.raises(RedListError, match=r"127\.0\.0\.1:9 cannot be reached \(ConnectionError\): check the network"):
        run("refresh", "--yes")


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"red_list_category": "EN"}, r"another shape \(assessment-\d+: red_list_category"),
        ({"locations": []}, r"another shape .*locations"),
        ({"red_list_category": {"code": "LR/nt"}}, r"not understood .*LR/nt"),
        ({"population_trend": {"description": {"en": "Up"}}}, r"not understood .*up"),
        ({"locations": [{"code": "KE", "presence": "Extinct Post-1500"}]}, r"not understood \(no country"),
        ({"year_published": "1815"}, r"taxa\.csv\.new, line 2, column yearPublished"),
    ],
)
def test_an_answer_of_another_shape_changes_nothing(fake, patch, message):
    """An API that changes must not empty the table."""
    fake.patches = patch
    with pytest.raises(RedListError, match=message):
        run("refresh", "--yes")
    assert in_force() == SHIPPED


def test_a_refresh_that_was_cut_off_goes_on(data, fake):
    """What was answered within a week is not asked again, and none of the Red List's text is kept."""
    fake.patches = {"citation": None}
    with pytest.raises(RedListError, match="citation"):
        run("refresh")
    fake.patches = {}
    run("refresh")
    run("refresh")
    before = len(fake.asked)
    assert before == 2 * len(SHIPPED.taxa) + 1
    kept = sorted((data / "redlist/cache").iterdir())
    assert len(kept) == 2 * len(SHIPPED.taxa)
    assert not any(b"not ours" in path.read_bytes() for path in kept)
    for path in kept[:2]:
        os.utime(path, (old := time.time() - 8 * 24 * 3600, old))
    kept[2].write_bytes(b"{}")
    run("refresh")
    assert len(fake.asked) == before + 3


def test_questions_are_a_pause_apart(fake, monkeypatch):
    """The Red List is asked gently, whatever the answer."""
    monkeypatch.setenv("TRAPLINE_REDLIST__PAUSE_SECONDS", "0.02")
    begin = time.monotonic()
    run("refresh")
    assert time.monotonic() - begin >= 0.02 * (len(fake.asked) - 1)


def test_the_terms_are_stated_before_the_first_question():
    """Non-commercial, cited, one's own token."""
    assert "not for commercial purposes" in run("refresh").output


def test_the_token_comes_from_the_environment_or_a_file(tmp_path, monkeypatch):
    """A file may end with a line break."""
    monkeypatch.delenv("TRAPLINE_REDLIST__TOKEN")
    with pytest.raises(RedListError, match=r"your own token, and there is none.*TRAPLINE_REDLIST__TOKEN"):
        run("refresh")
    monkeypatch.setenv("TRAPLINE_REDLIST__TOKEN_FILE", "token")
    with pytest.raises(RedListError, match=r"token cannot be read"):
        run("refresh")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert "nothing has changed" in run("refresh").output


def test_a_token_is_never_shown(tmp_path, monkeypatch):
    """Not where it is broken, not where the settings are printed, and it is not taken from the configuration."""
    monkeypatch.setenv("TRAPLINE_REDLIST__TOKEN", "secret\nword")
    with pytest.raises(RedListError, match="cannot be a token") as told:
        run("refresh")
    assert "secret" not in f"{told.value}{load_settings()!r}"
    (tmp_path / "config.toml").write_text('[redlist]\ntoken = "secret"\n')
    with pytest.raises(ConfigError, match=r"redlist\.token: a token does not belong") as told:
        run("refresh")
    assert "secret" not in str(told.value)


def test_the_table_shows_what_a_label_may_be_at_a_place(data):
    """Taxa, span, countries, citation, version and date."""
    shown = run("show", "rhino", "--country", "KE").output
    for text in ("NT–CR", "Ceratotherium simum", "Diceros bicornis", "Emslie, R. 2020", SHIPPED.version, "global"):
        assert text in shown
    assert "unicornis" not in shown
    assert "out of range" in run("show", "panda", "--country", "KE").output
    assert not data.exists()


def test_every_label_is_shown_without_a_name():
    """And a wrong name or country says what is right."""
    shown = run("show").output
    assert all(taxon.scientific_name in shown for taxon in SHIPPED.taxa)
    with pytest.raises(RedListError, match=r"'lynx' is no label of the Red List table: african_elephant, "):
        run("show", "lynx")
    with pytest.raises(RedListError, match=r"'Kenya' is no country"):
        run("show", "--country", "Kenya")
