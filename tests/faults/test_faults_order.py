"""Neither the order in which files come nor the instants at which the daemon is killed show in the ledger."""

import random
import time
from datetime import datetime, timedelta

import pytest
from bursts import Camera, Writer, burst, reexported, retagged, shot
from daemon import House, kill, until

AT = datetime.fromisoformat("2026-05-04T03:02:01")  # a camera's clock knows no zone
KILLS = 2
SETTLED = {"TRAPLINE_INTAKE__SETTLE_SECONDS": "0.3", "TRAPLINE_INTAKE__DECODE_WORKERS": "1"}
END = """
    SELECT m.sha256, d.key, o.counted, o.label,
        (SELECT group_concat(c.sha256 || l.kind || l.status) FROM link l JOIN media c ON c.id = l.canonical_id
         WHERE l.media_id = m.id)
    FROM media m JOIN observation o ON o.media_id = m.id JOIN deployment d ON d.id = o.deployment_id ORDER BY 1
"""


@pytest.fixture(scope="module")
def files():
    """A burst, copies and re-exports of its frames, and a card that was copied to two stations."""
    camera = Camera(Writer.FIRMWARE)
    frames = [shot(frame, camera, at=AT) for frame in burst(5, 3, animal=0.06)]
    (lone,) = (shot(frame, camera, at=AT) for frame in burst(6, 1))
    files = {f"A/{number}.jpg": frame for number, frame in enumerate(frames)}
    files |= {"A/sent.jpg": reexported(frames[0], share=0.5), "B/sent.jpg": reexported(frames[2], quality=60)}
    files |= {"A/tagged.jpg": retagged(frames[2], "lion"), "A/lone.jpg": lone, "B/lone.jpg": lone}
    return files | {
        "C/tagged.jpg": retagged(lone, "x", at=AT - timedelta(days=1)),
        "B/lone sent.jpg": reexported(lone, quality=40),
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_the_end_is_that_of_an_undisturbed_run(tmp_path, files, seed):
    """The same media, deployments, links and counted pictures as when all came at once and nothing was killed."""
    chance = random.Random(seed)
    undisturbed, disturbed = (House(tmp_path / name, variables=SETTLED) for name in ("undisturbed", "disturbed"))
    for house in (undisturbed, disturbed):
        house.inbox.mkdir(parents=True)
    put(undisturbed, files)
    with undisturbed.watching():
        until(lambda: undisturbed.is_answered(len(files)))

    order = chance.sample(sorted(files), len(files))
    for number in range(KILLS):
        with disturbed.running() as process:
            put(disturbed, {path: files[path] for path in order[number :: KILLS + 1]})
            time.sleep(chance.uniform(1, 4))
            kill(process)
    put(disturbed, files)
    with disturbed.watching():
        until(lambda: disturbed.is_answered(len(files)))
    assert disturbed.ask(END) == undisturbed.ask(END)


def put(house, files):
    """Put files into the inbox; those that are there stay as they are."""
    for path, content in files.items():
        place = house.inbox / path
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            place.write_bytes(content)
