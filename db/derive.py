"""What follows from the facts of one media: a pure function of predictions, detections, reviews, deployment, Red List.

A person outranks the detector and this the model, whose answer an observation waits for in any case. A picture in which
a detector saw nothing, people or a vehicle is an observation of that, and each animal that it saw is one of what the
model says of that part of the picture: once it has been asked of all of them, its word on the whole is the first look.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from db.detected import Detections
from db.models import Deployment, Media, Observation, Prediction, Review
from db.redlist import Category, RedList, Resolution
from db.types import Decision, Method, ObservationType

TYPES = {
    Decision.ANSWERED: ObservationType.ANIMAL,
    Decision.OUT_OF_RANGE: ObservationType.ANIMAL,
    Decision.UNKNOWN: ObservationType.UNKNOWN,
    Decision.UNFAMILIAR: ObservationType.UNKNOWN,
    Decision.OTHER: ObservationType.UNCLASSIFIED,
}
# Labels that are no species: what a background class, or a person, may say.
BACKGROUND_TYPES = {
    "other": ObservationType.UNCLASSIFIED,
    "blank": ObservationType.BLANK,
    "person": ObservationType.HUMAN,
    "vehicle": ObservationType.VEHICLE,
    "unknown": ObservationType.UNKNOWN,
}
# A clock that nobody set starts at 1970, 1980 or on the first day of 2000; a day is more than all zones.
FIRST_PLAUSIBLE, DAY = datetime(2000, 1, 2, tzinfo=UTC), timedelta(days=1)
WHOLE = 0  # the region that is all of a picture
_LEADING = (Decision.ANSWERED, Decision.OUT_OF_RANGE, Decision.UNKNOWN, Decision.UNFAMILIAR, Decision.OTHER)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the observations of one media follow from."""

    media: Media
    prediction: Prediction | None  # of the whole picture
    model_version: str | None
    deployment: Deployment | None
    file_time: datetime
    counted: bool
    # By region: what people said last in the group of the same picture, and what the model says of these.
    reviews: Mapping[int, Review] = field(default_factory=dict)
    closely: Mapping[int, Prediction] = field(default_factory=dict)
    detections: Detections | None = None  # what a detector saw in its group


def derive(facts: Facts, redlist: RedList) -> list[Observation]:
    """Give the observations that follow from ``facts``, one a region; none where nobody has answered yet.

    One of them leads: people, else what is said of the whole picture, else of its animals one with a name, the most
    threatened, the surest. What a person said of an animal stands, whatever a detector says later.
    """
    observations = [_of_region(*said) for said in _said(facts, redlist)]
    leading = min(observations, key=_rank, default=None)
    times = capture_times(facts.media, facts.deployment, facts.file_time)
    for observation in observations:
        observation.media_id = facts.media.id
        observation.leads = observation is leading
        observation.deployment_id = facts.deployment.id if facts.deployment else None
        observation.redlist_version = redlist.version
        observation.captured_local, observation.captured_at, observation.time_source = times
        observation.counted = facts.counted
        observation.stale = False
    return observations


def _of_region(region: int, prediction: Prediction | None, observation: Observation) -> Observation:
    observation.region = region
    observation.prediction_id = prediction.id if prediction else None
    return observation


def _rank(observation: Observation) -> tuple[bool, bool, int, int, float, int]:
    worst = Category(observation.worst_category).severity if observation.worst_category else -1
    place = _LEADING.index(observation.decision)
    sure = 1.0 if observation.classification_method is Method.HUMAN else observation.probability or 0.0
    is_animal = observation.observation_type not in {ObservationType.HUMAN, ObservationType.VEHICLE}
    return is_animal, observation.region != WHOLE, place, -worst, -sure, observation.region


def _said(facts: Facts, redlist: RedList) -> Iterator[tuple[int, Prediction | None, Observation]]:
    """Yield what is said of each region, with what the model says of it."""
    country = facts.deployment.country if facts.deployment else None
    captive = facts.deployment.captive if facts.deployment else False
    words = {region: review for region, review in facts.reviews.items() if region != WHOLE}
    whole = facts.reviews.get(WHOLE)
    if whole is not None and all(when(whole) > when(word) for word in words.values()):
        yield WHOLE, facts.prediction, _said_by_human(whole, redlist, country)
        return
    if facts.prediction is None:
        return
    animals = _looked_at(facts.detections, some=bool(words))
    word = facts.detections.word if facts.detections else None
    if facts.detections is not None and word is not None and not (words and word[0] is ObservationType.BLANK):
        yield WHOLE, facts.prediction, _said_by_detector(facts.detections.detector, *word)
    elif not animals and not words:
        said = _said_by_machine(facts.prediction, facts.model_version or "", redlist, country, captive=captive)
        yield WHOLE, facts.prediction, said
    for region, (prediction, version) in animals.items():
        if region not in words:
            yield region, prediction, _said_by_machine(prediction, version, redlist, country, captive=captive)
    for region, review in words.items():
        asked = animals[region][0] if region in animals else facts.closely.get(region)
        yield region, asked, _said_by_human(review, redlist, country)


def _looked_at(found: Detections | None, *, some: bool) -> dict[int, tuple[Prediction, str]]:
    """Give region → what the model says of the animals that it was asked of, and its version.

    None of them, unless ``some`` will do, as long as it has not been asked of all.
    """
    animals = found.animals if found else ()
    asked = {each.region: (each.prediction, each.model_version or "") for each in animals if each.prediction}
    return asked if some or len(asked) == len(animals) else {}


def when(review: Review) -> tuple[datetime, int]:
    """Give what orders the words of people: the greatest is the latest."""
    return review.at, review.id


def capture_times(media: Media, deployment: Deployment | None, file_time: datetime) -> tuple[datetime, datetime, str]:
    """Give the capture time on the station's clock, the same in UTC, and its source (``exif`` or ``file``).

    The camera's time zone is what it wrote itself, else the deployment's, else UTC; the station's is the deployment's,
    else the camera's. A clock that cannot be right, and that nobody has set right, gives way to the file's own time.
    """
    zone = ZoneInfo(deployment.timezone) if deployment and deployment.timezone else None
    by_camera = _by_camera(media, deployment)
    at, source = (by_camera, "exif") if by_camera else (file_time.astimezone(zone or UTC), "file")
    local = at.astimezone(zone) if zone else at
    return local.replace(tzinfo=None), at.astimezone(UTC), source


def _by_camera(media: Media, deployment: Deployment | None) -> datetime | None:
    """Give the time by the camera's own clock, if it wrote one that can be right, or is once it is set right."""
    if media.camera_time is None:
        return None
    if media.time_status == "ok":
        return instant(media.camera_time, media.camera_offset, deployment)
    if deployment is None:
        return None
    return set_right(media.camera_time, media.camera_offset, deployment, until=media.received_at)


def set_right(
    camera_time: datetime, camera_offset: int | None, deployment: Deployment, *, until: datetime
) -> datetime | None:
    """Give the aware time of a picture whose clock showed what cannot be (1970, say), if the deployment sets it right.

    None where it does not: where the time would be before 2000, or after ``until``.
    """
    if not deployment.clock_offset:
        return None
    try:
        at = instant(camera_time, camera_offset, deployment)
        return at if FIRST_PLAUSIBLE <= at <= until + DAY else None
    except OverflowError:  # a time at the end of all times
        return None


def instant(camera_time: datetime, camera_offset: int | None, deployment: Deployment | None) -> datetime:
    """Give the aware time of a picture: the clock set right, in the zone the camera wrote, else the deployment's."""
    zone = ZoneInfo(deployment.timezone) if deployment and deployment.timezone else None
    written = None if camera_offset is None else timezone(timedelta(minutes=camera_offset))
    corrected = camera_time + timedelta(seconds=deployment.clock_offset if deployment else 0)
    return corrected.replace(tzinfo=written or zone or UTC)


def _said_by_machine(
    prediction: Prediction, version: str, redlist: RedList, country: str | None, *, captive: bool
) -> Observation:
    decision, kind = prediction.decision, TYPES[prediction.decision]
    resolution = None
    if decision is Decision.ANSWERED:
        resolution = redlist.resolve(prediction.label, country, anywhere=captive)
        if resolution.out_of_range:
            decision, resolution = Decision.OUT_OF_RANGE, None
    elif decision is Decision.OTHER:
        kind = BACKGROUND_TYPES[prediction.background or "other"]
    observation = Observation(
        decision=decision,
        observation_type=kind,
        classification_method=Method.MACHINE,
        classified_by=version,
        probability=prediction.probability,
    )
    return _with_taxa(observation, prediction.label, resolution)


def _said_by_detector(detector: str, kind: ObservationType, confidence: float | None) -> Observation:
    observation = Observation(
        decision=Decision.OTHER,
        observation_type=kind,
        classification_method=Method.MACHINE,
        classified_by=detector,
        probability=confidence,
    )
    return _with_taxa(observation, "", None)


def _said_by_human(review: Review, redlist: RedList, country: str | None) -> Observation:
    background = BACKGROUND_TYPES.get(review.label)
    decision = Decision.UNKNOWN if review.label == "unknown" else Decision.OTHER if background else Decision.ANSWERED
    observation = Observation(
        decision=decision,
        observation_type=background or ObservationType.ANIMAL,
        classification_method=Method.HUMAN,
        classified_by=review.reviewer,
        probability=None,
    )
    resolution = None if background else redlist.resolve(review.label, country, anywhere=True)
    _with_taxa(observation, review.label, resolution)
    observation.label = review.label
    return observation


def _with_taxa(observation: Observation, label: str, resolution: Resolution | None) -> Observation:
    """Fill label, taxa and category, which stand only where the animal is known; every one is set, for a merge."""
    observation.taxa = [taxon.scientific_name for taxon in resolution.taxa] if resolution else []
    observation.label = label if resolution else None
    observation.title = resolution.title if resolution else None
    observation.category = resolution.category if resolution else None
    observation.worst_category = resolution.worst.value if resolution and resolution.worst else None
    return observation
