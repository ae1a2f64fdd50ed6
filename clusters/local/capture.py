"""The bounded log of one workload: the beginning in full, and the end. Standard library only.

The file only ever grows, so that a reader at an offset sees every byte once. Past the bound the rest is not
written, but the last part of it is kept in memory and added when the workload has ended: a failure explains
itself in its last lines.
"""

import os
from collections import deque

TAIL_BYTES = 64 * 1024


class Capture:
    """Appends to `path` up to `limit` bytes; what the agent wrote there before counts too."""

    def __init__(self, path: str, limit: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._room = max(0, limit - os.fstat(self._file).st_size)
        self._limit = limit
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self.discarded = 0

    def write(self, data: bytes) -> None:
        """Keep `data`. A full disk loses output, never the workload."""
        kept, rest = data[: self._room], data[self._room :]
        if kept:
            self._append(kept)
            self._room -= len(kept)
            if self._room == 0:
                self._append(
                    f"\n[The log is longer than {self._limit} bytes: what follows is discarded.]\n".encode()
                )
        if rest:
            self.discarded += len(rest)
            self._tail.append(rest)
            self._tail_bytes += len(rest)
            while self._tail_bytes - len(self._tail[0]) >= TAIL_BYTES:
                self._tail_bytes -= len(self._tail.popleft())

    def say(self, sentence: str) -> None:
        """Add a line of the portal's own; it is short and written whatever the bound."""
        self._append(f"[{sentence}]\n".encode())

    def close(self) -> None:
        """Add the end of what was discarded, and close."""
        if self.discarded:
            end = b"".join(self._tail)[-TAIL_BYTES:]
            self._append(
                f"[{self.discarded - len(end)} bytes discarded; the end of the log:]\n".encode() + end + b"\n"
            )
        os.close(self._file)

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._file, view) :]
            except OSError:  # ENOSPC, EIO, EFBIG: counted as discarded
                self.discarded += len(view)
                return
