"""Every write to the ledger. Each function works inside the caller's transaction."""

from db.store.answers import (
    answer,
    mark_redlist_stale,
    mark_root_stale,
    model,
    read_again,
    relink,
    remember_stations,
    review,
)
from db.store.detections import (
    cut_out,
    detected,
    detections_file,
    detections_read,
    forget_refused_detections,
    give_waiting_words,
)
from db.store.files import (
    ANY_SHARE,
    SeenFile,
    deployment,
    found_again,
    mark_missing,
    move_to_share,
    postpone,
    reject,
    take,
)
from db.store.jobs import begin_job, fail_job, finish_job, forget_jobs_ahead, schedule_job
from db.store.reports import corrections, corrections_met_again, forget_refused_corrections, report

__all__ = [
    "ANY_SHARE",
    "SeenFile",
    "answer",
    "begin_job",
    "corrections",
    "corrections_met_again",
    "cut_out",
    "deployment",
    "detected",
    "detections_file",
    "detections_read",
    "fail_job",
    "finish_job",
    "forget_jobs_ahead",
    "forget_refused_corrections",
    "forget_refused_detections",
    "found_again",
    "give_waiting_words",
    "mark_missing",
    "mark_redlist_stale",
    "mark_root_stale",
    "model",
    "move_to_share",
    "postpone",
    "read_again",
    "reject",
    "relink",
    "remember_stations",
    "report",
    "review",
    "schedule_job",
    "take",
]
