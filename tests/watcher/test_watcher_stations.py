"""stations.csv → deployments, and to which of them a picture belongs."""

from datetime import UTC, datetime, timedelta

import pytest

from watcher.stations import COLUMNS, Captured, StationsError, deployment_of, read_stations

HEADER = ",".join(COLUMNS) + "\n"


def listed(tmp_path, *rows, header=HEADER):
    (tmp_path / "stations.csv").write_text(header + "\n".join(rows) + "\n", encoding="utf-8-sig")
    return read_stations(tmp_path)


def at(*day):
    return datetime(*day)  # noqa: DTZ001  # a camera's clock


def test_without_a_file_nothing_is_listed(tmp_path):
    """The table is optional."""
    assert read_stations(tmp_path) == ()


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        ("folder,Country\n", "A,KE", "column 'Country' is not known; did you mean 'country'"),
        ("folder,lattitude\n", "A,1", "column 'lattitude' is not known; did you mean 'latitude'"),
        ("folder,country\n", "A,KE\nA,MY", "A stands there twice"),
        ("folder,deploymentStart,deploymentEnd\n", "A,2026-05-02,2026-05-01", "expected a time after deploymentStart"),
    ],
)
def test_what_would_silently_mean_something_else_is_told(tmp_path, header, row, says):
    """A misspelt column is no column, and of two rows one would win unseen."""
    with pytest.raises(StationsError, match=says):
        listed(tmp_path, row, header=header)


def test_columns_of_the_full_camtrap_dp_table_may_stand_beside(tmp_path):
    """Trapline takes what it knows."""
    (row,) = listed(tmp_path, "D1,L1,A,RECONYX", header="deploymentID,locationID,folder,cameraModel\n")
    assert row.folder == "A"


def test_a_full_row_is_read(tmp_path):
    """Times without a zone are on the station's clock."""
    (row,) = listed(tmp_path, "Mara-07,Maasai Mara,CAM7,-1.5,35.1,KE,Africa/Nairobi,2026-11-01T00:00:00,,3600,true")
    assert (row.station, row.camera, row.latitude, row.country, row.clock_offset, row.captive) == (
        "Maasai Mara", "CAM7", -1.5, "KE", 3600, True,
    )  # fmt: skip
    assert row.start == datetime(2026, 10, 31, 21, tzinfo=UTC)
    assert row.end is None


def test_a_folder_alone_is_enough(tmp_path):
    """The rest has sensible meanings."""
    (row,) = listed(tmp_path, "River", header="folder\n")
    assert (row.station, row.country, row.clock_offset, row.captive) == ("River", None, 0, False)


def test_every_wrong_cell_is_named_with_its_line(tmp_path):
    """The person who mends it has a spreadsheet before them."""
    with pytest.raises(StationsError) as told:
        listed(
            tmp_path,
            "A,,,91,,,,,,,",
            "B,,,,,Kenya,,,,,",
            "C,,,,,,Mars,,,,",
            "D,,,,,,,yesterday,,,",
            "E,,,,,,,,,soon,",
            "F,,,,,,,,,,perhaps",
            ",,,,,,,,,,",
            "F,,,,,,Mars,2026-01-01,,,",
            "G,,,,,,Africa,,,,",
            "H,,,,,,America/Lima,9999-12-31T23:59:59,,,",
        )
    lines = str(told.value).splitlines()
    assert [int(line.split(", line ")[1].split(":")[0]) for line in lines] == list(range(2, 12))
    words = ["latitude", "country", "timezone", "deploymentStart", "clockOffset", "captive", "folder"]
    for line, word in zip(lines, [*words, "timezone", "timezone", "deploymentStart"], strict=True):
        assert word in line


def test_a_table_without_folders_is_refused(tmp_path):
    """With the columns that are known."""
    with pytest.raises(StationsError, match=r"column 'folder' is missing.*latitude"):
        listed(tmp_path, "A,1", header="station,lat\n")


def choose(rows, *folders, camera_time=None, offset=None, serial=None):
    captured = camera_time and Captured(camera_time, offset)
    return deployment_of(rows, station=folders[0], folders=list(folders), captured=captured, serial=serial)


def test_the_longest_folder_that_holds_the_file_wins(tmp_path):
    """A station may have two cameras, each with its folder."""
    rows = listed(tmp_path, "A,,one", "A/north,,two", header="folder,locationName,cameraID\n")
    assert choose(rows, "A", "100RECNX").camera == "one"
    assert choose(rows, "A", "north", "100RECNX").camera == "two"
    assert choose(rows, "A", "northern").camera == "one"


def test_the_span_decides_between_deployments_of_one_folder(tmp_path):
    """On the corrected clock and in the station's time zone."""
    header = "folder,cameraID,timezone,deploymentStart,deploymentEnd,clockOffset\n"
    rows = listed(
        tmp_path,
        "A,old,Africa/Nairobi,2026-01-01T00:00:00,2026-06-30T23:59:59,0",
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


def test_what_is_not_listed_goes_by_serial_number_then_by_second_folder():
    """Counter folders that cameras make say nothing."""
    assert choose((), "A", "north", serial="S1").key == "seen:A:S1"
    assert choose((), "A", "north").key == "seen:A:north"
    assert choose((), "A", "100RECNX").key == choose((), "A").key == "seen:A:"
