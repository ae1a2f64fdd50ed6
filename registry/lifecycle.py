"""What reopening an account starts again, and what closing one destroys outside the database."""

import os
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts.models import Account
from accounts.tenancy import scope
from clusters.actions import restart_workload
from clusters.local.preparing import remove_tree
from registry.blobs.configured import blob_store
from registry.endpoints.actions import workload_of
from registry.mlflow.failures import error_of
from registry.mlflow.transport import client, reachable
from registry.mlflow.workspaces import CREATE, known, workspace_of
from registry.models import Blob, Endpoint


def start_endpoints(account: Account) -> None:
    """Start the endpoints that were to answer when the account was suspended."""
    for endpoint in Endpoint.objects.filter(desired=Endpoint.Desired.RUNNING).select_related("active"):
        workload = workload_of(endpoint.active) if endpoint.active is not None else None
        if workload is not None:
            restart_workload(workload)


def delete_files(account_id: UUID) -> dict[str, Any]:
    """Delete the sealed bytes of every blob: datasets, training sources, unfinished uploads."""
    store = blob_store()
    with scope(account_id):
        blobs = list(Blob.objects.values_list("pk", "size", "state"))
    for blob_id, _size, state in blobs:
        if state == Blob.State.WRITING:
            store.discard_upload(blob_id)
        store.delete(blob_id)
    return {"blobs": len(blobs), "bytes": sum(size or 0 for _id, size, _state in blobs)}


def _counted(folder: Path) -> tuple[int, int]:
    files = size = 0
    for place, _folders, names in os.walk(folder):
        for name in names:
            files += 1
            size += os.lstat(os.path.join(place, name)).st_size
    return files, size


def delete_mlflow(account_id: UUID) -> dict[str, Any]:
    """Delete the account's MLflow workspace with all its rows, and the folder of its artifacts.

    Raises `Unavailable` while MLflow is away.
    """
    workspace = workspace_of(account_id)
    with reachable():
        response = client().delete(f"{CREATE}/{workspace}", params={"mode": "CASCADE"})
    if response.status_code >= 400 and response.status_code != 404:
        raise error_of(response)
    known.discard(workspace)
    folder = Path(settings.ARTIFACT_ROOT) / "workspaces" / workspace
    files, size = _counted(folder)
    remove_tree(folder)
    there = response.status_code != 404
    return {"workspace": workspace if there else "", "artifact_files": files, "artifact_bytes": size}
