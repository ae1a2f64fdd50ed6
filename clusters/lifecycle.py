"""What suspending and closing an account does to what runs for it."""

from typing import Any
from uuid import UUID

from accounts.models import Account
from accounts.tenancy import scope
from clusters.actions import stop_workload
from clusters.local.folders import folder_of
from clusters.local.preparing import remove_tree
from clusters.models import Workload
from clusters.states import ENDED, Desired


def stop_everything(account: Account) -> None:
    """Ask every workload to end; services keep their owners' wish, and start again when the account reopens."""
    for workload in Workload.objects.filter(desired=Desired.RUNNING).exclude(phase__in=ENDED):
        stop_workload(workload)


def running() -> bool:
    """Whether a workload of the account in scope has not ended yet."""
    return bool(Workload.objects.exclude(phase__in=ENDED).exists())


def remove_folders(account_id: UUID) -> dict[str, Any]:
    """Remove what ended workloads have left on this machine."""
    with scope(account_id):
        ids = list(Workload.objects.values_list("pk", flat=True))
    removed = 0
    for workload_id in ids:
        folder = folder_of(workload_id)
        removed += folder.exists()
        remove_tree(folder)
    return {"workloads": len(ids), "folders_removed": removed}
