"""What an ended job leaves behind: its workload stopped, its tokens revoked, its MLflow run closed.

`ended` does what the database alone decides, in the transaction that ends the operation. MLflow may be away then, or
the handler may have had no say: `settle` closes the run, called by a sweep until it has done so.
"""

from uuid import UUID

from django.utils import timezone

from accounts import audit
from accounts.tenancy import scope
from clusters.actions import find_workload, stop_workload
from clusters.models import Workload
from clusters.states import ENDED
from projects.actions.tokens import revoke_workload_tokens
from projects.models import Operation, State
from projects.models.operation import TERMINAL
from registry.models import TrainingJob
from registry.training import tracking
from registry.training.workload import OWNER

STATUSES = {State.SUCCEEDED: "FINISHED", State.FAILED: "FAILED", State.CANCELLED: "KILLED"}
_BATCH = 100


def ended(operation: Operation) -> None:
    """Stop what still runs for an ended job and revoke its tokens; in the account's scope."""
    job = TrainingJob.objects.filter(operation=operation).first()
    if job is not None:
        _stop(job)


def _stop(job: TrainingJob) -> Workload | None:
    workload = find_workload(OWNER, job.pk)
    if workload is not None:
        stop_workload(workload)
        revoke_workload_tokens(workload.pk)
    return workload


def unsettled() -> list[tuple[UUID, UUID]]:
    """List jobs across accounts that have ended and whose runs nobody has seen closed, oldest first."""
    rows = TrainingJob.objects.get_queryset().unscoped()
    rows = rows.filter(settled_at=None, operation__state__in=TERMINAL).order_by("created_at")
    return list(rows.values_list("account_id", "pk")[:_BATCH])


def settle(account_id: UUID, job_id: UUID) -> bool:
    """Close every run of an ended job; False while its program still runs.

    Raises `Unavailable` while MLflow is away.
    """
    with audit.acting_as(audit.SYSTEM, via="task"):
        with scope(account_id):
            job = TrainingJob.objects.select_related("operation", "source__project").get(pk=job_id)
            workload = _stop(job)
            if workload is not None and workload.phase not in ENDED:
                return False
        run_id, experiment_id = tracking.close_runs(job, STATUSES[State(job.operation.state)])
        with scope(account_id):
            TrainingJob.objects.filter(pk=job.pk).update(
                settled_at=timezone.now(), run_id=run_id, experiment_id=experiment_id
            )
    return True
