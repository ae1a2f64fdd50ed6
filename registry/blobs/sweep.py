"""Removing content, and finding what crashes and abandoned uploads left behind."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts.tenancy import scope
from registry.blobs.configured import blob_store
from registry.blobs.store import BlobStore, Entry
from registry.models.blob import Blob

logger = logging.getLogger(__name__)

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """How many files without a row, and how many unfinished uploads, were removed."""

    orphans: int
    uploads: int


def delete_blob(blob: Blob, *, store: BlobStore | None = None) -> None:
    """Delete a blob's row, and with the transaction's commit its bytes. Needs the account's scope.

    Raises Django's `ProtectedError` while something still refers to it.
    """
    place, blob_id = store or blob_store(), blob.pk
    blob.delete()
    transaction.on_commit(lambda: place.delete(blob_id))


def sweep(
    *,
    orphans_after: timedelta = timedelta(days=1),
    uploads_after: timedelta = timedelta(days=7),
    store: BlobStore | None = None,
) -> Swept:
    """Remove files that no row knows, and uploads that nobody has gone on with for so long.

    For the system role, outside any scope. `orphans_after` must be longer than any transaction that opens a
    writer: its row is not visible before it commits.
    """
    place = store or blob_store()
    now = timezone.now()
    return Swept(
        orphans=_sweep_files(place, older_than=now - orphans_after),
        uploads=_sweep_uploads(place, older_than=now - uploads_after),
    )


def _sweep_files(store: BlobStore, *, older_than: datetime) -> int:
    removed = 0
    for entries in _batches(entry for entry in store.entries() if entry.modified_at < older_than):
        ids = {entry.blob_id for entry in entries}
        states = dict(Blob.objects.unscoped().filter(pk__in=ids).values_list("pk", "state"))
        for entry in entries:
            state = states.get(entry.blob_id)
            if state is None:
                store.delete(entry.blob_id)
                removed += 1
            elif state == Blob.State.STORED and not entry.finished:
                store.discard_upload(entry.blob_id)
                removed += 1
    return removed


def _sweep_uploads(store: BlobStore, *, older_than: datetime) -> int:
    removed = 0
    unfinished = Blob.objects.unscoped().filter(state=Blob.State.WRITING, created_at__lt=older_than)
    for blob in list(unfinished.order_by("created_at")[:_BATCH]):
        modified_at = store.modified_at(blob.pk)
        if modified_at is None or modified_at < older_than:
            removed += _abandon(blob, store)
    return removed


def _abandon(blob: Blob, store: BlobStore) -> int:
    """Delete one unfinished upload, unless a writer finishes it at this moment; return how many rows went."""
    try:
        with scope(blob.account_id):
            row = Blob.objects.select_for_update().filter(pk=blob.pk, state=Blob.State.WRITING).first()
            if row is None:
                return 0
            delete_blob(row, store=store)
    except ProtectedError:
        logger.warning("An unfinished upload is still referred to and stays", extra={"blob_id": str(blob.pk)})
        return 0
    return 1


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    iterator = iter(entries)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
