"""Uploads through kill -9, torn writes and a full disk: what was acknowledged is there."""

import hashlib
import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from accounts.crypto import CHUNK_OVERHEAD_BYTES, SealError, open_data_key
from accounts.errors import Unavailable
from accounts.models import Account
from registry.blobs import BlobWriter, FolderStore, read_range
from registry.blobs.layout import sealed_offset
from registry.models import Blob
from tests.blobs.conftest import CHUNK

TOTAL = 200_000
CONTENT = random.Random(1).randbytes(TOTAL)
CHUNK_OF_CRASHES = 4096


def _upload_until_killed(writer: BlobWriter, store: FolderStore, report: int, seed: int) -> None:
    """Runs in a child: append, now and then suspend, report the offset, resume; at the end complete."""
    chance = random.Random(seed)
    key, blob = writer._key, writer.blob
    while writer.offset < TOTAL:
        start = writer.offset
        writer.append(CONTENT[start : start + chance.randrange(1, 9000)])
        if chance.random() < 0.2:
            offset = writer.suspend()
            os.write(report, offset.to_bytes(8, "big"))
            writer = BlobWriter(blob, store.upload(blob.pk), key, None)
    writer.complete()


def _acknowledged(report: int) -> int:
    data = b""
    while piece := os.read(report, 65536):
        data += piece
    whole = len(data) // 8 * 8
    return int.from_bytes(data[whole - 8 : whole], "big") if whole else 0


@pytest.mark.parametrize("seed", range(60))
def test_kill_9_loses_nothing_that_was_acknowledged(
    in_account: Account, store: FolderStore, seed: int
) -> None:
    writer = BlobWriter.open(in_account.pk, chunk_size=CHUNK_OF_CRASHES, store=store)
    reading, report = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _upload_until_killed(writer, store, report, seed)
        finally:
            os._exit(0)
    os.close(report)
    writer._upload.close()
    time.sleep(random.Random(seed).uniform(0, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    acknowledged = _acknowledged(reading)
    os.close(reading)

    with BlobWriter.resume(Blob.objects.get(pk=writer.blob.pk), store=store) as resumed:
        assert acknowledged <= resumed.offset <= TOTAL
        if resumed.offset < TOTAL:
            resumed.append(CONTENT[resumed.offset :], at=resumed.offset)
        blob = resumed.finish()
    assert blob.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert b"".join(read_range(blob, store=store)) == CONTENT
    assert [path.suffix for path in store._root.rglob("*") if path.is_file()] == [""]


@pytest.mark.parametrize("torn", range(0, 2 * (CHUNK + CHUNK_OVERHEAD_BYTES), 7))
def test_a_torn_last_write_is_dropped(in_account: Account, store: FolderStore, torn: int) -> None:
    """Cut the part anywhere: the upload goes on from a chunk's beginning, or where the tail ends."""
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        writer.append(CONTENT[: 5 * CHUNK + 10])
    part = store._path(writer.blob.pk).with_suffix(".part")
    os.truncate(part, part.stat().st_size - torn)
    with BlobWriter.resume(writer.blob, store=store) as writer:
        assert writer.offset == (5 * CHUNK + 10 if torn == 0 else (5 - -(-torn // (CHUNK + 28))) * CHUNK)
        writer.append(CONTENT[writer.offset : 1000])
        blob = writer.finish()
    assert b"".join(read_range(blob, store=store)) == CONTENT[:1000]


def test_chunks_that_never_reached_the_disk_are_dropped(in_account: Account, store: FolderStore) -> None:
    """After a power cut a file system may show the new length over old or empty blocks."""
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        writer.append(CONTENT[: 5 * CHUNK])
    with open(store._path(writer.blob.pk).with_suffix(".part"), "r+b") as part:
        part.seek(sealed_offset(2, CHUNK))
        part.write(bytes(10 * CHUNK))
    with BlobWriter.resume(writer.blob, store=store) as writer:
        assert writer.offset == 2 * CHUNK
        writer.append(CONTENT[2 * CHUNK : 1000])
        assert b"".join(read_range(writer.finish(), store=store)) == CONTENT[:1000]


def test_damage_in_the_middle_stops_the_upload_before_it_is_stored(
    in_account: Account, store: FolderStore
) -> None:
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        writer.append(CONTENT[: 5 * CHUNK])
    with open(store._path(writer.blob.pk).with_suffix(".part"), "r+b") as part:
        part.seek(sealed_offset(1, CHUNK))
        part.write(bytes(CHUNK))
    for _attempt in range(2):
        with BlobWriter.resume(writer.blob, store=store) as writer, pytest.raises(SealError):
            writer.finish()
    assert Blob.objects.get(pk=writer.blob.pk).state == Blob.State.WRITING
    assert not store._path(writer.blob.pk).exists()


def test_a_crash_between_the_file_and_its_row_is_finished_later(
    in_account: Account, store: FolderStore
) -> None:
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        writer.append(CONTENT[:1000])
        writer.complete()
    with BlobWriter.resume(Blob.objects.get(pk=writer.blob.pk), store=store) as again:
        assert again.offset == 1000
        blob = again.finish()
    assert (blob.size, blob.sha256) == (1000, hashlib.sha256(CONTENT[:1000]).hexdigest())


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow beyond `size`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_so_and_the_upload_goes_on_once_there_is_room(
    in_account: Account, store: FolderStore
) -> None:
    writer = BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store)
    with files_of_at_most(5000), pytest.raises(Unavailable, match="full"):
        writer.append(CONTENT[:10_000])
    assert 3000 < writer.offset < 5000
    writer.suspend()
    with BlobWriter.resume(writer.blob, store=store) as writer:
        writer.append(CONTENT[writer.offset : 10_000])
        blob = writer.finish()
    assert b"".join(read_range(blob, store=store)) == CONTENT[:10_000]


def test_a_full_disk_in_one_sitting_keeps_the_hash_right(in_account: Account, store: FolderStore) -> None:
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        with files_of_at_most(5000), pytest.raises(Unavailable):
            writer.append(CONTENT[:10_000])
        writer.append(CONTENT[writer.offset : 10_000])
        with files_of_at_most(5000), pytest.raises(Unavailable):
            writer.complete()
        assert writer.finish().sha256 == hashlib.sha256(CONTENT[:10_000]).hexdigest()


def test_the_same_bytes_again_are_sealed_under_another_nonce(in_account: Account, store: FolderStore) -> None:
    """A resumed upload seals an index twice: the two must not share a nonce."""
    with BlobWriter.open(in_account.pk, chunk_size=CHUNK, store=store) as writer:
        writer.append(CONTENT[:1])
        key = open_data_key(writer.blob.wrapped_key, writer.blob.place)
    nonces = {key.seal_chunk(0, b"x", last=False)[:12] for _ in range(1000)}
    assert len(nonces) == 1000
