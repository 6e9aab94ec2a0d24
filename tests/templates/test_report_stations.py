"""What the report says of stations of which nobody told where they are."""

import re
from pathlib import Path

from report_world import filling, report_of

from db.engine import open_ledger


def lacking(folder: Path, *stations: dict[str, object]) -> list[str]:
    """Write a report of these stations, and give the lines of what they lack."""
    ledger = open_ledger(folder / "ledger.db")
    with filling(ledger) as world:
        model = world.model()
        for number, told in enumerate(stations):
            world.picture(world.station(f"S{number}", told.pop("country", None), **told), model)  # type: ignore[arg-type]
    html = report_of(ledger, folder).read_text()
    ledger.close()
    _, _, after = html.partition("Not told in stations.csv")
    return [re.sub(r"<[^>]*>", "", line) for line in re.findall("<li>(.*?)</li>", after.partition("</ul>")[0])]


def test_a_report_names_the_stations_that_lack_country_time_zone_or_coordinates(tmp_path: Path) -> None:
    """Folders without a row work, and people see what a row would add."""
    nairobi = {"timezone": "Africa/Nairobi"}
    place = {"latitude": -1.5, "longitude": 35.1}
    assert lacking(tmp_path, {}, {"country": "KE"} | nairobi | place, nairobi | place) == [
        "Country: S0, S2", "Time zone: S0", "Coordinates: S0",
    ]  # fmt: skip


def test_a_report_says_nothing_of_it_where_all_is_told(tmp_path: Path) -> None:
    """What is right needs no room."""
    full = {"country": "KE", "timezone": "Africa/Nairobi", "latitude": -1.5, "longitude": 35.1}
    assert lacking(tmp_path, full) == []
