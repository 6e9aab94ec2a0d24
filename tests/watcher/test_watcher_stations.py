"""stations.csv → deployments, and to which of them a picture belongs."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.models import Deployment
from watcher.stations import Captured, Stations, StationsError, deployment_of, read_stations
from watcher.stations.cells import COLUMNS
from watcher.stations.rows import FIELDS

HEADER = "folder,locationName,cameraID,latitude,longitude,country,timezone,deploymentStart,deploymentEnd"
HEADER += ",clockOffset,captive\n"
RECEIVED, EPOCH = datetime(2026, 11, 24, tzinfo=UTC), 1970


def read(tmp_path, *rows, header=HEADER):
    (tmp_path / "stations.csv").write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    return read_stations(tmp_path)


def listed(tmp_path, *rows, header=HEADER):
    """Give the rows of a table that is all right."""
    stations = read(tmp_path, *rows, header=header)
    assert stations.faults == ()
    return stations.listed


def fault(tmp_path, row, header):
    """Give what is wrong with a table's only row."""
    stations = read(tmp_path, row, header=header)
    assert stations.listed == ()
    (says,) = stations.faults
    prefix = f"{tmp_path}/stations.csv, line 2: "
    assert says.startswith(prefix)
    return says.removeprefix(prefix)


def at(*day):
    return datetime(*day)  # noqa: DTZ001  # a camera's clock


def test_without_a_file_nothing_is_listed(tmp_path):
    """The table is optional."""
    assert read_stations(tmp_path).listed == ()


def test_a_table_that_is_configured_must_be_there(tmp_path):
    """A typo in the configuration must not look like a table without rows."""
    with pytest.raises(StationsError, match=r"deployments\.csv is not there: .* stations in config\.toml"):
        read_stations(tmp_path / "inbox", tmp_path / "deployments.csv")


def test_a_configured_table_stands_in_for_that_of_the_inbox(tmp_path):
    """There is one table, and its rows are of the inbox that is asked about."""
    read(tmp_path, "A", header="folder\n")
    (tmp_path / "deployments.csv").write_text("folder,locationName\nB,Ridge\n")
    (row,) = read_stations(tmp_path, tmp_path / "deployments.csv").listed
    assert (row.root, row.folder, row.station) == (str(tmp_path), "B", "Ridge")


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("folder,Country", "the column 'Country' is not known; did you mean 'country'"),
        ("folder,lattitude", "the column 'lattitude' is not known; did you mean 'latitude'"),
        ("Folder,country", "the column 'Folder' is not known; did you mean 'folder'"),
        ("folder,country,country", "the column 'country' stands there 2 times"),
        ("station,lat", "one of the columns folder, deploymentID, .*the columns are .*latitude"),
        ("", "one of the columns folder, deploymentID"),
        ('folder,"country', r"line 1: is no row of a table .*CSV in UTF-8"),
    ],
)
def test_a_header_that_would_change_what_all_rows_say_leaves_the_table_aside(tmp_path, header, says):
    """A misspelt column may be the one with the span or the clock."""
    with pytest.raises(StationsError, match=says):
        read(tmp_path, "A,1", header=header + "\n")


def test_what_is_wrong_with_rows_is_told_beside_the_header(tmp_path):
    """Nobody wants to mend a table twice."""
    with pytest.raises(StationsError) as told:
        read(tmp_path, "A,KE,91,1", header="folder,Country,latitude,longitude\n")
    assert [line.split(": ")[1][:12] for line in str(told.value).splitlines()] == ["the column '", "latitude"]


@pytest.mark.parametrize("content", [b"folder\nK\xf6nigssee\n", b"\xff\xfef\x00o\x00", b"folder\n" + b"A" * (5 << 20)])
def test_a_file_that_is_no_table_in_utf8_is_told(tmp_path, content):
    """Older spreadsheets write the letters of their own country, or UTF-16."""
    (tmp_path / "stations.csv").write_bytes(content)
    with pytest.raises(StationsError, match=r"stations\.csv is (no table|larger than 4 MiB)"):
        read_stations(tmp_path)


@pytest.mark.parametrize("delimiter", ",;\t")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_whatever_a_spreadsheet_calls_csv_is_read(tmp_path, delimiter, end):
    """With a byte order mark, quoted cells, and rows of nothing but delimiters at the end."""
    name = f'"Ridge{delimiter} the ""upper"" one"'
    lines = [["folder", '"locationName"', "latitude", "longitude"], ["A", name, "-1.49", "35.14"], [""] * 4, ["B"]]
    text = end.join(delimiter.join(line) for line in lines) + end
    (tmp_path / "stations.csv").write_text(text, encoding="utf-8-sig", newline="")
    stations = read_stations(tmp_path)
    assert stations.faults == ()
    assert [row.station for row in stations.listed] == [f'Ridge{delimiter} the "upper" one', "B"]
    assert stations.listed[0].latitude == -1.49


def test_a_line_break_in_a_cell_does_not_shift_the_lines(tmp_path):
    """The line that is named is the one on which the row begins."""
    stations = read(tmp_path, 'A,"flooded\n\nin May",', 'B,"as\nA",Kenya', header="folder,deploymentComments,country\n")
    assert [row.comments for row in stations.listed] == ["flooded\n\nin May"]
    assert stations.faults[0].startswith(f"{tmp_path}/stations.csv, line 5: country: expected ")


FULL = {
    "folder": "Mara-07", "deploymentID": "D1", "locationID": "L1", "locationName": "Maasai Mara",
    "latitude": "-1.5", "longitude": "35.1", "coordinateUncertainty": "30", "country": "KE",
    "timezone": "Africa/Nairobi", "deploymentStart": "2026-11-01T00:00:00", "deploymentEnd": "2026-11-30T12:00:00Z",
    "clockOffset": "3600", "setupBy": "Asha", "cameraID": "CAM7", "cameraModel": "Reconyx-PC800", "cameraDelay": "0",
    "cameraHeight": "1.2", "cameraTilt": "-5", "cameraHeading": "225", "detectionDistance": "9.5",
    "timestampIssues": "FALSE", "baitUse": "true", "featureType": "waterSource", "habitat": "savanna",
    "deploymentGroups": "season:dry | grid:A1", "deploymentTags": "edge", "deploymentComments": "by the fig",
    "captive": "true",
}  # fmt: skip


def test_a_full_row_is_read_and_comes_to_the_ledger(tmp_path, ledger):
    """All that Camtrap DP says of it can be written again; times without a zone are on the station's clock."""
    (row,) = listed(tmp_path, ",".join(FULL.values()), header=",".join(FULL) + "\n")
    with ledger.write() as session:
        session.add(row.deployment())
    with ledger.read() as session:
        kept = session.get_one(Deployment, 1)
        assert (kept.station, kept.folder, kept.camera, kept.clock_offset) == ("Maasai Mara", "Mara-07", "CAM7", 3600)
        assert kept.start == datetime(2026, 10, 31, 21, tzinfo=UTC)
        assert kept.end == datetime(2026, 11, 30, 12, tzinfo=UTC)
        said = {column: getattr(kept, field) for column, field in FIELDS.items() if column in FULL}
    assert said == {
        "deploymentID": "D1", "locationID": "L1", "latitude": -1.5, "longitude": 35.1, "coordinateUncertainty": 30,
        "country": "KE", "timezone": "Africa/Nairobi", "setupBy": "Asha", "cameraID": "CAM7",
        "cameraModel": "Reconyx-PC800", "cameraDelay": 0, "cameraHeight": 1.2, "cameraTilt": -5, "cameraHeading": 225,
        "detectionDistance": 9.5, "timestampIssues": False, "baitUse": True, "featureType": "waterSource",
        "habitat": "savanna", "deploymentGroups": "season:dry | grid:A1", "deploymentTags": "edge",
        "deploymentComments": "by the fig", "captive": True,
    }  # fmt: skip


def test_every_column_of_camtrap_dp_s_schema_is_known(shared):
    """A table that was made for Camtrap DP is a table of Trapline's."""
    schema = json.loads((shared / "camtrap-dp-1.0.2/deployments-table-schema.json").read_text())
    fields = {field["name"]: field for field in schema["fields"]}
    assert fields.keys() <= COLUMNS.keys()
    for feature in fields["featureType"]["constraints"]["enum"]:
        assert COLUMNS["featureType"](feature) == feature


@pytest.mark.parametrize(
    ("header", "row", "folder", "station"),
    [
        ("folder", "River", "River", "River"),
        ("deploymentID,locationName", "D1,Ridge", "D1", "Ridge"),
        ("deploymentID,locationName,folder", "D1,Ridge,A\\100RECNX/", "A/100RECNX", "Ridge"),
        ("deploymentID,locationID", "D1,L1", "D1", "L1"),
        ("locationID,locationName", "L1,Ridge", "Ridge", "Ridge"),
        ("deploymentID,folder", "D1,NA", "D1", "D1"),
        ("folder", "./A//north", "A/north", "A"),
    ],
)
def test_the_folder_is_named_by_the_first_name_that_is_given(tmp_path, header, row, folder, station):
    """The rest has sensible meanings."""
    (found,) = listed(tmp_path, row, header=header + "\n")
    assert (found.folder, found.station) == (folder, station)
    assert (found.country, found.clock_offset, found.captive) == (None, 0, False)


def test_columns_of_others_are_passed_over(tmp_path):
    """People keep notes beside."""
    (row,) = listed(tmp_path, "A,full,7", header="folder,battery,row\n")
    assert row.folder == "A"


def test_na_is_nothing_but_for_the_country_namibia(tmp_path):
    """Data tables write NA for what is missing."""
    (row,) = listed(tmp_path, "A,NA,NaN,nan,NA", header="folder,cameraID,latitude,longitude,country\n")
    assert (row.camera, row.latitude, row.longitude, row.country) == (None, None, None, "NA")


def test_every_wrong_cell_is_named_and_the_other_rows_are_used(tmp_path):
    """The person who mends it has a spreadsheet before them."""
    stations = read(
        tmp_path,
        "A,,,91,1,Kenya,,,,,",
        "B,,,,,,,,,,",
        "C,,,,,,Mars,,,,",
        "D,,,,,,,yesterday,,,",
        "E,,,,,,,,,soon,",
        "F,,,,,,,,,,perhaps",
        ",,CAM-1,,,,,,,,",
        "G,,,,,,Mars,2026-01-01,,,",
        "H,,,,,,Africa,,,,",
        "I,,,,,,America/Lima,9999-12-31T23:59:59,,,",
        "J,,,,,,,2026-05-02,2026-05-01,,",
        "K,,,-1,49,35,14,KE,,,,,,",
        "L,,,,,,,,,,",
    )
    assert [row.folder for row in stations.listed] == ["B", "L"]
    told = [(int(line.split(", line ")[1].split(":")[0]), line.split(": ")[1]) for line in stations.faults]
    assert told == [
        (2, "latitude"), (2, "country"), (4, "timezone"), (5, "deploymentStart"), (6, "clockOffset"), (7, "captive"),
        (8, "folder"), (9, "timezone"), (10, "timezone"), (11, "deploymentStart"), (12, "deploymentEnd"),
        (13, "expected 11 cells, found 14"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        (
            "latitude",
            "-1,49",
            "expected decimal degrees from -90 to 90 with a point, below 0 in the south, such as -1.49",
        ),
        ("latitude", "1°29'S", "expected decimal degrees from -90 to 90"),
        ("latitude", "90.1", "expected decimal degrees"),
        ("latitude", "1_0", "expected decimal degrees"),
        ("longitude", "١٠", "below 0 in the west"),
        ("country", "Kenya", r"two capital letters .*, such as KE \(did you mean 'KE'\?\)"),
        ("country", "UK", "two capital letters"),
        ("timezone", "Africa/Nairoby", r"IANA time zone.* \(did you mean 'Africa/Nairobi'\?\)"),
        ("featureType", "watersource", r"one of roadPaved, .* \(did you mean 'waterSource'\?\)"),
        ("coordinateUncertainty", "0", "whole metres from 1 on"),
        ("cameraDelay", "1.5", "whole seconds"),
        ("cameraHeight", "-1", "metres"),
        ("cameraTilt", "91", "whole degrees from -90"),
        ("cameraHeading", "361", "whole degrees from 0 to 360"),
        ("baitUse", "fish", "true or false"),
        ("deploymentStart", "24/11/2026", "a time such as 2026-11-24T06:00:00"),
        ("deploymentStart", "0001-01-01", "of the years 1970 to 2199"),
        ("clockOffset", "1e3", "whole seconds to add"),
    ],
)
def test_a_wrong_cell_says_what_was_expected_and_what_was_found(tmp_path, column, cell, says):
    """Nothing is guessed: a decimal comma could be two cells, and 1_0 a slip."""
    beside = {"latitude": "longitude", "longitude": "latitude"}.get(column, "habitat")
    told = fault(tmp_path, f"A;{cell};1", header=f"folder;{column};{beside}\n")
    assert told.startswith(f"{column}: expected ")
    assert told.endswith(f", found {cell!r}")
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(told)


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        ("latitude", "1", "longitude: expected decimal degrees, since latitude is given, found nothing"),
        ("longitude", "1", "latitude: expected decimal degrees, since longitude is given, found nothing"),
        ("cameraHeight;cameraDepth", "1;2", "cameraDepth: expected nothing beside cameraHeight, found both"),
        ("cameraTime", "2026-11-24", "actualTime: expected a time, since cameraTime is given, found nothing"),
        ("actualTime", "2026-11-24", "cameraTime: expected a time, since actualTime is given, found nothing"),
        (
            "clockOffset;cameraTime;actualTime",
            "0;2026-11-24;2026-11-24",
            "clockOffset: expected this or cameraTime and",
        ),
        (
            "cameraTime;actualTime",
            "1970-01-01;2199-01-01",
            "cameraTime: expected a time within 100 years of actualTime",
        ),
        (
            "cameraTime;actualTime",
            "2026-11-24T06:00Z;2026-11-24",
            "cameraTime: expected what the camera's clock showed",
        ),
    ],
)
def test_cells_that_do_not_go_together_are_told(tmp_path, header, row, says):
    """Half a place is none, and two clocks are one too many."""
    assert fault(tmp_path, f"A;{row}", header=f"folder;{header}\n").startswith(says)


@pytest.mark.parametrize(
    ("camera", "actual", "seconds"),
    [
        ("2026-11-24T05:00:00", "2026-11-24T06:00:30", 3630),
        ("2026-11-24T06:00:00", "2025-11-24T06:00:00", -365 * 86400),
        ("1970-01-01", "2026-11-24T06:00:00", 1795500000),
        ("2026-11-24T05:00:00", "2026-11-24T03:00:00Z", 3600),
        ("2026-11-24T05:00:00", "2026-11-24T05:00:00+02:00", 3600),
    ],
)
def test_what_the_clock_showed_and_what_it_was_gives_its_offset(tmp_path, camera, actual, seconds):
    """A photograph of a watch is enough; without an offset of its own the actual time is the station's."""
    header = "folder,timezone,cameraTime,actualTime\n"
    (row,) = listed(tmp_path, f"A,Africa/Nairobi,{camera},{actual}", header=header)
    assert row.clock_offset == seconds


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (",", ",", True),
        ("2026-01-01,2026-03-01", "2026-02-01,2026-04-01", True),
        ("2026-02-01,", ",2026-02-02", True),
        ("2026-01-01,2026-01-31", "2026-02-01,", False),
        ("2026-02-01,", ",2026-01-31", False),
        ("2026-01-01,2026-02-01T10:00:00", "2026-02-01T10:00:00,", False),
        ("2026-01-01,2026-02-01", "2026-02-01,", True),  # a date is all of that day
    ],
)
def test_two_deployments_of_one_folder_at_one_time_are_told_and_neither_is_used(tmp_path, first, second, overlap):
    """Nobody could tell to which of them a picture belongs."""
    rows = (f"A,{first}", "B,,", f"A,{second}")
    stations = read(tmp_path, *rows, header="folder,deploymentStart,deploymentEnd\n")
    assert [row.folder for row in stations.listed] == (["B"] if overlap else ["A", "B", "A"])
    told = "stations.csv, line 4: deploymentStart: expected a span apart from that of line 2"
    assert [told in line for line in stations.faults] == ([True] if overlap else [])


def test_a_long_deployment_overlaps_whatever_lies_within_it(tmp_path):
    """Also where another one stands between them."""
    rows = ("A,2026-01-01,2026-12-31", "A,2026-02-01,2026-02-28", "A,2026-03-01,2026-03-31")
    stations = read(tmp_path, *rows, header="folder,deploymentStart,deploymentEnd\n")
    assert [line.split("that of ")[1].split(",")[0] for line in stations.faults] == ["line 2", "line 2"]


def test_a_deployment_id_stands_there_once(tmp_path):
    """It is what exports tell deployments apart by."""
    stations = read(tmp_path, "A,D1", "B,D2", "C,D1", header="folder,deploymentID\n")
    assert [row.folder for row in stations.listed] == ["B"]
    (told,) = stations.faults
    assert "line 4: deploymentID: expected one of its own, found that of line 2 ('D1')" in told


HOPELESS = "g" * 25  # no country, no zone, no feature


@pytest.mark.parametrize(
    ("header", "row", "wrong"),
    [
        ("folder,country,timezone,featureType", f"A{{0}},{HOPELESS}{{0}},{HOPELESS}{{0}},{HOPELESS}{{0}}", 3),
        ("folder,deploymentID,habitat", "A{0},D1," + 80 * "x", 1),
        ("folder,habitat", "A," + 80 * "x", 1),
    ],
    ids=["cells", "names", "spans"],
)
def test_a_table_with_nothing_right_is_told_quickly_and_in_few_words(tmp_path, header, row, wrong):
    """Up to a hundred faults, in the order of their lines, and how many more; beyond them nothing is searched for."""
    rows = [row.format(number) for number in range((4_000_000 - len(header)) // len(row.format(99_999)))]
    began = time.process_time()
    stations = read(tmp_path, *rows, header=header + "\n")
    assert time.process_time() - began < 15
    assert stations.listed == ()
    *told, last = stations.faults
    lines = [int(line.split(", line ")[1].split(":")[0]) for line in told]
    assert (lines, len(told)) == (sorted(lines), 100)
    clashing = wrong == 1
    assert last == f"{tmp_path}/stations.csv: and {len(rows) * wrong - clashing - 100} more"
    assert sum(map(len, stations.faults)) < 50_000


def test_a_long_cell_is_not_told_whole(tmp_path):
    """What status and the log say of a table stays short."""
    long = "x" * 50_000
    rows = (
        f"A{long},,,,{long}",
        f"B{long},D{long},,,",
        f"B{long},,,,",
        f"C,D{long},,,",
        f"D,,2026-02-02,2026-02-01T00:00:00.{9999 * '0'},",
    )
    stations = read(tmp_path, *rows, header="folder,deploymentID,deploymentStart,deploymentEnd,country\n")
    assert len(stations.faults) == 4
    assert max(map(len, stations.faults)) < 400 + len(str(tmp_path))


@pytest.mark.parametrize(
    "content", [",".join(["folder", *map(str, range(200))]) + "\n", "folder\n" + "A\n" * 50_001], ids=["wide", "long"]
)
def test_what_is_too_large_for_a_table_of_deployments_is_left_aside(tmp_path, content):
    """Somebody saved something else under that name."""
    (tmp_path / "stations.csv").write_text(content)
    with pytest.raises(StationsError, match="more than 200 columns or 50000 rows: is it a table of deployments"):
        read_stations(tmp_path)


@given(st.binary())
def test_any_bytes_give_rows_or_words(tmp_path_factory, content):
    """Anybody may save anything under that name."""
    check(tmp_path_factory, content)


@given(
    st.lists(st.sampled_from([*COLUMNS, "notes"]), max_size=6),
    st.lists(st.lists(st.text(max_size=12) | st.sampled_from(["A", "1", "2026-01-01", "true", "NA"]), max_size=7)),
    st.sampled_from(",;\t"),
)
def test_any_cells_give_rows_or_words(tmp_path_factory, header, rows, delimiter):
    """Below any header."""
    lines = [delimiter.join(["folder", *header]), *(delimiter.join(row) for row in rows)]
    check(tmp_path_factory, "\n".join(lines).encode("utf-8", "surrogatepass"))


def check(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    (folder / "stations.csv").write_bytes(content)
    try:
        stations = read_stations(folder)
    except StationsError as error:
        stations = Stations(folder, faults=tuple(str(error).splitlines()[:1]))
    assert all(line.startswith(f"{folder}/stations.csv") for line in stations.faults)
    for row in stations.listed:
        assert row.deployment().key == row.key


def choose(rows, *folders, camera_time=None, offset=None, serial=None):
    captured = camera_time and Captured(camera_time, offset, camera_time.year > EPOCH, RECEIVED)
    station = folders[0] if folders else "inbox"
    return deployment_of(rows, station=station, folders=list(folders), captured=captured, serial=serial)


def test_the_longest_folder_that_holds_the_file_wins(tmp_path):
    """A station may have two cameras, each with its folder; the point is the inbox itself."""
    rows = listed(tmp_path, "A,,one", "A/north,,two", ".,Loose,three", header="folder,locationName,cameraID\n")
    assert choose(rows, "A", "100RECNX").camera == "one"
    assert choose(rows, "A", "north", "100RECNX").camera == "two"
    assert choose(rows, "A", "northern").camera == "one"
    assert choose(rows).station == choose(rows, "B").station == "Loose"


def test_a_name_with_an_accent_is_one_name_however_it_is_written(tmp_path):
    """A Mac writes it in two characters, and spreadsheets in one."""
    rows = listed(tmp_path, "Bor\u00e9,Ridge", header="folder,locationName\n")
    assert choose(rows, "Bore\u0301").station == "Ridge"


def test_a_clock_that_cannot_be_right_belongs_where_it_is_set_right(tmp_path):
    """The battery was changed in July, and the camera began again at 1970; in October it was set."""
    header = "folder,cameraID,deploymentStart,deploymentEnd,cameraTime,actualTime\n"
    rows = listed(
        tmp_path,
        "A,before,2026-01-01T00:00:00,2026-06-30T23:59:59,,",
        "A,reset,2026-07-01T00:00:00,2026-09-30T23:59:59,1970-01-01T00:00:00,2026-07-01T12:00:00",
        "A,after,2026-10-01T00:00:00,,,",
        header=header,
    )
    assert choose(rows, "A", camera_time=at(1970, 1, 3)).camera == "reset"
    assert choose(rows, "A", camera_time=at(1970, 6, 3)).camera == "after"  # beyond that span
    assert choose(rows, "A", camera_time=datetime.min).camera == "after"  # noqa: DTZ901  # no time at all


def test_the_span_decides_between_deployments_of_one_folder(tmp_path):
    """On the corrected clock and in the station's time zone."""
    header = "folder,cameraID,timezone,deploymentStart,deploymentEnd,clockOffset\n"
    rows = listed(
        tmp_path,
        "A,old,Africa/Nairobi,2026-01-01T00:00:00,2026-06-30,0",
        "A,new,Africa/Nairobi,2026-07-01T00:00:00,,0",
        header=header,
    )
    assert choose(rows, "A", camera_time=at(2026, 6, 30, 23, 0)).camera == "old"
    assert choose(rows, "A", camera_time=at(2026, 7, 1, 0, 0)).camera == "new"
    assert choose(rows, "A", camera_time=at(2025, 7, 1, 0, 0)).key == "seen:A:"
    slow = listed(tmp_path, "A,new,,2026-07-01T00:00:00,,86400", header=header)
    assert choose(slow, "A", camera_time=at(2026, 6, 30, 12, 0)).camera == "new"
    assert choose(rows, "A", camera_time=at(2026, 6, 30, 21, 30), offset=0).camera == "new"
    assert slow[0].deployment().clock_offset == timedelta(days=1).total_seconds()


def test_one_camera_moved_is_two_deployments(tmp_path):
    """Its folder goes with it; between the two places it is at neither."""
    rows = listed(
        tmp_path,
        "CAM7,Ridge,CAM7,-1.5,35.1,2026-01-01,2026-06-30T12:00:00",
        "CAM7,River,CAM7,-1.6,35.2,2026-06-30T15:00:00,",
        header="folder,locationName,cameraID,latitude,longitude,deploymentStart,deploymentEnd\n",
    )
    before, after = (choose(rows, "CAM7", camera_time=at(2026, 6, 30, hour)) for hour in (11, 16))
    assert (before.station, before.latitude, after.station, after.latitude) == ("Ridge", -1.5, "River", -1.6)
    assert before.camera == after.camera == "CAM7"
    assert before.key != after.key
    assert choose(rows, "CAM7", camera_time=at(2026, 6, 30, 13)).key == "seen:CAM7:"


def test_what_is_not_listed_goes_by_serial_number_then_by_second_folder():
    """Counter folders that cameras make say nothing."""
    assert choose((), "A", "north", serial="S1").key == "seen:A:S1"
    assert choose((), "A", "north").key == "seen:A:north"
    assert choose((), "A", "100RECNX").key == choose((), "A").key == "seen:A:"


def test_the_documented_table_is_all_right(tmp_path):
    """And every column is documented."""
    text = (Path(__file__).parents[2] / "docs/stations.md").read_text(encoding="utf-8")
    (tmp_path / "stations.csv").write_text(text.split("```csv\n")[1].split("```")[0], encoding="utf-8")
    stations = read_stations(tmp_path)
    assert stations.faults == ()
    assert [(row.station, row.clock_offset) for row in stations.listed] == [
        ("Maasai Mara", 0),
        ("Ridge", 0),
        ("River", 3600),
    ]
    assert all(f"`{column}`" in text for column in COLUMNS)
