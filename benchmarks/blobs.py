"""How fast, in how much memory, content streams through the blob store; beside a plain copy with SHA-256.

    .venv/bin/python -m benchmarks.blobs [--size BYTES] [--folder FOLDER]

Every figure is of one run on one machine, best of --rounds; the peer (write the same pieces to a plain
file, hash them, sync) runs in turn with the store. No database: a blob's row costs one INSERT and one
UPDATE more. Prints JSON; rates in MB/s (10^6), memory as growth of the peak resident set in MB, times in
seconds.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("PORTAL_HOME", tempfile.mkdtemp(prefix="portal-bench-"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django

django.setup()

from accounts.crypto import DataKey  # noqa: E402
from accounts.ids import uuid7  # noqa: E402
from registry.blobs import BlobReader, BlobWriter, FolderStore  # noqa: E402
from registry.blobs.layout import CHUNK_SIZE, Layout  # noqa: E402
from registry.models import Blob  # noqa: E402

PIECE = 1 << 16  # what an ASGI server hands over at once
_SOURCE = os.urandom(64 << 20)


def pieces(size: int) -> Iterator[memoryview]:
    """Yield `size` bytes that do not compress, from memory."""
    source = memoryview(_SOURCE)
    while size > 0:
        for start in range(0, min(size, len(source)), PIECE):
            piece = source[start : start + min(PIECE, size)]
            size -= len(piece)
            yield piece


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what `work` returns, how long it took, and how far its peak resident set rose."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from now
    before = _status("VmRSS")
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started, (_status("VmHWM") - before) / 1e6


def _status(field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert match is not None
    return int(match[1]) * 1024


class Subject:
    """One blob, without its row."""

    def __init__(self, folder: Path) -> None:
        self.store = FolderStore(folder)
        self.blob = Blob(account_id=uuid7(), chunk_size=CHUNK_SIZE)
        self.key = DataKey(os.urandom(32), self.blob.place)
        self.size = 0

    def writer(self) -> BlobWriter:
        return BlobWriter(self.blob, self.store.upload(self.blob.pk), self.key, None)

    def write(self, size: int) -> str:
        writer = self.writer()
        for piece in pieces(size):
            writer.append(piece)
        self.size = size
        return writer.complete()

    def write_in_sittings(self, size: int, sittings: int) -> None:
        source = pieces(size)
        for sitting in range(sittings):
            with self.writer() as writer:
                while writer.offset < size * (sitting + 1) // sittings:
                    writer.append(next(source))

    def reader(self) -> BlobReader:
        return BlobReader(self.store.open(self.blob.pk), self.key, Layout(self.size, CHUNK_SIZE))

    def read(self) -> str:
        digest = hashlib.sha256()
        with self.reader() as reader:
            for piece in reader.range(0, self.size):
                digest.update(piece)
        return digest.hexdigest()

    def ranges(self, count: int, length: int) -> float:
        """Return the median seconds of opening and reading one range at a random place."""
        chance, times = random.Random(1), []
        for _ in range(count):
            start = chance.randrange(self.size - length)
            started = time.perf_counter()
            with self.reader() as reader:
                assert sum(len(piece) for piece in reader.range(start, start + length)) == length
            times.append(time.perf_counter() - started)
        return sorted(times)[count // 2]


def plain_write(path: Path, size: int) -> str:
    """The peer: the same pieces into a plain file, hashed and synced."""
    digest = hashlib.sha256()
    with open(path, "wb", buffering=CHUNK_SIZE) as file:
        for piece in pieces(size):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def plain_read(path: Path) -> str:
    """The peer: read a plain file and hash it."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(CHUNK_SIZE):
            digest.update(piece)
    return digest.hexdigest()


def run(size: int, folder: Path, *, plain_first: bool) -> dict[str, float]:
    """Measure everything once."""
    figures: dict[str, float] = {}

    def note(name: str, work: Callable[[], Any]) -> Any:
        result, seconds, grown = measured(work)
        figures[f"{name}_mb_per_s"] = size / 1e6 / seconds
        figures[f"{name}_memory_mb"] = grown
        return result

    plain = folder / "plain"
    subject = Subject(folder / "blobs")
    digests = set()
    # In turns: whoever writes second finds the disk busy with the first one's pages.
    for name in ("plain_write", "blob_write") if plain_first else ("blob_write", "plain_write"):
        os.sync()
        work = (lambda: plain_write(plain, size)) if name == "plain_write" else (lambda: subject.write(size))
        digests.add(note(name, work))
    (expected,) = digests
    assert note("plain_read", lambda: plain_read(plain)) == expected
    assert note("blob_read", subject.read) == expected
    figures["range_64kib_median_s"] = subject.ranges(500, 1 << 16)
    plain.unlink()
    subject.store.delete(subject.blob.pk)
    os.sync()
    resumed = Subject(folder / "blobs")
    note("resumed_write", lambda: resumed.write_in_sittings(size, 32))
    writer = resumed.writer()
    assert note("resumed_complete", writer.complete) == expected
    resumed.store.delete(resumed.blob.pk)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=int, default=2_000_000_000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--folder", type=Path, default=None)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="blobs-bench-", dir=arguments.folder))
    try:
        rounds = [
            run(arguments.size, folder, plain_first=number % 2 == 0) for number in range(arguments.rounds)
        ]
    finally:
        shutil.rmtree(folder)
    best = {
        name: round((max if name.endswith("per_s") else min)(figures[name] for figures in rounds), 6)
        for name in rounds[0]
    }
    # Memory is a promise: the worst round counts.
    best |= {
        name: round(max(figures[name] for figures in rounds), 1)
        for name in best
        if name.endswith("memory_mb")
    }
    print(json.dumps({"size": arguments.size, "rounds": arguments.rounds, **best}, indent=2))


if __name__ == "__main__":
    main()
