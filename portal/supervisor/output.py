"""What children print: kept in bounded files, and shown when it is trouble."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from portal.engines.processes import Program

LIMIT = 5 * 1024 * 1024  # bytes a log file may have before it is set aside
KEPT = 3
_LONGEST_LINE = 64 * 1024
_SHOWN = 300  # characters of a line that a terminal gets; the file has all of it


def in_short(line: str) -> str:
    """A log line as a person wants it in a terminal: the event, and the last line of its traceback."""
    try:
        event = json.loads(line)
        text = str(event["event"]).strip()
    except (ValueError, TypeError, KeyError):
        return line[:_SHOWN]
    if exception := str(event.get("exception", "")).strip():
        text = f"{text}: {exception.splitlines()[-1]}"
    return text[:_SHOWN]


class Output:
    """Reads one child's output from a pipe into a rotating file, and passes loud lines on."""

    def __init__(self, program: Program, folder: Path, show: Callable[[str, str], None]) -> None:
        self.path = folder / f"{program.name}.log"
        self._program = program
        self._show = show
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115  # open as long as the program is ours
        self._partial = b""
        self.last_line = ""

    def read(self, descriptor: int) -> bool:
        """Take what there is; False at the end of the pipe."""
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return True
        if not data:
            return False
        self._write(data)
        *lines, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > _LONGEST_LINE:
            self._partial = b""
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            if text:
                self.last_line = text
            if self._program.loud.search(text):
                self._show(self._program.name, in_short(text))
        return True

    def note(self, text: str) -> None:
        """Write a line of our own between the child's."""
        self._write(f"--- {text}\n".encode())

    def _write(self, data: bytes) -> None:
        # On a full disk the log has a hole; the portal must not stop for that.
        with contextlib.suppress(OSError):
            self._rotate_and_write(data)

    def _rotate_and_write(self, data: bytes) -> None:
        if self._file.tell() + len(data) > LIMIT:
            self._file.close()
            for number in range(KEPT - 1, 0, -1):
                older = self.path.with_suffix(f".log.{number}")
                if older.exists():
                    older.replace(self.path.with_suffix(f".log.{number + 1}"))
            self.path.replace(self.path.with_suffix(".log.1"))
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115
        self._file.write(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
