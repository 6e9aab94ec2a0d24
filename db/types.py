"""The ledger's vocabulary: its states and kinds (words of Camtrap DP where it has one) and its column types."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Dialect, Enum, Text, TypeDecorator


class State(StrEnum):
    """What became of a file."""

    TAKEN = "taken"  # its content is a media row
    RETRY = "retry"  # the system is at fault: tried again, for ever
    REJECTED = "rejected"  # the file is at fault: left alone until it changes
    MISSING = "missing"  # it was here and is gone; its media stays
    SUPERSEDED = "superseded"  # the path holds another content now


class LinkKind(StrEnum):
    """Why a media is not counted beside its canonical one."""

    SAME_PICTURE = "same_picture"  # other bytes, the very same picture
    REEXPORT = "reexport"  # resized or saved again


class LinkStatus(StrEnum):
    """How sure a link is."""

    CERTAIN = "certain"  # follows from the bytes
    SUSPECTED = "suspected"  # follows from likeness; waits for a person
    CONFIRMED = "confirmed"  # a person said so
    UNDONE = "undone"  # a person said no; never suspected again


class Decision(StrEnum):
    """What is made of the probabilities."""

    ANSWERED = "answered"
    OTHER = "other"  # a background label is most probable
    UNKNOWN = "unknown"  # below the confidence threshold
    UNFAMILIAR = "unfamiliar"  # far from everything in the training set
    OUT_OF_RANGE = "out_of_range"  # the answer does not live at that station


class ObservationType(StrEnum):
    """Camtrap DP's ``observationType``, as far as Trapline says it."""

    ANIMAL = "animal"
    HUMAN = "human"
    VEHICLE = "vehicle"
    BLANK = "blank"
    UNKNOWN = "unknown"
    UNCLASSIFIED = "unclassified"


class Method(StrEnum):
    """Camtrap DP's ``classificationMethod``."""

    HUMAN = "human"
    MACHINE = "machine"


class ReportKind(StrEnum):
    """Why a report was written; each scheduled kind begins where the last of its kind ended."""

    NIGHTLY = "nightly"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ASKED = "asked"  # by somebody at the command line


class Detected(StrEnum):
    """What a detector saw at a place of a picture, or (``nothing``) that it saw nothing in all of it."""

    ANIMAL = "animal"
    PERSON = "person"
    VEHICLE = "vehicle"
    NOTHING = "nothing"


Box = tuple[float, float, float, float]  # x, y, width and height as fractions of the upright picture


class Reason(StrEnum):
    """Why a report asks people to look at a picture."""

    OUT_OF_RANGE = "out_of_range"
    DISAGREEMENT = "disagreement"  # the backbones see different things
    MARGIN = "margin"  # two answers are nearly as probable
    FAR = "far"  # unlike what the model was trained on
    AUDIT = "audit"  # drawn by lot: what comes of these says how often the model is right


def text_enum(kind: type[StrEnum]) -> Enum:
    """Give the column type for ``kind``: its values as plain text, so that a new member needs no migration."""
    return Enum(
        kind, native_enum=False, create_constraint=False, length=20, values_callable=lambda e: [m.value for m in e]
    )


class UTCDateTime(TypeDecorator[datetime]):
    """An aware time, stored as naive UTC; a naive one is refused."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Strip the zone after conversion to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the ledger stores aware times only, not {value!r}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give UTC back."""
        return None if value is None else value.replace(tzinfo=UTC)


class CleanText(TypeDecorator[str]):
    """A text, stored without what databases and encoders choke on, wherever it came from."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Strip NUL bytes and lone surrogates."""
        return None if value is None else clean_text(value)


def clean_text(text: str) -> str:
    """Strip NUL bytes and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")


def printable(path: bytes) -> str:
    r"""Give the form of a file name that can be shown.

    Bytes that are not UTF-8 become ``\xNN``, and so do characters that would move a terminal's cursor or turn the
    direction of the text around.
    """
    text = clean_text(path.decode("utf-8", "backslashreplace"))
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
