"""The operation `dataset.delete`: destroy what was begun to be deleted, step by step, and sign what was done.

Bytes go before the rows that know them: a worker that is killed in between finds the rows again, and deleting bytes
that are gone is nothing. Content that another version or a training source refers to as well stays, and is counted.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext_noop as noop

from accounts import audit
from projects.disposal import signed
from projects.models import Project
from projects.operations import Again, Done, Work
from registry.blobs import blob_store
from registry.models import (
    Blob,
    Dataset,
    DatasetDeletion,
    DatasetFile,
    DatasetUpload,
    DatasetVersion,
    FileProfile,
    TrainingSource,
)

BATCH = 200
State = DatasetVersion.State


def advance(work: Work) -> Done | Again:
    """Take the next step."""
    with work.scope():
        rows = DatasetDeletion.objects.select_related("dataset", "version")
        deletion = rows.get(pk=work.payload["deletion"])
        if deletion.finished_at is not None:
            return Done({"statement": deletion.sha256})
        if deletion.operation_id != work.operation.pk:  # asked again after it had failed
            DatasetDeletion.objects.filter(pk=deletion.pk).update(operation=work.operation)
    if "versions" not in work.payload:
        return _count(work, deletion)
    work.stage(noop("Destroying files"), 0.5)
    if _destroy(work, deletion):
        return Again(0)
    work.stage(noop("Signing the statement"), 0.9)
    return _prove(work, deletion)


def _versions(deletion: DatasetDeletion) -> list[UUID]:
    rows = DatasetVersion.objects.filter(dataset_id=deletion.dataset_id, state=State.DELETING)
    if deletion.version_id is not None:
        rows = rows.filter(pk=deletion.version_id)
    return list(rows.order_by("number").values_list("pk", flat=True))


def _count(work: Work, deletion: DatasetDeletion) -> Again:
    """Write down what there is, before any of it goes. A dataset's versions that an own deletion is at work on are
    that one's to prove.
    """
    with work.scope():
        own = DatasetDeletion.objects.filter(finished_at=None).exclude(begun_at=None).exclude(version=None)
        others = set(own.exclude(pk=deletion.pk).values_list("version_id", flat=True))
        ids = [pk for pk in _versions(deletion) if pk not in others]
        found = DatasetVersion.objects.filter(pk__in=ids).order_by("number")
        versions = [
            {
                "id": str(version.pk),
                "number": version.number,
                "content_hash": version.content_hash,
                "files": version.file_count,
                "bytes": version.size,
                "sealed_at": version.sealed_at.isoformat() if version.sealed_at else None,
            }
            for version in found
        ]
        work.save(
            versions=versions, destroyed={"contents": 0, "bytes": 0, "shared_contents_kept": 0, "profiles": 0}
        )
    return Again(0)


def _destroy(work: Work, deletion: DatasetDeletion) -> bool:
    """Destroy one batch of files; False once none is left."""
    ids = [UUID(version["id"]) for version in work.payload["versions"]]
    with work.scope():
        rows = DatasetFile.objects.filter(version_id__in=ids).order_by("pk")
        batch: dict[UUID, UUID] = dict(rows.values_list("pk", "blob_id")[:BATCH])
        if not batch:
            return False
        blobs = set(batch.values())
        kept = _still_named(blobs, batch)
        going = blobs - kept
        store = blob_store()
        for blob_id in going:
            store.delete(blob_id)
        size = sum(Blob.objects.filter(pk__in=going).values_list("size", flat=True))
        profiles, _each = FileProfile.objects.filter(file_id__in=batch).delete()
        DatasetFile.objects.filter(pk__in=batch).delete()
        Blob.objects.filter(pk__in=going).delete()
        before: dict[str, int] = work.payload["destroyed"]
        work.save(
            destroyed={
                "contents": before["contents"] + len(going),
                "bytes": before["bytes"] + size,
                "shared_contents_kept": before["shared_contents_kept"] + len(kept - _of(ids, batch)),
                "profiles": before["profiles"] + profiles,
            }
        )
    return True


def _still_named(blobs: set[UUID], batch: dict[UUID, UUID]) -> set[UUID]:
    """Those contents that something outside this batch refers to."""
    found: set[UUID] = set()
    for rows in (
        DatasetFile.objects.filter(blob_id__in=blobs).exclude(pk__in=batch).values_list("blob_id", flat=True),
        DatasetUpload.objects.filter(blob_id__in=blobs).values_list("blob_id", flat=True),
        TrainingSource.objects.filter(content_id__in=blobs).values_list("content_id", flat=True),
    ):
        found |= set(rows)
    return found


def _of(versions: list[UUID], batch: dict[UUID, UUID]) -> set[UUID]:
    """Contents that a later batch of this deletion names as well: they are kept for that one, not for good."""
    rows = DatasetFile.objects.filter(version_id__in=versions, blob_id__in=set(batch.values()))
    return set(rows.values_list("blob_id", flat=True))


def _prove(work: Work, deletion: DatasetDeletion) -> Done:
    """Sign the statement and make the versions tombstones, in one transaction."""
    with work.scope():
        ids = [version["id"] for version in work.payload["versions"]]
        proof = signed(statement(work, deletion))
        DatasetVersion.objects.filter(pk__in=ids, state=State.DELETING).update(state=State.DELETED)
        deletion.body, deletion.sha256 = proof.body, proof.sha256
        deletion.key, deletion.signature = proof.key, proof.signature
        deletion.finished_at = timezone.now()
        deletion.save(update_fields=["body", "sha256", "key", "signature", "finished_at"])
        audit.record(
            "dataset.deleted",
            deletion.version or deletion.dataset,
            detail={"statement_sha256": proof.sha256, "key": proof.key, **work.payload["destroyed"]},
        )
    return Done({"statement": proof.sha256})


def statement(work: Work, deletion: DatasetDeletion) -> dict[str, Any]:
    """What was destroyed, what stays, and what nobody here can reach."""
    project = Project.objects.get()
    kept = DatasetVersion.objects.filter(dataset_id=deletion.dataset_id, state=State.READY)
    return {
        "format": "mlops-portal-dataset-disposal-1",
        "deployment": settings.DEPLOYMENT_ID,
        "account": {"id": str(deletion.account_id), "project": project.slug},
        "dataset": {
            "name": deletion.dataset.name,
            "sensitivity": Dataset.objects.get(pk=deletion.dataset_id).sensitivity,
            "whole": deletion.version_id is None,
        },
        "versions": work.payload["versions"],
        "destroyed": work.payload["destroyed"],
        "asked_by": deletion.asked_by_label,
        "approved_by": deletion.decided_by_label,
        "reason": deletion.reason,
        "at": timezone.now().isoformat(),
        "kept": {
            "tombstones": "each version's number, content hash, sizes and dates, and this statement",
            "audit": "the record of who read the data, and of this deletion",
            "made_of_it": "training runs, models and predictions made of the data are not deleted along",
            "copies": "what people downloaded, and the working folder of a job that still runs, until it ends",
            "versions_of_the_dataset": kept.aggregate(count=Count("pk"))["count"],
        },
        "content_hash": "SHA-256 over the version's sorted file paths, hashes and sizes: says which files they were.",
        "backups": (
            "Backups made before this moment still hold the sealed files and their wrapped keys, until they are "
            "rotated out: together with the root key they can be opened."
        ),
    }
