"""The blob store: content sealed in chunks under its account's key. All stored bytes go through here."""

from registry.blobs.configured import blob_store
from registry.blobs.folder import FolderStore
from registry.blobs.ranges import Unsatisfiable, parse_range
from registry.blobs.reader import BlobReader, read_range
from registry.blobs.store import BlobStore
from registry.blobs.sweep import Swept, delete_blob, sweep
from registry.blobs.writer import BlobWriter

__all__ = [
    "BlobReader",
    "BlobStore",
    "BlobWriter",
    "FolderStore",
    "Swept",
    "Unsatisfiable",
    "blob_store",
    "delete_blob",
    "parse_range",
    "read_range",
    "sweep",
]
