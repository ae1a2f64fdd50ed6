"""The deployment's blob store, as its settings name it."""

from django.conf import settings

from registry.blobs.folder import FolderStore
from registry.blobs.store import BlobStore


def blob_store() -> BlobStore:
    """Return the deployment's store."""
    return FolderStore(settings.BLOB_ROOT)
