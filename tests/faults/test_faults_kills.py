"""SIGKILL at drawn instants while files come: the last start finishes everything, once."""

import pytest
from daemon import House
from kills import killing


@pytest.mark.parametrize("seed", [1])
def test_a_daemon_that_is_killed_again_and_again_takes_each_file_once(tmp_path, seed):
    """One row, one media and one prediction a file, no half-written product, and originals as they were."""
    house = House(tmp_path, variables={"TRAPLINE_INTAKE__SETTLE_SECONDS": "0.2"})
    killed = killing(house, files=200, kills=5, seed=seed)
    assert killed.faults == []
    house.trapline("doctor", "--check", code=0)
