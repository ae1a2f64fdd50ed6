"""What a place for sealed bytes must offer. A folder does now; a bucket can, with parts for appends.

A store knows blob ids and opaque bytes: no accounts, no names, no keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Content(Protocol):
    """Finished sealed bytes, open for reading."""

    @property
    def size(self) -> int:
        """Sealed bytes in all."""

    def read(self, start: int, length: int) -> bytes:
        """Return the bytes from `start`, fewer than `length` only at the end."""

    def close(self) -> None:
        """Let go of it."""


class Upload(Protocol):
    """Sealed bytes while they are written, claimed by one writer at a time across all processes."""

    @property
    def size(self) -> int:
        """Sealed bytes that the store has, an unfinished last write included."""

    @property
    def committed(self) -> bool:
        """Whether the content is finished already: a writer died between `commit` and its row."""

    def read(self, start: int, length: int) -> bytes:
        """Return bytes appended before."""

    def append(self, sealed: bytes | memoryview) -> None:
        """Add bytes at the end; where there is no room, raise `Unavailable` and keep the bytes before."""

    def truncate(self, size: int) -> None:
        """Drop what follows the first `size` bytes: a torn last write."""

    def save_tail(self, sealed: bytes) -> None:
        """Keep the unfinished last chunk beside the content, durably, in place of any kept before."""

    def load_tail(self) -> bytes:
        """Return the unfinished last chunk kept before, or nothing."""

    def sync(self) -> None:
        """Return once everything appended would survive a power cut."""

    def commit(self) -> None:
        """Make the content readable under its id, whole and durable, in one step."""

    def discard(self) -> None:
        """Remove what was uploaded, and let go of the claim."""

    def close(self) -> None:
        """Let go of the claim; what was appended stays for the next writer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing found in a store: finished content, or what an upload has left."""

    blob_id: UUID
    finished: bool
    modified_at: datetime


class BlobStore(Protocol):
    """A folder or a bucket of sealed blobs."""

    def upload(self, blob_id: UUID) -> Upload:
        """Begin or resume an upload. Raises `Conflict` while another writer holds it."""

    def open(self, blob_id: UUID) -> Content:
        """Open finished content. Raises `Unavailable` where the store does not have it."""

    def delete(self, blob_id: UUID) -> None:
        """Remove content and remains of uploads; fine where there are none."""

    def discard_upload(self, blob_id: UUID) -> None:
        """Remove the remains of an upload, not the finished content."""

    def entries(self) -> Iterator[Entry]:
        """Yield what the store holds, in no order: for sweeps."""

    def modified_at(self, blob_id: UUID) -> datetime | None:
        """Return when anything of this blob was last written, or None where there is nothing."""
