"""One row a file: what became of it and what was answered. Beside the review list the only reader of predictions.

Of several animals in a picture the row tells of the one that leads.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from db.models import Media, Observation, Prediction, Sighting
from db.types import Decision, State

STATES = {State.TAKEN: "answered", State.RETRY: "retry", State.REJECTED: "rejected"}


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A row of ``answers.csv``; its fields are the columns."""

    path: str
    sha256: str
    state: str
    reason: str
    captured_at: str  # ISO 8601, UTC
    station: str
    observation_type: str
    label: str  # the most probable of the eleven, whatever the decision
    probability: str
    decision: str
    taxa: str
    category: str
    gradcam: str  # absolute


COLUMNS = tuple(field.name for field in fields(FileAnswer))


def file_answers(session: Session, roots: Iterable[str], data_dir: str) -> Iterator[FileAnswer]:
    """Give one row for each file that is below ``roots`` now, by path."""
    rows = session.execute(
        select(Sighting, Media, Prediction, Observation)
        .outerjoin(Media, and_(Sighting.media_id == Media.id, Sighting.state == State.TAKEN))
        .outerjoin(Observation, and_(Observation.media_id == Media.id, Observation.leads))
        .outerjoin(Prediction, Observation.prediction_id == Prediction.id)
        .where(Sighting.root.in_(list(roots)), Sighting.state.in_(STATES))
        .order_by(Sighting.root, Sighting.path)
        .execution_options(yield_per=500)
    )
    for sighting, media, prediction, observation in rows:
        yield _answer(sighting, media, prediction, observation, data_dir)


def _answer(
    sighting: Sighting,
    media: Media | None,
    prediction: Prediction | None,
    observation: Observation | None,
    data_dir: str,
) -> FileAnswer:
    pending = sighting.state is State.TAKEN and prediction is None
    decision = observation.decision if observation else None
    return FileAnswer(
        path=f"{sighting.root}/{sighting.path_text}",
        sha256=media.sha256 if media else "",
        state="retry" if pending else STATES[sighting.state],
        reason="waits for the model" if pending else sighting.reason or _damage(media),
        captured_at=observation.captured_at.isoformat() if observation else "",
        station=sighting.station,
        observation_type=observation.observation_type if observation else "",
        label=prediction.label if prediction else "",
        probability=f"{prediction.probability:.4f}" if prediction else "",
        decision=decision or "",
        taxa="|".join(observation.taxa) if observation and decision is Decision.ANSWERED else "",
        category=(observation.category or "") if observation else "",
        gradcam=f"{data_dir}/{prediction.gradcam}" if prediction else "",
    )


def _damage(media: Media | None) -> str:
    return "suspect: only a part of it decodes cleanly" if media and media.integrity == "suspect" else ""
