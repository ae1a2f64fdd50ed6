"""An account with a key, and a store in a folder of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.models import Account
from accounts.tenancy import scope
from registry.blobs import BlobWriter, FolderStore
from registry.models import Blob
from tests.crypto.conftest import account, other_account

__all__ = ["account", "other_account"]

CHUNK = 64


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "blobs")


@pytest.fixture
def in_account(account: Account) -> Iterator[Account]:
    """The whole test runs in the account's scope."""
    with scope(account.pk):
        yield account


def stored(account: Account, store: FolderStore, content: bytes, *, chunk_size: int = CHUNK) -> Blob:
    """Write content in one go."""
    with BlobWriter.open(account.pk, chunk_size=chunk_size, store=store) as writer:
        writer.append(content)
        return writer.finish()


def files(store: FolderStore, root: Path) -> list[Path]:
    """All files below a store's folder."""
    return sorted(path for path in root.rglob("*") if path.is_file())
