"""Fills a ledger with a generated season: what cameras of many fates took, what came of it, and who was asked.

Nothing is random but by seed. All is written as the product leaves it, night by night, in bulk; observations are
derived by the product's own function.
"""

import gc
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
from season_places import GAP, WIND, Fate, Place, diary, draw_looks, places
from season_shots import CLASSES, Filling, Shot, take
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from db.derive import Facts, capture_times, derive
from db.engine import Ledger
from db.models import JobRun, Link, Media, Model, Observation, Prediction, Question, Report, Review, Sighting
from db.redlist import load
from db.types import Decision, Reason, ReportKind
from ml.labels import SPECIES

END = datetime(2026, 11, 24, 6, tzinfo=UTC)
DAY = timedelta(days=1)
SENT, TAKEN = timedelta(minutes=50), timedelta(minutes=95)  # before a report: what it sends, and what it took
REDLIST = load()
TABLES = (Media, Prediction, Sighting, Link, Observation, Report, Question, Review, JobRun)  # each after what it names
OBSERVED = [column.key for column in Observation.__table__.columns if column.key != "id"]
ASKED = 10  # pictures a report
SLICE = 5000  # pictures a transaction, at least
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Season:
    """What was filled in: the span (``begin``, ``end``] of all that came in, and the stations' names."""

    begin: datetime
    end: datetime
    stations: tuple[str, ...]


def season(
    ledger: Ledger,
    data_dir: Path,
    *,
    stations: int = 12,
    nights: int = 60,
    media: int = 100_000,
    seed: int = 2026,
    end: datetime = END,
    all_faults: bool = False,
) -> Season:
    """Fill an empty ledger with so many media, each taken and answered within the ``nights`` days up to ``end``.

    Each night's report is there but the last. Kept pictures and Grad-CAMs, shared by all, are drawn in ``data_dir``.
    With ``all_faults`` some cameras more have what cameras can have; one of them takes a large share of all pictures.
    """
    sites = places(stations, all_faults=all_faults)
    with _few_collections():
        return _filled(ledger, data_dir, sites, nights=nights, media=media, seed=seed, end=end)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for cycles less often: among millions of new rows, none in a cycle, that takes a fifth of the time."""
    threshold = gc.get_threshold()
    gc.set_threshold(1_000_000)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)


def _filled(
    ledger: Ledger, data_dir: Path, sites: list[Place], *, nights: int, media: int, seed: int, end: datetime
) -> Season:
    draw_looks(data_dir)
    begin, numbers = end - nights * DAY, np.random.default_rng(seed)
    deployments = {place.station: place.deployments(begin, end) for place in sites}
    models = [_model(number, begin + nights * DAY * number / 2) for number in (0, 1)]
    with ledger.write() as session:
        session.add_all([*models, *(each for of in deployments.values() for each in of)])
    filling = Filling(Random(seed), numbers, deployments, models[0])
    brought = _brought(sites, nights, media, numbers)
    for night in range(nights):
        until = begin + (night + 1) * DAY
        filling.model = models[night >= nights / 2]
        for place, taken, count in brought[night]:
            windy = place.is_windy(taken, nights)
            frames = diary(place, begin + taken * DAY - TAKEN, count, filling.random, windy=windy)
            received = until - SENT + timedelta(minutes=filling.random.uniform(0, 30))
            wrong = place.fate is Fate.WRONG_CLOCK and taken >= nights // 3
            take(filling, place, frames, received, clock_ok=not wrong)
        if night < nights - 1:
            _ask(filling, until, night + 1)
        observations = _observe(filling)
        if night < nights - 1:
            _report(filling, until, night + 1, observations, data_dir)
        if len(filling.rows[Media]) >= SLICE or night == nights - 1:
            with ledger.write() as session:
                _write(session, filling.rows)
            filling.rows.clear()
    return Season(begin, end, tuple(deployments))


def _model(number: int, first_used_at: datetime) -> Model:
    return Model(
        version=f"season-{number + 1}", demo=False, classes=list(CLASSES), metrics={}, first_used_at=first_used_at
    )


def _brought(
    sites: list[Place], nights: int, media: int, numbers: np.random.Generator
) -> defaultdict[int, list[tuple[Place, int, int]]]:
    """Divide the media among places and nights, and give them by the night on which they come in."""
    watched = np.array([[place.watches(night, nights) for night in range(nights)] for place in sites])
    windy = np.array([[place.is_windy(night, nights) for night in range(nights)] for place in sites])
    busy = watched * numbers.gamma(2, size=watched.shape) * np.where(windy, WIND, 1)
    counts = numbers.multinomial(media, (busy / busy.sum()).ravel()).reshape(busy.shape)
    brought: defaultdict[int, list[tuple[Place, int, int]]] = defaultdict(list)
    for at, night in np.argwhere(counts).tolist():
        brought[sites[at].delivery(night)].append((sites[at], night, int(counts[at, night])))
    return brought


def _ask(filling: Filling, until: datetime, report_id: int) -> None:
    """Add what the night's report asks, and what people say to that some hours later."""
    random, rows = filling.random, filling.rows
    linked = {end for link in rows[Link] for end in (link["media_id"], link["canonical_id"])}
    alone = [shot for shot in filling.shots if shot.media["id"] not in linked]
    for shot in random.sample(alone, min(ASKED, len(alone))):
        of = {"media_id": shot.media["id"], "region": 0}
        reason = random.choice([Reason.AUDIT, *Reason])
        rows[Question].append(of | {"report_id": report_id, "prediction_id": shot.prediction["id"], "reason": reason})
        if random.random() < 0.7:
            shot.review = of | {
                "label": _said(shot, random), "reviewer": random.choice(("Asha", "Otieno")),
                "at": until + timedelta(hours=random.uniform(2, 10)), "source": "corrections",
            }  # fmt: skip
            rows[Review].append(shot.review)


def _said(shot: Shot, random: Random) -> str:
    """Draw a word of somebody who mostly agrees."""
    seen = shot.prediction["background"] or shot.prediction["label"]
    return random.choice([seen] * 6 + ["blank", "unknown", "person", random.choice(SPECIES)])


def _observe(filling: Filling) -> list[Row]:
    """Derive the observations of the night's pictures, and let all these be rows to write."""
    known: dict[tuple[Any, ...], Row] = {}
    observations = []
    for shot in filling.shots:
        media, said = SimpleNamespace(**shot.media), shot.prediction
        # all but what is set below follows from these
        kind = (said["label"], said["decision"], said["background"], shot.deployment.id)
        if shot.review is not None or kind not in known:
            row = _derived(filling, shot, media)
        else:
            row = known[kind].copy()
            times = capture_times(media, shot.deployment, shot.sighting["file_time"])
            row["captured_local"], row["captured_at"], row["time_source"] = times
            row |= {"media_id": media.id, "prediction_id": said["id"], "probability": said["probability"]}
            row["counted"] = not shot.copy
        if shot.review is None:
            known[kind] = row
        observations.append(row)
    filling.rows[Observation] += observations
    filling.rows[Media] += [shot.media for shot in filling.shots]
    filling.rows[Prediction] += [shot.prediction for shot in filling.shots]
    filling.rows[Sighting] += [shot.sighting for shot in filling.shots]
    filling.shots.clear()
    return observations


def _derived(filling: Filling, shot: Shot, media: Any) -> Row:
    facts = Facts(
        media=media,
        prediction=SimpleNamespace(**shot.prediction),
        model_version=filling.model.version,
        reviews={0: SimpleNamespace(**shot.review)} if shot.review else {},
        deployment=shot.deployment,
        file_time=shot.sighting["file_time"],
        counted=not shot.copy,
    )
    (observation,) = derive(facts, REDLIST)
    return {name: getattr(observation, name) for name in OBSERVED}


def _report(filling: Filling, until: datetime, number: int, observations: list[Row], data_dir: Path) -> None:
    """Add the night's report, and the job that wrote it."""
    filling.rows[Report].append({
        "id": number, "kind": ReportKind.NIGHTLY, "token": filling.random.randbytes(16).hex(),
        "path": str(data_dir / "reports" / f"{until:%Y-%m-%dT%H%M%S}.html"), "since": until - DAY, "until": until,
        "written_at": until + timedelta(seconds=4), "free_bytes": 900_000_000_000 - number * 1_700_000_000,
        "events": _events(observations),
    })  # fmt: skip
    filling.rows[JobRun].append({
        "kind": "nightly report", "period": until, "started_at": until + timedelta(seconds=1),
        "finished_at": until + timedelta(seconds=5),
    })  # fmt: skip


def _events(observations: list[Row]) -> Counter[str]:
    """Count independent events among what came in."""
    last: dict[tuple[int, str], datetime] = {}
    events: Counter[str] = Counter()
    for row in sorted(observations, key=lambda row: row["captured_at"]):
        if row["decision"] is Decision.ANSWERED and row["counted"]:
            of, at = (row["deployment_id"], row["label"]), row["captured_at"]
            events[row["title"]] += of not in last or at - last[of] > GAP
            last[of] = at
    return events


def _write(session: Session, rows: dict[type, list[Row]]) -> None:
    for table in TABLES:
        if rows[table]:
            session.execute(insert(table.__table__), rows[table])
    # a media and its prediction name each other, and have one id here
    session.execute(update(Media).where(Media.answered_by.is_(None)).values(answered_by=Media.id))
