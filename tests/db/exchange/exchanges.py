"""What the tests of exports share: a study, a scope over all times, and a package on disk."""

from datetime import UTC, datetime

from package_judges import read_back
from report_world import REDLIST
from sqlalchemy import select

from db.exchange.camtrap_dp import write_package
from db.exchange.settings import ProjectSettings
from db.exchange.sites import Scope
from db.models import Detection, DetectionsFile, Prediction
from db.settings import LedgerSettings
from db.types import Detected

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
PLACE = {"latitude": -1.4321, "longitude": 35.1234, "timezone": "Africa/Nairobi"}
PROJECT = ProjectSettings(
    title="Carnivores of the Mara",
    contributors=({"title": "Asha", "email": "asha@example.org", "role": "contact"}, {"title": "A park"}),
    sampling_design="systematicRandom",
    capture_methods=("activityDetection",),
    data_license="CC0-1.0",
    media_license="CC-BY-4.0",
)


def scope(begin=None, end=None, **settings):
    """All times, if not said otherwise."""
    return Scope(
        begin=begin or datetime.min.replace(tzinfo=UTC), end=end or datetime.max.replace(tzinfo=UTC), now=NOW,
        redlist=REDLIST, ledger=LedgerSettings(**settings),
    )  # fmt: skip


def detect(world, media, *seen):
    """Let the results of a detector say what is in a picture: (category, confidence), one beside the other."""
    session = world.session
    file = DetectionsFile(
        root="/inbox", place=f"/inbox/{media}.json", signature="x", threshold=0.2, detector="MDV5A", pictures=1, at=NOW
    )
    session.add(file)
    session.flush()
    for number, (category, confidence) in enumerate(seen, 1):
        nothing = category is Detected.NOTHING
        left = None if nothing else number / 10
        box = {"x": left, "y": left, "width": left and 0.25, "height": left and 0.5}
        session.add(
            Detection(
                file_id=file.id, root="/inbox", path=b"x", media_id=media, region=0 if nothing else number,
                category=category, confidence=confidence, **box,
            )
        )  # fmt: skip


def of_animals(world, media):
    """Give what a model said of the animals in a picture, for a test to change."""
    said = select(Prediction).where(Prediction.media_id == media, Prediction.region > 0)
    return world.session.scalars(said.order_by(Prediction.id)).all()


def package(ledger, folder, project=PROJECT, **of):
    """Write a package into a new folder; give what was said of it, and its tables."""
    folder.mkdir()
    with ledger.read() as session:
        written = write_package(session, folder, project, scope(**of))
    return written, read_back(folder)
