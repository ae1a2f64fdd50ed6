"""Takes a deletion's steps as a worker does, in a process of its own, and may be killed at a chosen moment.

`python -m tests.datasets.deleting ACCOUNT OPERATION BLOBS [MOMENT]`: at the moment the process ends by SIGKILL.
"""

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import django

django.setup()

from django.conf import settings  # noqa: E402  # after django.setup()
from django.db.models import F  # noqa: E402

from accounts.tenancy import scope  # noqa: E402
from projects.models import Operation  # noqa: E402
from projects.operations.work import run  # noqa: E402
from registry.blobs.folder import FolderStore  # noqa: E402
from registry.datasets.deletion import destroying  # noqa: E402

destroying.BATCH = 2


def _die(*_args: Any, **_kwargs: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(moment: str) -> None:
    """`counted`: what there is was written down. `bytes`: those of the first batch are gone, its rows are not.
    `batch`: the first batch is gone. `proof`: all is gone, and the statement is not committed.
    """
    destroy, delete = destroying._destroy, FolderStore.delete
    calls = {"files": 0, "batches": 0}

    def deleted(store: FolderStore, blob_id: UUID) -> None:
        delete(store, blob_id)
        calls["files"] += 1
        if calls["files"] == 2:
            _die()

    def destroyed(*args: Any) -> bool:
        calls["batches"] += 1
        return destroy(*args) if calls["batches"] < 2 else _die()

    if moment == "counted":
        destroying._destroy = _die
    elif moment == "bytes":
        FolderStore.delete = deleted  # type: ignore[method-assign]
    elif moment == "batch":
        destroying._destroy = destroyed
    else:
        destroying.audit.record = _die  # type: ignore[attr-defined]


def finish(account_id: UUID, operation_id: UUID) -> None:
    """Take steps until it ends; a lease that a killed worker left is past its time at once."""
    with scope(account_id):
        rows = Operation.objects.filter(pk=operation_id, state="running")
        rows.update(lease_expires_at=F("lease_expires_at") - timedelta(minutes=5))
    for _step in range(30):
        run(account_id, operation_id)
        with scope(account_id):
            if Operation.objects.get(pk=operation_id).finished:
                return
            Operation.objects.filter(pk=operation_id).update(run_after=F("created_at"))
    raise RuntimeError("it does not end")


if __name__ == "__main__":
    account, operation, blobs, *moments = sys.argv[1:]
    settings.BLOB_ROOT = Path(blobs)
    for moment in moments:
        kill_at(moment)
    finish(UUID(account), UUID(operation))
