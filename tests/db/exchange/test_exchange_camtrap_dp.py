"""Camtrap DP packages: judged by others, counted by pandas, and by hand where it matters who can be told what."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from exchanges import NOW, PLACE, PROJECT, detect, of_animals, package
from package_judges import faults
from report_world import NIGHT, REDLIST, filling
from season import season
from season_numbers import GAP, tables

from db.engine import open_ledger
from db.exchange.camtrap_dp import NothingToExportError
from db.models import Deployment, Review
from db.types import Decision, Detected, LinkKind, LinkStatus


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A season with several animals in some pictures: the ledger's tables, the folder, what was said, what is there."""
    folder = tmp_path_factory.mktemp("season")
    ledger = open_ledger(folder / "ledger.db")
    season(ledger, folder, nights=30, media=3000)
    with filling(ledger) as world:
        model, at = world.model(), world.station("Lake", **PLACE)
        for minutes, animals in enumerate([("lion", "lion"), ("lion", "cheetah"), ("lion",) * 3, ("lion", "panda")]):
            world.animals(world.picture(at, model, at=NIGHT + timedelta(minutes=minutes)), model, *animals)
        world.picture(at, model, at=NIGHT + timedelta(hours=2))
        world.animals(world.picture(at, model, time_status="implausible"), model, "lion", "lion")
    written, read = package(ledger, folder / "package")
    facts = tables(ledger)
    ledger.close()
    return facts, folder / "package", written, read


def test_a_season_is_valid(whole, shared):
    """Tables by frictionless, descriptor by the profile."""
    assert faults(whole[1], shared) == []


def test_all_that_is_known_is_there_once_and_all_else_is_listed(whole):
    """What the ledger counts, by pandas alone."""
    facts, _, written, read = whole
    observed = facts["observation"].merge(
        facts["deployment"], left_on="deployment_id", right_on="id", suffixes=("", "_of")
    )
    counted = observed[observed["counted"]]
    sure = counted[counted["time_source"] == "exif"]
    expected = sure[sure["latitude"].notna()]
    assert len(read["media"]) == written.media == expected["media_id"].nunique()
    by_picture = read["observations"].query("observationLevel == 'media'")
    assert len(by_picture) == written.observations == len(expected)
    assert (
        by_picture["observationType"].value_counts().to_dict() == expected["observation_type"].value_counts().to_dict()
    )
    assert set(by_picture["mediaID"]) == set(read["media"]["mediaID"])
    assert (by_picture["bboxX"] != "").sum() == (expected["region"] > 0).sum() == 9
    assert len(read["deployments"]) == written.deployments == expected["deployment_id"].nunique()
    left_out = read["left_out"]
    assert left_out.query("kind == 'media'")["reason"].value_counts().to_dict() == {
        "it shows what another picture shows": _pictures(observed) - _pictures(counted),
        "its camera wrote no time that can be right": _pictures(counted) - _pictures(sure),
    }
    (unplaced,) = left_out.query("kind == 'deployment'").to_dict("records")
    assert unplaced["id"].startswith("Old ridge-")
    assert unplaced["reason"] == "stations.csv says no latitude and longitude"
    assert int(unplaced["media"]) == written.media_of_these == _pictures(sure) - _pictures(expected)
    assert written.deployments_left_out == 1
    assert written.media_left_out == _pictures(observed) - _pictures(sure)


def _pictures(observed):
    return observed["media_id"].nunique()


def test_events_are_what_pandas_counts(whole):
    """Pictures of one label at one deployment, each at most half an hour after the one before, and the most in one."""
    facts, _, written, read = whole
    known = facts["observation"].merge(
        facts["deployment"], left_on="deployment_id", right_on="id", suffixes=("", "_of")
    )
    known = known[known["counted"] & (known["time_source"] == "exif") & known["latitude"].notna()]
    private = known["observation_type"].isin(["human", "vehicle"])
    kind = known["label"].where(known["decision"] == "answered", known["observation_type"].where(private))
    known = known.assign(kind=kind).dropna(subset="kind").sort_values("captured_at", kind="stable")
    pause = known.groupby(["deployment_id", "kind"])["captured_at"].diff()
    number = (~(pause <= GAP)).groupby([known["deployment_id"], known["kind"]]).cumsum().rename("number")
    event = ["deployment_id", "kind", number]
    spans = known.groupby(event)["captured_at"].agg(["min", "max"])
    boxed = known[known["region"] > 0].groupby([*event, "media_id"]).size()
    most = boxed.groupby(level=[0, 1, 2]).max().reindex(spans.index, fill_value=0)
    events = read["observations"].query("observationLevel == 'event'")
    assert len(events) == written.events == len(spans)
    counts = pd.to_numeric(events["count"]).fillna(0)
    found = sorted(zip(_utc(events["eventStart"]), _utc(events["eventEnd"]), counts, strict=True))
    whole_seconds = spans.apply(lambda column: column.dt.floor("s"))
    assert found == sorted(zip(whole_seconds["min"], whole_seconds["max"], most, strict=True))
    assert sorted(most[most > 0]) == [1, 3]  # the cheetah, the lions
    of_pictures = read["observations"].query("observationLevel == 'media' and eventID != ''")
    assert len(of_pictures) == len(known)
    assert set(of_pictures["eventID"]) == set(events["eventID"])


def _utc(column):
    return pd.to_datetime(column, utc=True)


def test_every_time_has_the_offset_of_its_station(whole):
    """Also where summer time ends within the deployment."""
    read = whole[3]
    media = read["media"].merge(read["deployments"], on="deploymentID")
    offsets = media.groupby("locationName")["timestamp"].agg(lambda times: set(times.str[19:]))
    assert offsets["Mara-07"] == {"+03:00"}
    assert offsets["Kaziranga-02"] == {"+05:30"}
    assert offsets["Pantanal-21"] == {"-04:00"}
    assert set(read["deployments"].set_index("locationName").loc["Mondulkiri-06"][["timestampIssues"]]) == {"true"}


def test_the_descriptor_covers_what_the_tables_hold(whole):
    """Taxa, days, places and their precision."""
    _, folder, _, read = whole
    said = json.loads((folder / "datapackage.json").read_text())
    names = {taxon["scientificName"]: taxon for taxon in said["taxonomic"]}
    assert set(names) == set(read["observations"]["scientificName"]) - {""}
    assert names["Panthera leo"] == {
        "scientificName": "Panthera leo", "taxonRank": "species", "family": "Felidae", "genus": "Panthera",
        "vernacularNames": {"eng": "Lion"},
    }  # fmt: skip
    assert said["temporal"]["start"] == min(_utc(read["deployments"]["deploymentStart"])).date().isoformat()
    assert said["temporal"]["end"] == max(_utc(read["deployments"]["deploymentEnd"])).date().isoformat()
    west, south, east, north = said["spatial"]["bbox"]
    assert (west, east) == tuple(read["deployments"]["longitude"].astype(float).agg(["min", "max"]))
    assert (south, north) == tuple(read["deployments"]["latitude"].astype(float).agg(["min", "max"]))
    assert said["coordinatePrecision"] == 0.1
    assert [one["scope"] for one in said["licenses"]] == ["data", "media"]


def test_where_threatened_species_live_is_told_roughly(either_ledger, tmp_path):
    """A tenth of a degree, with the circle that the camera stands in; far from there as it was recorded."""
    with filling(either_ledger) as world:
        model = world.model()
        world.picture(world.station("A", **PLACE), model)
        far = PLACE | {"latitude": 68.5678, "coordinate_uncertainty": 30}
        world.picture(world.station("B", country="NO", **far), model, "arctic_fox")
        world.picture(world.station("C", country="NO", **PLACE | {"latitude": -1.5}), model, "arctic_fox")
    _, read = package(either_ledger, tmp_path / "package")
    places = read["deployments"].set_index("locationName")[["latitude", "longitude", "coordinateUncertainty"]]
    assert list(places.loc["A"]) == ["-1.4", "35.1", "7872"]
    assert list(places.loc["B"]) == ["68.5678", "35.1234", "30"]
    assert list(places.loc["C"]) == ["-1.5", "35.1", "7872"]
    assert json.loads((tmp_path / "package/datapackage.json").read_text())["coordinatePrecision"] == 0.1


def test_a_place_is_told_roughly_where_a_threatened_animal_was_cut_out_of_a_copy(ledger, tmp_path):
    """The picture of both as a whole was taken for another."""
    far = PLACE | {"latitude": 68.5678}
    with filling(ledger) as world:
        model = world.model()
        shown, copy = (world.picture(world.station(at, None, **far), model, "arctic_fox") for at in "AB")
        world.link(copy, shown, LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
        world.animals(copy, model, "lion")
        world.session.get_one(Deployment, 2).latitude = 20.0
    _, read = package(ledger, tmp_path / "package")
    assert read["deployments"].set_index("locationName").loc["A", "latitude"] == "68.6"


def test_a_picture_that_may_show_people_is_not_public(ledger, tmp_path):
    """Only where an animal was named, or somebody looked, is it known that nobody is in it."""
    with filling(ledger) as world:
        model, at = world.model(), world.station("A", **PLACE)
        unsure = {"decision": Decision.OTHER, "background": "blank"}
        seen = [
            world.picture(at, model),
            world.picture(at, model, decision=Decision.UNKNOWN),
            world.picture(at, model, **unsure),
            world.picture(at, model, decision=Decision.OTHER, background="person"),
            world.picture(at, model, **unsure),
            world.picture(at, model),
        ]
        world.review(seen[4], "blank")
        world.review(seen[5], "person")
    _, read = package(ledger, tmp_path / "package")
    assert list(read["media"]["filePublic"]) == ["true", "false", "false", "false", "true", "false"]


def test_what_a_detector_saw_is_said_by_it(either_ledger, tmp_path):
    """Where it saw an animal or nothing, nobody is in the picture; of people it is as sure as it says."""
    with filling(either_ledger) as world:
        model, at = world.model(), world.station("A", **PLACE)
        for said in (Detected.ANIMAL, Detected.NOTHING, Detected.PERSON):
            detect(world, world.picture(at, model, decision=Decision.UNKNOWN), (said, 0.75))
    _, read = package(either_ledger, tmp_path / "package")
    assert list(read["media"]["filePublic"]) == ["true", "true", "false"]
    rows = read["observations"].query("observationLevel == 'media'")
    said = rows.set_index("observationType")[["classifiedBy", "classificationProbability"]]
    assert list(said.loc["unknown"]) == ["Trapline, model station-2026-11-01-0a1b2c3d", ""]
    assert list(said.loc["blank"]) == list(said.loc["human"]) == ["MDV5A", "0.75"]


def test_each_answer_says_who_gave_it_when_and_how_surely(either_ledger, tmp_path):
    """A person's word of a copy holds for the picture, with its date; a probability only where an animal is named."""
    with filling(either_ledger) as world:
        model, at = world.model("station-7"), world.station("A", **PLACE)
        kenyan, unknown = world.picture(at, model, "rhino"), world.picture(at, model, decision=Decision.UNKNOWN)
        reviewed, copy = world.picture(at, model), world.picture(at, model)
        world.link(copy, reviewed, LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
        world.review(copy, "cheetah", at=datetime(2026, 11, 24, 5, tzinfo=UTC))
    _, read = package(either_ledger, tmp_path / "package")
    rows = read["observations"].query("observationLevel == 'media'").set_index("mediaID")
    by_type = {(row.scientificName, row.observationType): row for row in rows.itertuples()}
    rhino = by_type["Rhinocerotidae", "animal"]
    assert rhino.observationComments == "one of: Ceratotherium simum, Diceros bicornis"
    assert rhino.observationTags == "decision:answered|label:rhino|redListCategory:NT–CR"
    assert (rhino.classificationMethod, rhino.classifiedBy) == ("machine", "Trapline, model station-7")
    assert (rhino.classificationTimestamp, rhino.classificationProbability) == ("2026-11-24T05:00:00+00:00", "0.9")
    assert by_type["", "unknown"].classificationProbability == ""
    human = by_type["Acinonyx jubatus", "animal"]
    assert (human.classificationMethod, human.classifiedBy) == ("human", "Asha")
    assert (human.classificationTimestamp, human.classificationProbability) == ("2026-11-24T05:00:00+00:00", "")
    assert set(rows["count"]) == {""}
    assert len({kenyan, unknown, reviewed}) == len(rows)
    assert list(read["left_out"]["reason"]) == ["it shows what another picture shows"]


def test_each_animal_that_a_detector_saw_is_told_with_its_box(either_ledger, tmp_path, shared):
    """Of a box over the edge what is within, of one beyond it nothing; who is not determined is not counted."""
    with filling(either_ledger) as world:
        model, at = world.model(), world.station("A", country=None, **PLACE)
        first, later = (world.picture(at, model, at=NIGHT + timedelta(minutes=minutes)) for minutes in (0, 5))
        world.animals(first, model, "lion", "jaguar", "lion", "lion", "lion")
        for each in of_animals(world, first):
            each.box = [*each.box[:2], 0.3, 0.3]
        world.animals(later, model, "lion", "lion")
        for each in of_animals(world, later):
            each.decision = Decision.UNKNOWN
    _, read = package(either_ledger, tmp_path / "package")
    assert faults(tmp_path / "package", shared) == []
    columns = ["scientificName", "bboxX", "bboxY", "bboxWidth", "bboxHeight", "count"]
    rows = read["observations"].groupby("observationLevel")[columns]
    lion, jaguar = ["Panthera leo"], ["Panthera onca"]
    assert sorted(rows.get_group("media").to_numpy().tolist()) == [
        ["", "0.0", "0.2", "0.2", "0.2", ""],
        ["", "0.25", "0.2", "0.2", "0.2", ""],
        [*lion, "", "", "", "", "1"],
        [*lion, "0.0", "0.2", "0.3", "0.3", "1"],
        [*lion, "0.5", "0.2", "0.3", "0.3", "1"],
        [*lion, "0.75", "0.2", "0.25", "0.3", "1"],
        [*jaguar, "0.25", "0.2", "0.3", "0.3", "1"],
    ]
    assert sorted(rows.get_group("event").to_numpy().tolist()) == [
        [*lion, "", "", "", "", "4"],
        [*jaguar, "", "", "", "", "1"],
    ]
    assert read["observations"]["observationID"].is_unique


def test_a_word_of_an_animal_has_its_own_date(either_ledger, tmp_path):
    """Not that of the same word of another in the picture; what the model says has that of its answer."""
    at = [datetime(2026, 11, 24, hour, tzinfo=UTC) for hour in (4, 5)]
    with filling(either_ledger) as world:
        model = world.model()
        seen = world.picture(world.station("A", **PLACE), model)
        for region, time in zip(world.animals(seen, model, "lion", "lion", "rhino"), at, strict=False):
            said = {"label": "cheetah", "reviewer": "Asha", "source": "corrections"}
            world.session.add(Review(media_id=seen, region=region, at=time, **said))
    _, read = package(either_ledger, tmp_path / "package")
    rows = read["observations"].query("observationLevel == 'media'")
    said = rows[["scientificName", "classificationTimestamp", "bboxX"]].to_numpy().tolist()
    assert sorted(said) == [
        ["Acinonyx jubatus", "2026-11-24T04:00:00+00:00", "0.0"],
        ["Acinonyx jubatus", "2026-11-24T05:00:00+00:00", "0.25"],
        ["Rhinocerotidae", "2026-11-24T05:00:00+00:00", "0.5"],
    ]
    events = read["observations"].query("observationLevel == 'event'").set_index("scientificName")["count"]
    assert events.to_dict() == {"Acinonyx jubatus": "2", "Rhinocerotidae": "1"}


def test_a_picture_with_several_animals_is_public_where_nothing_said_of_it_speaks_against_that(ledger, tmp_path):
    """A detector looked at a copy of it; of an animal that was not named, or is a person, that is not enough."""
    with filling(ledger) as world:
        model, at = world.model(), world.station("A", **PLACE)
        for animals in (("lion", "lion"), ("lion", "panda")):
            shown, copy = world.picture(at, model), world.picture(at, model)
            world.link(copy, shown, LinkKind.SAME_PICTURE, LinkStatus.CERTAIN)
            world.animals(copy, model, *animals)
        looked_at = world.picture(at, model)
        world.animals(looked_at, model, "lion", "panda")
        person = world.picture(at, model)
        world.animals(person, model, "lion", "lion")
        of_animals(world, person)[0].decision, of_animals(world, person)[0].background = Decision.OTHER, "person"
    _, read = package(ledger, tmp_path / "package")
    assert list(read["media"]["filePublic"]) == ["true", "false", "true", "false"]


def test_an_event_says_what_its_surest_picture_says(ledger, tmp_path):
    """A person's word before any model's, else the highest probability."""
    with filling(ledger) as world:
        model, at = world.model(), world.station("A", **PLACE)
        for minutes, probability in ((0, 0.8), (20, 0.95), (40, 0.7), (90, 0.7)):
            world.picture(at, model, probability=probability, at=NIGHT + timedelta(minutes=minutes))
        world.review(world.picture(at, model, at=NIGHT + timedelta(minutes=100)), "lion")
    _, read = package(ledger, tmp_path / "package")
    events = read["observations"].query("observationLevel == 'event'")
    said = ["eventStart", "eventEnd", "classificationMethod", "classificationProbability", "mediaID"]
    assert events[said].to_numpy().tolist() == [
        ["2026-11-23T22:15:00+03:00", "2026-11-23T22:55:00+03:00", "machine", "0.95", ""],
        ["2026-11-23T23:45:00+03:00", "2026-11-23T23:55:00+03:00", "human", "", ""],
    ]
    assert list(events["observationID"]) == list(events["eventID"])


def test_a_period_has_the_events_that_begin_in_it(ledger, tmp_path):
    """Two periods in a row share no picture and no event, and name an event between them alike."""
    middle = datetime(2026, 11, 23, 19, 30, tzinfo=UTC)  # between the first two pictures
    with filling(ledger) as world:
        model, at = world.model(), world.station("A", **PLACE)
        for minutes in (0, 20, 40, 90):
            world.picture(at, model, at=NIGHT + timedelta(minutes=minutes))
    first, before = package(ledger, tmp_path / "first", end=middle)
    second, after = package(ledger, tmp_path / "second", begin=middle)
    assert (first.media, first.events, second.media, second.events) == (1, 1, 3, 1)
    of_event = before["observations"].query("observationLevel == 'event'")
    going_on = after["observations"].iloc[0]
    assert going_on["eventID"] == of_event["eventID"].item()
    assert (going_on["eventStart"], going_on["eventEnd"]) == tuple(of_event[["eventStart", "eventEnd"]].iloc[0])


def test_what_lacks_a_time_or_an_answer_is_listed(ledger, tmp_path):
    """A clock that was reset, a picture that waits for the model, one whose deployment nobody placed."""
    with filling(ledger) as world:
        model, at = world.model(), world.station("A", **PLACE)
        world.picture(at, model)
        world.picture(at, model, time_status="implausible")
        world.picture(at, None)
        world.picture(world.station("B"), model)
    written, read = package(ledger, tmp_path / "package")
    assert (written.media, written.deployments_left_out, written.media_of_these, written.media_left_out) == (1, 1, 1, 2)
    assert list(read["left_out"]["reason"]) == [
        "stations.csv says no latitude and longitude",
        "its camera wrote no time that can be right",
        "nobody has answered it yet",
    ]
    assert read["deployments"]["timestampIssues"].item() == "true"


def test_a_deployment_without_a_recorded_end_ends_with_its_last_picture(ledger, tmp_path):
    """An end that is still to come is a plan; one that is past is taken as it stands."""
    with filling(ledger) as world:
        model, past = world.model(), datetime(2026, 11, 24, 5, tzinfo=UTC)
        spans = {"A": {}, "B": {"end": NOW + timedelta(days=9)}, "C": {"start": past - timedelta(days=4), "end": past}}
        for name, span in spans.items():
            world.picture(world.station(name, **PLACE, **span), model)
    _, read = package(ledger, tmp_path / "package")
    taken = "2026-11-23T22:15:00+03:00"
    assert read["deployments"][["deploymentStart", "deploymentEnd"]].to_numpy().tolist() == [
        [taken, taken], [taken, taken], ["2026-11-20T08:00:00+03:00", "2026-11-24T08:00:00+03:00"],
    ]  # fmt: skip


def test_a_camera_that_took_nothing_is_listed(either_ledger, tmp_path):
    """Nobody knows whether it worked; a row that was corrected, or is another inbox's, is no camera."""
    begin, end = NOW - timedelta(days=9), NOW - timedelta(days=1)
    span = {"start": begin, "end": end}
    with filling(either_ledger) as world:
        at, named = (world.station(name, folder=name, **PLACE, **span) for name in ("A", "Named"))
        world.session.get_one(Deployment, named).name = "D1"
        for one in (at, named):
            world.picture(one, world.model(f"of {one}"))
        corrected = world.station("Named", camera="corrected", folder="Before", **PLACE, **span)
        world.session.get_one(Deployment, corrected).name = "D1"
        world.station("A", camera="corrected", folder="A", **PLACE, start=begin - timedelta(days=1), end=end)
        world.station("After A", folder="A", **PLACE, start=end)
        world.station("In vain", folder="B", **span)
        world.station("Only seen", **PLACE)
    written, read = package(either_ledger, tmp_path / "package")
    assert list(read["deployments"]["locationName"]) == ["A", "Named"]
    assert read["deployments"]["deploymentID"].iloc[1] == "D1"
    left_out = read["left_out"].query("kind == 'deployment'")
    assert [name.partition("-")[0] for name in left_out["id"]] == ["After A", "In vain"]
    assert set(left_out["reason"]) == {"no picture was ever taken there"}
    assert (written.deployments_left_out, written.media_of_these) == (2, 0)


def test_every_species_that_a_category_comes_from_is_cited(ledger, tmp_path):
    """Of an answer that may be one of several, the assessments of all: the span is theirs."""
    with filling(ledger) as world:
        world.picture(world.station("A", **PLACE), world.model(), "rhino")
    package(ledger, tmp_path / "package")
    cited = json.loads((tmp_path / "package/datapackage.json").read_text())["references"]
    species = {"Ceratotherium simum", "Diceros bicornis"}
    assert cited == [taxon.citation for taxon in REDLIST.taxa if taxon.scientific_name in species]


def test_what_stations_csv_says_is_written_again(ledger, tmp_path, shared):
    """The name of the deployment, and Camtrap DP's columns; a name that two have is no name."""
    said = {
        "location": "L1", "setup_by": "Otieno", "camera_model": "Bushnell-Core", "camera_height": 0.5, "bait": False,
        "feature": "trailGame", "habitat": "savanna", "tags": "fence:no", "groups": "grid:1", "comments": "by a river",
        "timestamp_issues": True,
    }  # fmt: skip
    with filling(ledger) as world:
        model = world.model()
        named = {world.station("A", **PLACE, **said): "D1"}
        named |= {world.station("B", camera=camera, **PLACE): "D2" for camera in ("CAM-1", "CAM-2")}
        for at, name in named.items():
            world.session.get_one(Deployment, at).name = name
            world.picture(at, model)
    _, read = package(ledger, tmp_path / "package")
    row = read["deployments"].iloc[0]
    assert row["deploymentID"] == "D1"
    columns = (
        *("locationID", "setupBy", "cameraModel", "cameraHeight", "baitUse", "featureType", "habitat"),
        *("deploymentTags", "deploymentGroups", "deploymentComments", "timestampIssues"),
    )
    assert [row[name] for name in columns] == [
        str(value).lower() if isinstance(value, bool) else str(value) for value in said.values()
    ]
    assert read["deployments"]["deploymentID"].is_unique
    assert faults(tmp_path / "package", shared) == []


def test_nothing_that_can_be_told_is_an_error(ledger, tmp_path):
    """It says what to fill in."""
    with filling(ledger) as world:
        world.picture(world.station("A"), world.model())
    with pytest.raises(NothingToExportError, match=r"latitude and longitude in stations\.csv"):
        package(ledger, tmp_path / "package", PROJECT)
