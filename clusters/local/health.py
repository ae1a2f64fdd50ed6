"""Asking services whether they are well: GET on their Unix sockets, in threads, so that a slow one holds
up nobody.
"""

import re
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from accounts.errors import PortalError
from clusters.local.sockets import invoke_socket
from clusters.models import Workload

TIMEOUT = 5.0
UNREADY_SECONDS = 0.5
READY_SECONDS = 5.0
STRIKES = 12
"""So many silent answers in a row, a minute's worth, and a service that was well counts as hung."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)\b")
_STATUS_LINE = 1024  # bytes


@dataclass
class _Patient:
    asked_at: float = 0.0
    answer: "Future[bool] | None" = None
    well: bool = False
    strikes: int = 0


@dataclass
class Health:
    """What services last answered."""

    _patients: dict[UUID, _Patient] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(4, thread_name_prefix="health")
    )

    def check(self, workload: Workload, path: str) -> tuple[bool, int]:
        """Return (well, silent answers in a row) as last known, and ask again when it is time. Never
        waits.
        """
        patient = self._patients.setdefault(workload.pk, _Patient())
        if patient.answer is not None and patient.answer.done():
            patient.well = patient.answer.result()
            patient.strikes = 0 if patient.well else patient.strikes + 1
            patient.answer = None
        pause = READY_SECONDS if patient.well else UNREADY_SECONDS if not workload.ready else READY_SECONDS
        if patient.answer is None and time.monotonic() - patient.asked_at > pause:
            patient.asked_at = time.monotonic()
            patient.answer = self._pool.submit(ask, workload, path)
        return patient.well, patient.strikes

    def forget(self, workload_id: UUID) -> None:
        self._patients.pop(workload_id, None)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def ask(workload: Workload, path: str) -> bool:
    """Whether the service answers GET `path` with anything below 500, within `TIMEOUT` seconds in all.

    Reads the status line and no more: an answer without end must neither fill this process nor hold its thread.
    """
    until = time.monotonic() + TIMEOUT
    head = b""
    try:
        with invoke_socket(workload) as address, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(address))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n".encode())
            while b"\n" not in head and len(head) < _STATUS_LINE:
                connection.settimeout(max(0.001, until - time.monotonic()))
                piece = connection.recv(_STATUS_LINE)
                if not piece:
                    return False
                head += piece
    except (OSError, PortalError):
        return False
    found = _STATUS.match(head)
    return found is not None and int(found[1]) < 500
