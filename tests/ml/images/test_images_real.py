"""The room against real camera-trap files."""

import re
from collections import defaultdict
from datetime import UTC, datetime
from io import BytesIO

import pytest
from PIL import Image

from ml.images import CaptureStatus, Facts, Integrity, examine, reexport_links

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def facts(picture):
    names = ("sha256", "picture_hash", "orientation", "phash", "flat", "width", "height", "encoding")
    return Facts(**{name: getattr(picture, name) for name in names}, captured_at=picture.captured.at, deployment=1)


@pytest.fixture(scope="module")
def pictures(shared):
    """All camera-trap originals by their path."""
    files = sorted(path for path in (shared / "cameratrap").rglob("*") if re.match(r"\.jpe?g$", path.suffix.lower()))
    return {path: examine(path.read_bytes(), size=224, now=NOW).picture for path in files}


def test_every_original_is_sound(pictures):
    """Tails, odd layouts and NUL-filled names of six makers are no damage, and all their times are read."""
    assert len(pictures) == 158
    assert {picture.integrity for picture in pictures.values()} == {Integrity.SOUND}
    assert {picture.captured.status for picture in pictures.values()} == {CaptureStatus.OK}


def test_tagged_copies_share_a_picture_hash(pictures):
    """158 files show 132 pictures."""
    assert len({(picture.picture_hash, picture.orientation) for picture in pictures.values()}) == 132


def test_real_bursts_are_not_linked(pictures):
    """Frames of one second, some two bits apart and with quantisation tables of their own, are all counted."""
    seconds = defaultdict(list)
    for path, picture in pictures.items():
        seconds[path.parent, picture.captured.at].append(facts(picture))
    assert sum(len(group) > 1 for path_second, group in seconds.items() if "S90" in str(path_second[0])) == 8
    assert [link for group in seconds.values() for link in reexport_links(group)] == []


def test_real_reexports_are_linked_to_their_original(pictures):
    """At least 19 of 20 re-saved or halved pictures are found; among all frames of their second, none at another."""
    missed = tried = 0
    for path, picture in list(pictures.items())[::4]:
        second = [facts(other) for other in pictures.values() if other.captured.at == picture.captured.at]
        with Image.open(path) as image:
            for share, quality in ((1, 75), (1, 40), (0.5, 75)):
                file = BytesIO()
                copy = image.convert("RGB").resize((int(image.width * share), int(image.height * share)))
                copy.save(file, "JPEG", quality=quality, exif=image.getexif())
                again = facts(examine(file.getvalue(), size=224, now=NOW).picture)
                tried += 1
                missed += not reexport_links([facts(picture), again])
                for link in reexport_links([*second, again]):
                    ends = {one.picture_hash for one in [*second, again] if one.sha256 in (link.sha256, link.canonical)}
                    assert ends == {picture.picture_hash, again.picture_hash}
    assert missed <= tried // 20
