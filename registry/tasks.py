"""The registry's regular work. It reads across accounts as the system, and enters each one's scope to write."""

import structlog
from celery import shared_task

from accounts.errors import Unavailable
from registry import blobs
from registry.datasets.sweep import expire_uploads as drop_expired
from registry.datasets.sweep import record_ends
from registry.training import ending

log = structlog.get_logger(__name__)


@shared_task(name="registry.reconcile_runs", ignore_result=True)
def reconcile_runs() -> int:
    """Close the MLflow runs of jobs that have ended, and whatever else those left behind; how many were settled."""
    settled = 0
    for account_id, job_id in ending.unsettled():
        try:
            settled += ending.settle(account_id, job_id)
        except Unavailable:
            break  # MLflow is starting: the next round finds the same jobs
        except Exception:  # one job's trouble must not keep the others' runs open
            log.exception("run_not_closed", job=str(job_id))
    return settled


@shared_task(name="registry.expire_uploads", ignore_result=True)
def expire_uploads() -> int:
    """Drop uploads that nobody has gone on with; how many."""
    return drop_expired()


@shared_task(name="registry.sweep_blobs", ignore_result=True)
def sweep_blobs() -> None:
    """Remove files without a row and uploads that were given up."""
    swept = blobs.sweep()
    log.info("blobs_swept", orphans=swept.orphans, uploads=swept.uploads)


@shared_task(name="registry.end_dataset_grants", ignore_result=True)
def end_dataset_grants() -> int:
    """Put on record which grants on datasets have come to their end; they have not counted since."""
    return record_ends()
