"""Deleting content, and sweeping up after crashes; as a worker does it, with real commits."""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from accounts.ids import uuid7
from accounts.models import Account
from accounts.tenancy import ScopeError, scope
from registry.blobs import BlobWriter, FolderStore, delete_blob, read_range, sweep
from registry.models import Blob
from tests.blobs.conftest import CHUNK, files, stored
from tests.crypto.conftest import an_account
from tests.engines.fixtures import CommittedDatabase

Role = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def committed_account(committed_database: CommittedDatabase) -> Account:
    return an_account("Etch")


def age(path: Path, delta: timedelta) -> None:
    moment = time.time() - delta.total_seconds()
    os.utime(path, (moment, moment))


def _delete_and_fail(account: Account, store: FolderStore) -> None:
    with scope(account.pk):
        delete_blob(Blob.objects.get(), store=store)
        raise ZeroDivisionError


def test_content_goes_with_its_rows_commit(committed_account: Account, store: FolderStore) -> None:
    with scope(committed_account.pk):
        blob = stored(committed_account, store, b"x")
    with pytest.raises(ZeroDivisionError):
        _delete_and_fail(committed_account, store)
    with scope(committed_account.pk):
        assert b"".join(read_range(Blob.objects.get(), store=store)) == b"x"
        delete_blob(blob, store=store)
        assert files(store, store._root)
    assert not files(store, store._root)


def test_the_sweep_takes_what_is_lost_and_nothing_else(
    committed_account: Account, store: FolderStore, as_role: Role
) -> None:
    root = store._root
    with scope(committed_account.pk):
        kept = stored(committed_account, store, b"kept")
        fresh = BlobWriter.open(committed_account.pk, chunk_size=CHUNK, store=store)
        fresh.append(bytes(100))
        fresh.suspend()
        old = BlobWriter.open(committed_account.pk, chunk_size=CHUNK, store=store)
        old.append(bytes(100))
        old.suspend()
        Blob.objects.filter(pk__in=[fresh.blob.pk, old.blob.pk]).update(created_at="2020-01-01T00:00Z")
    for path in store._files(old.blob.pk)[1:3]:
        age(path, timedelta(days=8))
    age(store._path(kept.pk), timedelta(days=400))
    left_over = store._path(kept.pk).with_suffix(".tail")
    left_over.write_bytes(b"of a crash after the rename")
    age(left_over, timedelta(days=2))
    orphans = [store._path(uuid7()), store._path(uuid7()).with_suffix(".part")]
    young_orphan = store._path(uuid7())
    stranger = root / "00" / "00" / "README"
    for path in [*orphans, young_orphan, stranger]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"?")
    for path in [*orphans, stranger]:
        age(path, timedelta(days=2))

    with as_role("system"):
        swept = sweep(store=store)
        assert (swept.orphans, swept.uploads) == (3, 1)
        assert sweep(store=store).orphans == 0

    expected = {store._path(kept.pk), *store._files(fresh.blob.pk)[1:3], young_orphan, stranger}
    assert set(files(store, root)) == expected
    with scope(committed_account.pk):
        assert set(Blob.objects.values_list("pk", flat=True)) == {kept.pk, fresh.blob.pk}
        assert b"".join(read_range(kept, store=store)) == b"kept"


def test_only_the_systems_role_sweeps(committed_account: Account, store: FolderStore) -> None:
    path = store._path(uuid7())
    path.parent.mkdir(parents=True)
    path.write_bytes(b"?")
    age(path, timedelta(days=2))
    with pytest.raises(ScopeError):
        sweep(store=store)
    assert path.exists()


def test_a_sweep_of_nothing(committed_account: Account, store: FolderStore, as_role: Role) -> None:
    with as_role("system"):
        assert (sweep(store=store).orphans, sweep(store=store).uploads) == (0, 0)
