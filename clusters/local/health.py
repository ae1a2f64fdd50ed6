"""Asking services whether they are well: GET on their Unix sockets, in threads, so that a slow one holds
up nobody.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

import httpx

from accounts.errors import PortalError
from clusters.local.sockets import invoke_socket
from clusters.models import Workload

TIMEOUT = 5.0
UNREADY_SECONDS = 0.5
READY_SECONDS = 5.0
STRIKES = 12
"""So many silent answers in a row, a minute's worth, and a service that was well counts as hung."""


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
    """Whether the service answers GET `path` with anything below 500."""
    try:
        with (
            invoke_socket(workload) as socket,
            httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=TIMEOUT) as client,
        ):
            return client.get(f"http://service{path}").status_code < 500
    except (httpx.HTTPError, PortalError):
        return False
