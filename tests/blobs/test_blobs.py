"""Writing and reading sealed content, on a real database and a real folder."""

import hashlib
import os
import stat
from itertools import pairwise
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.crypto import CHUNK_OVERHEAD_BYTES, HEADER_BYTES, SealError
from accounts.errors import Conflict, TooLarge, Unavailable
from accounts.models import Account, AccountKey
from accounts.tenancy import ScopeError, scope
from registry.blobs import BlobReader, BlobWriter, FolderStore, read_range
from registry.blobs.layout import Layout, sealed_offset
from registry.models import Blob
from tests.blobs.conftest import CHUNK, files, stored

SEALED_CHUNK = CHUNK + CHUNK_OVERHEAD_BYTES
with_fixtures = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def content_of(size: int) -> bytes:
    return bytes(position * 7 % 251 for position in range(size))


def file_of(store: FolderStore, blob: Blob) -> Path:
    return store._path(blob.pk)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1000])
def test_what_is_written_reads_back(in_account: Account, store: FolderStore, size: int) -> None:
    content = content_of(size)
    blob = stored(in_account, store, content)
    row = Blob.objects.get(pk=blob.pk)
    assert (row.state, row.size, row.sha256) == ("stored", size, hashlib.sha256(content).hexdigest())
    assert b"".join(read_range(row, store=store)) == content
    assert file_of(store, blob).stat().st_size == Layout(size, CHUNK).sealed_size


@with_fixtures
@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6), st.booleans())
def test_pieces_and_sittings_make_no_difference(
    in_account: Account, store: FolderStore, content: bytes, cuts: list[int], resume: bool
) -> None:
    edges = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    writer = BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store)
    for start, end in pairwise(edges):
        assert writer.append(content[start:end], at=start) == end
        if resume:
            assert writer.suspend() == end
            writer = BlobWriter.resume(Blob.objects.get(pk=writer.blob.pk), store=store)
            assert writer.offset == end
    blob = writer.finish()
    assert blob.sha256 == hashlib.sha256(content).hexdigest()
    assert b"".join(read_range(blob, store=store)) == content


@with_fixtures
@given(st.integers(0, 500), st.data())
def test_a_range_equals_the_slice(
    in_account: Account, store: FolderStore, size: int, data: st.DataObject
) -> None:
    content = content_of(size)
    blob = stored(in_account, store, content)
    for _ in range(5):
        start = data.draw(st.integers(0, size))
        end = data.draw(st.integers(start, size))
        pieces = list(read_range(blob, start, end, store=store))
        assert b"".join(pieces) == content[start:end]
        assert all(0 < len(piece) <= CHUNK for piece in pieces)


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, 101), (101, 101)])
def test_a_range_outside_is_refused(in_account: Account, store: FolderStore, start: int, end: int) -> None:
    blob = stored(in_account, store, content_of(100))
    with pytest.raises(ValueError, match="not within"):
        read_range(blob, start, end, store=store)


def test_a_range_opens_only_the_chunks_it_needs(in_account: Account, store: FolderStore) -> None:
    """All other chunks may be rubbish: they are not looked at."""
    blob = stored(in_account, store, content_of(10 * CHUNK))
    with open(file_of(store, blob), "r+b") as file:
        for index in (0, 1, 2, 4, 5, 6, 7, 8, 9):
            file.seek(sealed_offset(index, CHUNK))
            file.write(os.urandom(SEALED_CHUNK))
    assert (
        b"".join(read_range(blob, 3 * CHUNK + 5, 4 * CHUNK, store=store))
        == content_of(10 * CHUNK)[3 * CHUNK + 5 : 4 * CHUNK]
    )
    with pytest.raises(SealError):
        b"".join(read_range(blob, 3 * CHUNK, 4 * CHUNK + 1, store=store))


def test_nothing_is_in_clear_and_nobody_else_may_read_it(in_account: Account, store: FolderStore) -> None:
    content = b"PLAINTEXT-OF-A-WAFER" * 20
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        writer.append(content)
        writer.suspend()
    blob = stored(in_account, store, content)
    root = store._root
    found = files(store, root)
    assert {path.suffix for path in found} == {"", ".part", ".tail"}
    for path in found:
        assert b"WAFER" not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(root.stat().st_mode) == 0o700
    assert file_of(store, blob).relative_to(root).parts == (blob.pk.hex[-2:], blob.pk.hex[-4:-2], blob.pk.hex)


def test_every_flipped_bit_is_found(in_account: Account, store: FolderStore) -> None:
    blob = stored(in_account, store, content_of(CHUNK + 10))
    path = file_of(store, blob)
    sealed = path.read_bytes()
    for bit in range(0, len(sealed) * 8, 3):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(SealError):
            b"".join(read_range(blob, store=store))


def test_every_truncation_is_found(in_account: Account, store: FolderStore) -> None:
    blob = stored(in_account, store, content_of(3 * CHUNK))
    path = file_of(store, blob)
    sealed = path.read_bytes()
    for length in range(len(sealed)):
        path.write_bytes(sealed[:length])
        with pytest.raises(SealError):
            BlobReader.open(blob, store=store)


@pytest.mark.parametrize("chunks", [1, 2])
def test_a_truncation_is_found_though_the_row_agrees_with_it(
    in_account: Account, store: FolderStore, chunks: int
) -> None:
    """Who can write both file and row still cannot cut off the end: the last chunk says it is the last."""
    blob = stored(in_account, store, content_of(3 * CHUNK))
    path = file_of(store, blob)
    path.write_bytes(path.read_bytes()[: Layout(chunks * CHUNK, CHUNK).sealed_size])
    Blob.objects.update(size=chunks * CHUNK)
    blob.refresh_from_db()
    with pytest.raises(SealError):
        b"".join(read_range(blob, store=store))


def test_reordered_repeated_and_foreign_chunks_are_found(in_account: Account, store: FolderStore) -> None:
    blob, other = (stored(in_account, store, content_of(4 * CHUNK)) for _ in range(2))
    path = file_of(store, blob)
    sealed = path.read_bytes()
    head, chunks = sealed[:HEADER_BYTES], [sealed[sealed_offset(i, CHUNK) :][:SEALED_CHUNK] for i in range(4)]
    foreign = file_of(store, other).read_bytes()
    for order in ([1, 0, 2, 3], [0, 0, 2, 3], [0, 1, 3, 2], [3, 1, 2, 3]):
        path.write_bytes(head + b"".join(chunks[index] for index in order))
        with pytest.raises(SealError):
            b"".join(read_range(blob, store=store))
    for mixed in (foreign, head + foreign[HEADER_BYTES:], foreign[:HEADER_BYTES] + sealed[HEADER_BYTES:]):
        path.write_bytes(mixed)
        with pytest.raises(SealError):
            b"".join(read_range(blob, store=store))


def test_another_blobs_key_or_account_opens_nothing(
    account: Account, other_account: Account, store: FolderStore
) -> None:
    with scope(account.pk):
        blob, other = stored(account, store, content_of(100)), stored(account, store, content_of(100))
        Blob.objects.filter(pk=blob.pk).update(wrapped_key=other.wrapped_key)
        blob.refresh_from_db()
        with pytest.raises(SealError):
            read_range(blob, store=store)
    with scope(other_account.pk):
        assert not Blob.objects.exists()
        with pytest.raises(SealError):
            read_range(other, store=store)
    with pytest.raises(ScopeError):
        read_range(other, store=store)


def test_shredding_the_accounts_key_shreds_its_content(
    account: Account, system_role: None, store: FolderStore
) -> None:
    with scope(account.pk):
        blob = stored(account, store, content_of(100))
        AccountKey.objects.all().delete()
    with scope(account.pk):
        with pytest.raises(SealError):
            stored(account, store, b"more")
        raw = Blob.objects.get(pk=blob.pk)
        with pytest.raises(SealError):
            read_range(raw, store=store)


def test_reading_and_writing_outlive_the_scope(account: Account, store: FolderStore) -> None:
    content = content_of(1000)
    with scope(account.pk):
        writer = BlobWriter.open(account.pk, chunk_size=CHUNK, store=store)
    for start in range(0, 1000, 100):
        writer.append(content[start : start + 100])
    assert writer.complete() == hashlib.sha256(content).hexdigest()
    with scope(account.pk):
        blob = writer.finish()
        pieces = read_range(blob, 10, 990, store=store)
    assert b"".join(pieces) == content[10:990]


def test_a_limit_is_kept(in_account: Account, store: FolderStore) -> None:
    with BlobWriter.open(in_account.pk, limit=100, chunk_size=CHUNK, store=store) as writer:
        writer.append(bytes(60))
        with pytest.raises(TooLarge):
            writer.append(bytes(41))
        assert writer.append(bytes(40)) == 100
        assert writer.finish().size == 100


def test_an_append_elsewhere_is_refused_and_says_where(in_account: Account, store: FolderStore) -> None:
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        writer.append(bytes(100))
        for offset in (0, 99, 101):
            with pytest.raises(Conflict) as caught:
                writer.append(b"x", at=offset)
            assert caught.value.data == {"offset": 100}
        assert writer.append(b"x", at=100) == 101


def test_one_writer_at_a_time(in_account: Account, store: FolderStore) -> None:
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        writer.append(bytes(100))
        with pytest.raises(Conflict, match="another request"):
            BlobWriter.resume(writer.blob, store=store)
        writer.suspend()
        with BlobWriter.resume(writer.blob, store=store) as second:
            assert second.offset == 100


def test_stored_content_is_immutable(in_account: Account, store: FolderStore) -> None:
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        with pytest.raises(Conflict, match="still being uploaded"):
            read_range(writer.blob, store=store)
        writer.append(b"x")
        blob = writer.finish()
        with pytest.raises(Conflict):
            writer.append(b"y")
    with pytest.raises(Conflict):
        BlobWriter.resume(blob, store=store)
    for change in ({"sha256": ""}, {"state": "writing"}, {"sha256": "A" * 64}, {"size": -1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Blob.objects.update(**change)


def test_missing_content_is_said_so(in_account: Account, store: FolderStore) -> None:
    blob = stored(in_account, store, b"x")
    file_of(store, blob).unlink()
    with pytest.raises(Unavailable, match=str(blob.pk)):
        read_range(blob, store=store)


def test_a_discarded_upload_leaves_nothing(in_account: Account, store: FolderStore) -> None:
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        writer.append(content_of(1000))
        writer.suspend()
    with BlobWriter.resume(writer.blob, store=store) as writer:
        writer.discard()
    assert not files(store, store._root)


def test_an_abandoned_reader_closes_its_file(in_account: Account, store: FolderStore) -> None:
    blob = stored(in_account, store, content_of(1000))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        pieces = read_range(blob, store=store)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        read_range(blob, store=store)
    assert len(os.listdir("/proc/self/fd")) <= before + 1
