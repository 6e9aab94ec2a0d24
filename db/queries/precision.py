"""How often an answer is right, by what people said of the pictures that were drawn by lot."""

import math
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from db.models import Observation, Prediction, Question
from db.types import Decision, Method, Reason

Z = 1.959963984540054  # of the normal distribution, 95 % lies within so many standard deviations


@dataclass(frozen=True, slots=True)
class Precision:
    """Of the answers with one label that people looked at, those that were right; 95 % Wilson score interval."""

    looked: int
    right: int
    low: float  # 0 to 1, as high
    high: float

    @property
    def share(self) -> float:
        """How many were right, 0 to 1."""
        return self.right / self.looked


def precision(session: Session) -> dict[str, Precision]:
    """Give label → how often it was right, for the labels of audited pictures of which a person has spoken.

    The label is the one of the prediction that was asked about; only those of the model that answers now count. A
    picture, or an animal in one, that was drawn twice counts once, as it was asked first. Where a person could not
    tell, nothing follows.
    """
    newest = aliased(Prediction)
    now = select(newest.model_id).order_by(newest.predicted_at.desc(), newest.id.desc()).limit(1).scalar_subquery()
    rows = session.execute(
        select(Question.media_id, Question.region, Prediction.label, Observation.label)
        .join(Prediction, Question.prediction_id == Prediction.id)
        .join(Observation, and_(Observation.media_id == Question.media_id, Observation.region == Question.region))
        .where(
            Question.reason == Reason.AUDIT,
            Prediction.model_id == now,
            Observation.classification_method == Method.HUMAN,
            Observation.decision != Decision.UNKNOWN,
        )
        .order_by(Question.id.desc())
    )
    first = {(media_id, region): (answered, said) for media_id, region, answered, said in rows}
    looked = Counter(answered for answered, _ in first.values())
    right = Counter(answered for answered, said in first.values() if said == answered)
    return {label: _judged(count, right[label]) for label, count in sorted(looked.items())}


def _judged(looked: int, right: int) -> Precision:
    """Give the 95 % score interval (Wilson 1927, Journal of the American Statistical Association 22: 209-212)."""
    share, spread = right / looked, Z * Z / looked
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / looked + spread / looked / 4)
    return Precision(looked, right, max(0.0, middle - half), min(1.0, middle + half))
