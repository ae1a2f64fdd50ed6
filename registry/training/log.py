"""A job's log: what its workload printed, preparing included."""

from clusters.actions import find_workload, workload_log
from registry.models import TrainingJob
from registry.training.workload import OWNER


def read(job: TrainingJob, offset: int) -> tuple[str, int]:
    """Return text from byte `offset` on, and the offset to go on from; needs the account's scope."""
    workload = find_workload(OWNER, job.pk)
    return ("", offset) if workload is None else workload_log(workload, offset)
