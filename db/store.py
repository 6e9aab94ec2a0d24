"""Every write to the ledger. Each function works inside the caller's transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from db.derive import WHOLE
from db.models import (
    CorrectionsFile,
    Deployment,
    Detection,
    DetectionsFile,
    Inbox,
    JobRun,
    Link,
    Media,
    Model,
    Observation,
    Prediction,
    Question,
    Report,
    Review,
    Sighting,
)
from db.types import LinkKind, LinkStatus, State, printable

FIRST_RETRY = timedelta(seconds=2)
LAST_RETRY = timedelta(minutes=10)
MARKED = 500  # rows a statement
ANY_SHARE = ""  # of files that were seen before shares were told apart


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as a scan found it."""

    root: str
    path: bytes  # below the root
    signature: str  # what changes when the file does, and not when its share is mounted anew
    file_time: datetime
    station: str
    share: str = ANY_SHARE  # what it lies on
    device: int = 0

    @property
    def folder(self) -> bytes:
        """The folder that holds it, below the root; empty: the root itself."""
        return self.path.rpartition(b"/")[0]


def take(session: Session, file: SeenFile, media: Media, deployment_id: int | None, *, now: datetime) -> Media:
    """Record a file whose content could be read; give the media row of that content, new or known."""
    known = session.scalar(select(Media).where(Media.sha256 == media.sha256))
    if known is None:
        session.add(media)
        session.flush()
        known = media
    known.kept = media.kept  # as it has just been written, perhaps in another size than before
    sighting = _holding(session, file, media_id=known.id, now=now)
    _note(sighting, file, State.TAKEN)
    sighting.attempts = 0
    sighting.media_id = known.id
    sighting.deployment_id = deployment_id
    _give_words(session, file.root, file.path, known.id)
    session.flush()
    return known


def reject(session: Session, file: SeenFile, *, code: str, reason: str, now: datetime) -> None:
    """Record that the file is at fault; it is left alone until it changes."""
    sighting = _holding(session, file, media_id=None, now=now)
    if sighting.state is not State.REJECTED:
        sighting.seen_at = now  # reports name the files that were rejected since the last one
    _note(sighting, file, State.REJECTED, code, reason)
    sighting.attempts = 0


def postpone(session: Session, file: SeenFile, *, code: str, reason: str, now: datetime) -> None:
    """Record that the system is at fault; the file is tried again after 2 s, 4 s … 10 min, for ever.

    What the path holds is not known yet, so a content that was taken from it stays with it.
    """
    sighting = _last(session, file) or _added(session, file, now=now)
    _note(sighting, file, State.RETRY, code, reason)
    sighting.retry_at = now + min(FIRST_RETRY * 2 ** min(sighting.attempts, 16), LAST_RETRY)
    sighting.attempts += 1
    _mark_stale(session, [sighting.media_id])


def mark_missing(session: Session, sighting_ids: Iterable[int], *, now: datetime) -> None:
    """Record that these files are gone."""
    ids = iter(sighting_ids)
    while some := list(islice(ids, MARKED)):
        sightings = session.scalars(select(Sighting).where(Sighting.id.in_(some))).all()
        for sighting in sightings:
            sighting.state, sighting.missing_since, sighting.retry_at = State.MISSING, now, None
        _mark_stale(session, [sighting.media_id for sighting in sightings])


def found_again(session: Session, sighting_ids: Iterable[int]) -> None:
    """Record that these files, whose content had been taken, are back as they were."""
    ids = iter(sighting_ids)
    while some := list(islice(ids, MARKED)):
        sightings = session.scalars(select(Sighting).where(Sighting.id.in_(some))).all()
        for sighting in sightings:
            sighting.state, sighting.missing_since = State.TAKEN, None
        _mark_stale(session, [sighting.media_id for sighting in sightings])


def move_to_share(session: Session, sighting_ids: Iterable[int], share: str) -> None:
    """Record that these files, as they were, lie on this share now."""
    ids = iter(sighting_ids)
    while some := list(islice(ids, MARKED)):
        session.execute(update(Sighting).where(Sighting.id.in_(some)).values(share=share))


def _holding(session: Session, file: SeenFile, *, media_id: int | None, now: datetime) -> Sighting:
    """Give the row of this file: the last one where it holds the same content (or held none), else a new generation."""
    last = _last(session, file)
    if last is None:
        return _added(session, file, now=now)
    if last.media_id in {None, media_id}:
        return last
    last.state, last.retry_at = State.SUPERSEDED, None
    _mark_stale(session, [last.media_id])
    return _added(session, file, now=now)


def _last(session: Session, file: SeenFile) -> Sighting | None:
    """Give the newest row of the path; what it held on another share is another file's."""
    rows = select(Sighting).where(Sighting.root == file.root, Sighting.path == file.path)
    here = rows if file.share == ANY_SHARE else rows.where(Sighting.share.in_([file.share, ANY_SHARE]))
    return session.scalar(here.order_by(Sighting.generation.desc()).limit(1))


def _added(session: Session, file: SeenFile, *, now: datetime) -> Sighting:
    held = select(func.max(Sighting.generation)).where(Sighting.root == file.root, Sighting.path == file.path)
    generation = (session.scalar(held) or 0) + 1
    sighting = Sighting(
        root=file.root, folder=file.folder, path=file.path, generation=generation, attempts=0, seen_at=now
    )
    session.add(sighting)
    return sighting


def _note(sighting: Sighting, file: SeenFile, state: State, code: str | None = None, reason: str | None = None) -> None:
    sighting.path_text, sighting.signature = printable(file.path), file.signature
    sighting.file_time, sighting.station, sighting.share = file.file_time, file.station, file.share
    sighting.state, sighting.code, sighting.reason = state, code, reason
    sighting.retry_at = sighting.missing_since = None


def _mark_stale(session: Session, media_ids: Iterable[int | None]) -> None:
    """Say that these observations must be derived anew: the media's first sighting may be another now."""
    session.flush()
    session.execute(update(Observation).where(Observation.media_id.in_(list(media_ids))).values(stale=True))


def read_again(session: Session, media_id: int, region: int = WHOLE) -> None:
    """Let the next look read a file of this media anew: what was kept of it, or of this region of it, is gone."""
    if region == WHOLE:
        session.execute(update(Sighting).where(Sighting.media_id == media_id).values(signature=""))
    else:
        cut_out(session, media_id, {region: None})


def cut_out(session: Session, media_id: int, kept: Mapping[int, str | None]) -> None:
    """Record what is kept (region → path below the data folder) of the animals in a picture."""
    for region, path in kept.items():
        animal = (Detection.media_id == media_id, Detection.region == region)
        session.execute(update(Detection).where(*animal).values(kept=path))


def deployment(session: Session, wanted: Deployment) -> int:
    """Give the id of the deployment with this key, made or brought up to date from ``wanted``."""
    known = session.scalar(select(Deployment).where(Deployment.key == wanted.key))
    if known is not None:
        wanted.id = known.id
    merged = session.merge(wanted)
    session.flush()
    return merged.id


def relink(session: Session, kind: LinkKind, group: Iterable[int], links: Mapping[int, int]) -> None:
    """Replace the links of one kind among the media of ``group`` by ``links`` (media → canonical media).

    What a person confirmed or undid stays, and an undone pair is not linked again.
    """
    members = list(group)
    mine = (Link.kind == kind) & Link.media_id.in_(members)
    session.execute(delete(Link).where(mine, Link.status.in_([LinkStatus.CERTAIN, LinkStatus.SUSPECTED])))
    judged = session.scalars(select(Link).where(mine)).all()
    settled = {frozenset((link.media_id, link.canonical_id)) for link in judged}
    confirmed = {link.media_id for link in judged if link.status is LinkStatus.CONFIRMED}
    status = LinkStatus.CERTAIN if kind is LinkKind.SAME_PICTURE else LinkStatus.SUSPECTED
    for media_id, canonical_id in links.items():
        if frozenset((media_id, canonical_id)) not in settled and media_id not in confirmed:
            session.add(Link(media_id=media_id, canonical_id=canonical_id, kind=kind, status=status))
    session.flush()


def model(session: Session, wanted: Model) -> int:
    """Give the id of the model with this version, recorded at its first use."""
    known = session.scalar(select(Model).where(Model.version == wanted.version))
    if known is None:
        session.add(wanted)
        session.flush()
        known = wanted
    return known.id


def answer(session: Session, prediction: Prediction) -> int:
    """Record a prediction, unless that model has answered that region before, and let it be the one shown."""
    known = session.scalar(
        select(Prediction.id).where(
            Prediction.media_id == prediction.media_id,
            Prediction.region == prediction.region,
            Prediction.model_id == prediction.model_id,
        )
    )
    if known is None:
        session.add(prediction)
        session.flush()
        known = prediction.id
    if prediction.region == WHOLE:
        session.execute(update(Media).where(Media.id == prediction.media_id).values(answered_by=known))
    else:
        animal = (Detection.media_id == prediction.media_id, Detection.region == prediction.region)
        session.execute(update(Detection).where(*animal).values(answered_by=known))
    return known


def review(session: Session, said: Review) -> None:
    """Append what a human said."""
    session.add(said)
    session.flush()


def remember_stations(session: Session, root: str, digest: str) -> None:
    """Record which ``stations.csv`` is applied to the files below ``root``; an empty digest: none is, entirely."""
    inbox = session.scalar(select(Inbox).where(Inbox.root == root))
    if inbox is None:
        session.add(Inbox(root=root, stations_digest=digest))
    else:
        inbox.stations_digest = digest


def mark_root_stale(session: Session, root: str) -> None:
    """Say that the observations of all media ever seen below ``root`` must be derived anew: its stations changed."""
    below = select(Sighting.media_id).where(Sighting.root == root)
    session.execute(update(Observation).where(Observation.media_id.in_(below)).values(stale=True))


def mark_redlist_stale(session: Session, version: str) -> None:
    """Say that what follows from another Red List than ``version`` must be derived anew."""
    session.execute(update(Observation).where(Observation.redlist_version != version).values(stale=True))


def report(session: Session, wanted: Report, questions: Iterable[Question]) -> None:
    """Record a report that was written, and what it asked people to look at."""
    session.add(wanted)
    session.flush()
    for question in questions:
        question.report_id = wanted.id
        session.add(question)
    session.flush()


def corrections(session: Session, file: CorrectionsFile) -> None:
    """Record what became of a corrections file; that it was refused before is forgotten."""
    forget_refused_corrections(session, [file.place])
    session.add(file)
    session.flush()


def corrections_met_again(
    session: Session, place: str, sha256: str, signature: str, *, is_gone: Callable[[str], bool]
) -> bool:
    """Tell whether this is a file that was taken before, perhaps moved, and note where and as what it is there now.

    It was moved where ``is_gone`` says of the place where it was that nothing is there any more.
    """
    of = CorrectionsFile
    known = session.scalar(select(of).where(of.sha256 == sha256, of.refused.is_(None)).order_by(of.id).limit(1))
    if known is None or (known.place != place and not is_gone(known.place)):
        return False
    known.place, known.signature = place, signature
    forget_refused_corrections(session, [place])
    return True


def forget_refused_corrections(session: Session, places: Iterable[str]) -> None:
    """Forget the corrections files that were refused at these places: they are gone, or others now."""
    of = iter(places)
    while some := list(islice(of, MARKED)):
        session.execute(
            delete(CorrectionsFile).where(CorrectionsFile.place.in_(some), CorrectionsFile.refused.is_not(None))
        )


def detections_file(session: Session, file: DetectionsFile) -> int:
    """Record a file of detection results and give its id; that it was refused before is forgotten."""
    forget_refused_detections(session, [file.place])
    session.add(file)
    session.flush()
    return file.id


def detections_read(session: Session, file_id: int, signature: str) -> None:
    """Record that a file of detection results was read to its end, as it had this signature."""
    session.get_one(DetectionsFile, file_id).signature = signature


def forget_refused_detections(session: Session, places: Iterable[str]) -> None:
    """Forget the files of detection results that were refused at these places: they are gone, or others now.

    A note that one was being read goes with it.
    """
    of = iter(places)
    while some := list(islice(of, MARKED)):
        session.execute(
            delete(DetectionsFile).where(DetectionsFile.place.in_(some), DetectionsFile.refused.is_not(None))
        )


def detected(
    session: Session, file_id: int, root: str, seen: Mapping[bytes, Sequence[Detection]], now: Mapping[bytes, str]
) -> list[int]:
    """Record what a file says of some pictures (path → detections) in place of what it said before; give the media.

    ``now`` has the signatures of the files that are at these paths. What was said of a content that has left its path
    since stays with that content. A word waits where the file now at the path was not taken as it is.
    """
    held = _held(session, root, now)
    known = _known_animals(session, held.values())
    place = select(DetectionsFile.place).where(DetectionsFile.id == file_id).scalar_subquery()
    of_place = Detection.file_id.in_(select(DetectionsFile.id).where(DetectionsFile.place == place))
    same = or_(Detection.media_id.is_(None), Detection.media_id.in_(held.values()))
    session.execute(delete(Detection).where(of_place, Detection.root == root, Detection.path.in_(seen), same))
    for path, detections in seen.items():
        for each in detections:
            each.file_id, each.root, each.path, each.media_id = file_id, root, path, held.get(path)
            each.kept, each.answered_by = known.get((each.media_id, each.region), (None, None))
            session.add(each)
    session.flush()
    return list(held.values())


def _known_animals(session: Session, media_ids: Iterable[int]) -> dict[tuple[int | None, int], tuple[Any, Any]]:
    """Give (media, region) → what was kept and answered of it."""
    of = Detection
    cut = select(of.media_id, of.region, of.kept, of.answered_by).where(
        of.media_id.in_(media_ids), of.kept.is_not(None)
    )
    return {(media_id, region): (kept, answered) for media_id, region, kept, answered in session.execute(cut)}


def give_waiting_words(session: Session, root: str, now: Mapping[bytes, str]) -> list[int]:
    """Give the words that wait for these files (path → signature now) to what was taken from them; give the media.

    ``take`` does so when a file comes; this is for one that was away for a moment and came back.
    """
    held = _held(session, root, now)
    for path, media_id in held.items():
        _give_words(session, root, path, media_id)
    return list(held.values())


def _give_words(session: Session, root: str, path: bytes, media_id: int) -> None:
    waiting = (Detection.root == root, Detection.path == path, Detection.media_id.is_(None))
    session.execute(update(Detection).where(*waiting).values(media_id=media_id))


def _held(session: Session, root: str, now: Mapping[bytes, str]) -> dict[bytes, int]:
    """Give path → media of the files that were taken as they are now; of one to be tried again nothing is known."""
    rows = session.execute(
        select(Sighting.path, Sighting.media_id, Sighting.signature)
        .where(Sighting.root == root, Sighting.path.in_(now), Sighting.state.in_([State.TAKEN, State.MISSING]))
        .order_by(Sighting.generation)
    )
    return {path: media_id for path, media_id, signed in rows if media_id is not None and signed == now[path]}


def begin_job(session: Session, kind: str, period: datetime, *, now: datetime, missed: int = 0) -> int | None:
    """Claim a job for its period; None where it ran to its end before. One that was cut off is claimed again.

    ``missed`` periods before it went by without a run, and are made good by this one.
    """
    known = session.scalar(select(JobRun).where(JobRun.kind == kind, JobRun.period == period))
    if known is not None and known.finished_at is not None:
        return None
    if known is None:
        known = JobRun(kind=kind, period=period, missed=missed)
        session.add(known)
    known.started_at, known.failure = now, None
    session.flush()
    return known.id


def schedule_job(session: Session, kind: str, *, now: datetime) -> None:
    """Note that a job is scheduled from now on: what is due later and does not run is missed, what was due is not."""
    session.add(JobRun(kind=kind, period=now, started_at=now, finished_at=now))


def forget_jobs_ahead(session: Session, kind: str, now: datetime) -> None:
    """Forget the runs of a job for periods after ``now``: a clock that ran ahead began them, and they are to come."""
    session.execute(delete(JobRun).where(JobRun.kind == kind, JobRun.period > now))


def fail_job(session: Session, job_id: int, *, failure: str) -> None:
    """Record why a job could not run now; its period stays open."""
    session.get_one(JobRun, job_id).failure = failure


def finish_job(session: Session, job_id: int, *, now: datetime, failure: str | None = None) -> None:
    """Record how a job ended."""
    job = session.get_one(JobRun, job_id)
    job.finished_at, job.failure = now, failure
