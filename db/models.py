"""The tables. Facts first; ``Observation`` is derived from them and is what queries read answers from."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, LargeBinary, MetaData, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.doubt import disagreement, margin
from db.types import (
    CleanText,
    Decision,
    Detected,
    LinkKind,
    LinkStatus,
    Method,
    ObservationType,
    Reason,
    ReportKind,
    State,
    UTCDateTime,
    text_enum,
)

# Constraints need names, or a later migration cannot change them.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


def _of_itself(follows: Callable[[Mapping[str, Any]], float]) -> Callable[[Any], float]:
    """Make the default of a column that follows from the others of its row."""
    return lambda context: follows(context.get_current_parameters())


class Base(DeclarativeBase):
    """The metadata that the migrations are compared with."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012
        datetime: UTCDateTime(),
        dict[str, Any]: JSON(),
        dict[str, list[float]]: JSON(),
        dict[str, int]: JSON(),
        list[float]: JSON(),
        list[str]: JSON(),
        str: CleanText(),
        State: text_enum(State),
        LinkKind: text_enum(LinkKind),
        LinkStatus: text_enum(LinkStatus),
        Decision: text_enum(Decision),
        ObservationType: text_enum(ObservationType),
        Method: text_enum(Method),
        ReportKind: text_enum(ReportKind),
        Reason: text_enum(Reason),
        Detected: text_enum(Detected),
    }


class Deployment(Base):
    """One camera at one place for one span of time: a row of ``stations.csv``, or a folder seen."""

    __tablename__ = "deployment"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)  # what identifies it: the table's row, or station and camera
    station: Mapped[str] = mapped_column(index=True)
    camera: Mapped[str | None]
    folder: Mapped[str | None]  # below the root, with forward slashes; None: seen, not listed
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    country: Mapped[str | None]  # ISO 3166-1 alpha-2
    timezone: Mapped[str | None]  # IANA
    start: Mapped[datetime | None]
    end: Mapped[datetime | None]
    clock_offset: Mapped[int] = mapped_column(default=0)  # seconds to add to the camera's clock
    captive: Mapped[bool] = mapped_column(default=False)
    # What else ``stations.csv`` says, for exports: Camtrap DP's columns, and its units.
    name: Mapped[str | None]  # deploymentID
    location: Mapped[str | None]  # locationID
    coordinate_uncertainty: Mapped[int | None]
    setup_by: Mapped[str | None]
    camera_model: Mapped[str | None]
    camera_delay: Mapped[int | None]
    camera_height: Mapped[float | None]
    camera_depth: Mapped[float | None]
    camera_tilt: Mapped[int | None]
    camera_heading: Mapped[int | None]
    detection_distance: Mapped[float | None]
    timestamp_issues: Mapped[bool | None]
    bait: Mapped[bool | None]
    feature: Mapped[str | None]
    habitat: Mapped[str | None]
    groups: Mapped[str | None]
    tags: Mapped[str | None]
    comments: Mapped[str | None]


class Media(Base):
    """One content: facts of the bytes alone, whatever the files are called that hold it."""

    __tablename__ = "media"
    __table_args__ = (
        Index(
            "ix_media_pending",
            "id",
            sqlite_where=text("answered_by IS NULL"),
            postgresql_where=text("answered_by IS NULL"),
        ),
        Index(None, "received_at", "integrity"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    picture_hash: Mapped[str] = mapped_column(index=True)
    phash: Mapped[str]  # 256 bits in hexadecimal
    flat: Mapped[bool]
    format: Mapped[str]
    width: Mapped[int]  # as stored, before the orientation is applied
    height: Mapped[int]
    orientation: Mapped[int]
    bytes: Mapped[int]
    encoding: Mapped[str]
    integrity: Mapped[str]
    camera_time: Mapped[datetime | None] = mapped_column(DateTime(), index=True)  # the camera's own clock, no zone
    camera_time_raw: Mapped[str | None]
    camera_offset: Mapped[int | None]  # minutes east of UTC, where the camera wrote it
    time_status: Mapped[str]  # ok, missing or implausible
    time_source: Mapped[str]
    make: Mapped[str | None]
    camera_model: Mapped[str | None]
    serial: Mapped[str | None]
    exif: Mapped[dict[str, Any]]
    kept: Mapped[str]  # the kept picture, below the data folder
    brightness: Mapped[float | None]  # its mean luminance, from 0 to 1; None: taken before that was measured
    infrared: Mapped[bool | None]  # lit, and no colour to speak of: a night picture; None likewise
    received_at: Mapped[datetime]
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("prediction.id", use_alter=True))


class Inbox(Base):
    """A root that files were seen below, and the ``stations.csv`` that was last applied to all of them."""

    __tablename__ = "inbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    root: Mapped[str] = mapped_column(unique=True)
    stations_digest: Mapped[str]


class Sighting(Base):
    """One file seen, and what became of it."""

    __tablename__ = "sighting"
    __table_args__ = (
        UniqueConstraint("root", "path", "generation"),
        Index("ix_sighting_folder", "root", "folder"),
        Index(None, "seen_at", "state"),
        Index(None, "deployment_id", "seen_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    root: Mapped[str]
    share: Mapped[str] = mapped_column(default="")  # what was mounted at the root when the file was last seen
    folder: Mapped[bytes] = mapped_column(LargeBinary)  # the folder of ``path``; empty: the root itself
    path: Mapped[bytes] = mapped_column(LargeBinary)  # below the root, as the file system has it
    path_text: Mapped[str]
    generation: Mapped[int] = mapped_column(default=1)
    signature: Mapped[str]  # inode, size, mtime and ctime of the file
    file_time: Mapped[datetime]
    station: Mapped[str]
    state: Mapped[State] = mapped_column(index=True)
    code: Mapped[str | None]
    reason: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    seen_at: Mapped[datetime]
    missing_since: Mapped[datetime | None]
    media_id: Mapped[int | None] = mapped_column(ForeignKey("media.id"), index=True)
    deployment_id: Mapped[int | None] = mapped_column(ForeignKey("deployment.id"))


class Link(Base):
    """A media that is not counted beside its canonical one."""

    __tablename__ = "link"
    __table_args__ = (UniqueConstraint("media_id", "canonical_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    media_id: Mapped[int] = mapped_column(ForeignKey("media.id"))
    canonical_id: Mapped[int] = mapped_column(ForeignKey("media.id"), index=True)
    kind: Mapped[LinkKind]
    status: Mapped[LinkStatus]


class Model(Base):
    """A trained ensemble that has answered here."""

    __tablename__ = "model"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(unique=True)
    demo: Mapped[bool]
    classes: Mapped[list[str]]
    metrics: Mapped[dict[str, Any]]
    first_used_at: Mapped[datetime]


class Prediction(Base):
    """What one model said of one region of one media: the whole, or what a detector saw in it; never changed."""

    __tablename__ = "prediction"
    __table_args__ = (
        UniqueConstraint("media_id", "region", "model_id"),
        Index(None, "predicted_at", "media_id"),
        Index(None, "media_id", "predicted_at"),
        Index(
            "ix_prediction_closely",
            "predicted_at",
            "media_id",
            sqlite_where=text("region > 0"),
            postgresql_where=text("region > 0"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    media_id: Mapped[int] = mapped_column(ForeignKey("media.id"))
    region: Mapped[int] = mapped_column(default=0)  # 0: the whole picture, else that of a ``Detection``
    # its x, y, width and height there, as a ``Detection`` has them; None: the whole picture
    box: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    kept: Mapped[str | None]  # what was looked at of it, below the data folder; None: the media's own kept picture
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id"), index=True)
    label: Mapped[str]  # the most probable species, whatever the decision
    probability: Mapped[float]
    decision: Mapped[Decision]
    background: Mapped[str | None]  # the background label, where the decision is ``other``
    probabilities: Mapped[dict[str, list[float]]]  # a backbone's own, in the model's order of classes
    stacked: Mapped[list[float]]
    margin: Mapped[float] = mapped_column(default=_of_itself(margin))
    disagreement: Mapped[float] = mapped_column(default=_of_itself(disagreement))
    distance: Mapped[float]
    gradcam: Mapped[str]  # below the data folder
    predicted_at: Mapped[datetime]


class Review(Base):
    """What a human said; appended, never changed."""

    __tablename__ = "review"

    id: Mapped[int] = mapped_column(primary_key=True)
    media_id: Mapped[int] = mapped_column(ForeignKey("media.id"), index=True)
    region: Mapped[int] = mapped_column(default=0)
    label: Mapped[str]
    reviewer: Mapped[str]
    at: Mapped[datetime]
    source: Mapped[str]


class DetectionsFile(Base):
    """A JSON file in an inbox that was read for detection results, and what became of it."""

    __tablename__ = "detections_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    root: Mapped[str] = mapped_column(index=True)
    place: Mapped[str] = mapped_column(index=True)  # its path, printable
    signature: Mapped[str]  # empty: not, or not yet, read to its end
    threshold: Mapped[float]  # of confidence, below which nothing was taken from it
    detector: Mapped[str]  # the name it gives; empty where it holds something else; while it is being read: the reader
    pictures: Mapped[int]  # that it speaks of
    refused: Mapped[str | None]  # why nothing was taken; empty: it is being read
    at: Mapped[datetime]


class Detection(Base):
    """What a detector saw in one picture: a box, or as region 0 that there is nothing in it.

    It belongs to the content that its path held when the two first met, whatever the path holds later.
    """

    __tablename__ = "detection"
    __table_args__ = (
        UniqueConstraint("file_id", "path", "region"),
        Index(
            "ix_detection_waiting",
            "root",
            "path",
            sqlite_where=text("media_id IS NULL"),
            postgresql_where=text("media_id IS NULL"),
        ),
        Index(
            "ix_detection_uncut",
            "root",
            "media_id",
            sqlite_where=text("kept IS NULL AND category = 'animal'"),
            postgresql_where=text("kept IS NULL AND category = 'animal'"),
        ),
        Index(
            "ix_detection_pending",
            "id",
            sqlite_where=text("answered_by IS NULL AND kept IS NOT NULL"),
            postgresql_where=text("answered_by IS NULL AND kept IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("detections_file.id"))
    root: Mapped[str]
    path: Mapped[bytes] = mapped_column(LargeBinary)  # below the root
    media_id: Mapped[int | None] = mapped_column(ForeignKey("media.id"), index=True)  # None: its file has not come
    region: Mapped[int]  # what its category and its box are called, in any file that names them: ``db.detected``
    category: Mapped[Detected]
    confidence: Mapped[float | None]
    x: Mapped[float | None]  # left, as a fraction of the upright picture's width
    y: Mapped[float | None]  # top, of its height
    width: Mapped[float | None]
    height: Mapped[float | None]
    kept: Mapped[str | None]  # an animal, cut out of its picture, below the data folder; None: not yet
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("prediction.id"))  # what is shown of it


class Observation(Base):
    """The current answer for each media and region: derived by ``db.observe``, never written elsewhere.

    Of a picture there is one, with region 0, or one of each animal that a detector saw in it.
    """

    __tablename__ = "observation"
    __table_args__ = (
        UniqueConstraint("media_id", "region"),
        Index(None, "deployment_id", "captured_at", "time_source"),
        Index(None, "captured_at", "decision"),
        Index("ix_observation_stale", "media_id", sqlite_where=text("stale = 1"), postgresql_where=text("stale")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    media_id: Mapped[int] = mapped_column(ForeignKey("media.id"))
    region: Mapped[int] = mapped_column(default=0)
    leads: Mapped[bool]  # stands for its picture where pictures are counted: of several animals one
    prediction_id: Mapped[int | None] = mapped_column(ForeignKey("prediction.id"))  # what the model says, if it does
    deployment_id: Mapped[int | None] = mapped_column(ForeignKey("deployment.id"))
    decision: Mapped[Decision]
    observation_type: Mapped[ObservationType]
    label: Mapped[str | None]
    title: Mapped[str | None]  # what a report prints for the animal at that station
    taxa: Mapped[list[str]]
    category: Mapped[str | None]  # "VU", or a span: "NT–CR"
    worst_category: Mapped[str | None]
    redlist_version: Mapped[str]
    classification_method: Mapped[Method]
    classified_by: Mapped[str]
    probability: Mapped[float | None]
    captured_local: Mapped[datetime] = mapped_column(DateTime())  # on the station's clock
    captured_at: Mapped[datetime]
    time_source: Mapped[str]  # exif, or file: the file's own time
    counted: Mapped[bool]
    stale: Mapped[bool] = mapped_column(default=False)


class Report(Base):
    """A report that was written."""

    __tablename__ = "report"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[ReportKind] = mapped_column(index=True)
    token: Mapped[str] = mapped_column(unique=True)  # what the corrections that come back name it by
    path: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime]
    written_at: Mapped[datetime]
    free_bytes: Mapped[int | None] = mapped_column(BigInteger())  # of the data folder's disk, when it was written
    events: Mapped[dict[str, int]] = mapped_column(
        default=dict
    )  # independent ones by title, as the report counted them


class Question(Base):
    """A picture that a report asked people to look at, and why; only of these are corrections taken."""

    __tablename__ = "question"
    __table_args__ = (UniqueConstraint("report_id", "media_id", "region"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    media_id: Mapped[int] = mapped_column(ForeignKey("media.id"), index=True)
    region: Mapped[int] = mapped_column(default=0)
    prediction_id: Mapped[int] = mapped_column(ForeignKey("prediction.id"))  # what was said when it was asked
    reason: Mapped[Reason]


class CorrectionsFile(Base):
    """A file that a corrections folder holds, or an import was given, and what became of it."""

    __tablename__ = "corrections_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(index=True)  # its path, printable
    signature: Mapped[str]
    sha256: Mapped[str] = mapped_column(index=True)
    document: Mapped[str | None] = mapped_column(index=True)  # the name it gives itself, where it was taken
    corrections: Mapped[int]  # that were taken from it
    refused: Mapped[str | None]  # why nothing was
    at: Mapped[datetime]


class JobRun(Base):
    """A scheduled job and the period it ran for: once a period, whatever the scheduler does."""

    __tablename__ = "job_run"
    __table_args__ = (UniqueConstraint("kind", "period"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    period: Mapped[datetime]  # the time it was due
    missed: Mapped[int] = mapped_column(default=0)  # earlier times at which nothing ran, that this run makes good
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    failure: Mapped[str | None]
