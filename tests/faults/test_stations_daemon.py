"""The table of deployments while a daemon runs: it is read again when it changes, and what is wrong is told."""

from arrivals import WAYS, pictures
from daemon import until


def deployments(house):
    """Station, camera model and country of the deployment of each file."""
    query = "SELECT d.station, camera_model, country FROM sighting s JOIN deployment d ON d.id = s.deployment_id"
    return sorted(house.ask(query))


def test_a_table_that_changes_is_read_again_and_its_right_rows_are_used(house, tmp_path):
    """One that is configured, too; what is mended is told no more, and the pictures follow."""
    table = tmp_path / "deployments.csv"
    table.write_text("folder,locationName,cameraModel,country\nridge,Ridge,PC800,KE\nRiver,Fig tree,,Kenya\n")
    for number, station in enumerate(("Ridge", "River")):
        WAYS[0](house.inbox / station, [("1.JPG", content) for _, content in pictures(number, 1)])
    with house.watching(TRAPLINE_STATIONS=str(table)):
        until(lambda: deployments(house) == [("Ridge", None, None), ("River", None, None)])
        until(lambda: len(house.status()["problems"]) == 2)
        slip, wrong = house.status()["problems"]
        assert slip == f"{table}: no folder 'ridge' in the inbox: did you mean 'Ridge'?"
        assert f"{table}, line 3: country: expected the two capital letters" in wrong
        table.write_text("folder,locationName,cameraModel,country\nRidge,Ridge,PC800,KE\nRiver,Fig tree,,Kenya\n")
        until(lambda: deployments(house) == [("Ridge", "PC800", "KE"), ("River", None, None)])
        table.write_text("folder,locationName,cameraModel,country\nRidge,Ridge,PC800,KE\nRiver,Fig tree,,KE\n")
        until(lambda: deployments(house) == [("Fig tree", None, "KE"), ("Ridge", "PC800", "KE")])
        until(lambda: house.status()["problems"] == [])
        table.write_text("folder,locationName,cameraModel,county\nRidge,Hill,PC800,KE\n")
        until(lambda: house.status()["problems"])
        assert house.status()["problems"][0].endswith("did you mean 'country'?; the stations stay as they were")
        assert deployments(house) == [("Fig tree", None, "KE"), ("Ridge", "PC800", "KE")]
