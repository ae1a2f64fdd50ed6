"""One agent per machine and per database, and its ear for the portal's notifications."""

import fcntl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import structlog
from django.db import connection

from clusters.actions.workloads import CHANNEL

log = structlog.get_logger(__name__)
_LOCK = "SELECT pg_try_advisory_lock(hashtext('clusters.agent'))"
RETRY_SECONDS = 1.0


class AlreadyRunning(Exception):
    """Another agent has this machine's folder."""


def lock_folder(root: Path) -> Any:
    """Take the folder for this process's life; raises `AlreadyRunning`."""
    file = open(root / "agent.lock", "w", encoding="ascii")  # noqa: SIM115 - held until the process ends
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise AlreadyRunning(f"Another agent works in {root}; there is one per portal.") from None
    return file


class Listener(threading.Thread):
    """Holds the lock that makes this agent the database's only one; calls `wake` at each notification.

    `leading` is set while the lock is held. It comes and goes with the database; this thread tries again for
    ever.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__(name="listener", daemon=True)
        self._wake = wake
        self._stop_requested = threading.Event()
        self.leading = threading.Event()
        # Worked out here: Django's connection belongs to the thread that asks for it.
        self._parameters = connection.get_connection_params()
        for name in ("pool", "cursor_factory", "context", "server_side_binding"):
            self._parameters.pop(name, None)

    def run(self) -> None:
        told = False
        while not self._stop_requested.is_set():
            try:
                with psycopg.connect(**self._parameters, autocommit=True) as session:
                    if self._lead(session):
                        told = False
                        self._listen(session)
                    elif not told:
                        log.warning("agent.waiting", reason="another agent serves this database")
                        told = True
            except psycopg.Error as error:
                log.warning("agent.database_gone", error=type(error).__name__)
            finally:
                self.leading.clear()
            self._stop_requested.wait(RETRY_SECONDS)

    def _lead(self, session: "psycopg.Connection[Any]") -> bool:
        row = session.execute(_LOCK).fetchone()
        return bool(row and row[0])

    def _listen(self, session: "psycopg.Connection[Any]") -> None:
        session.execute(f"LISTEN {CHANNEL}")
        self.leading.set()
        self._wake()
        while not self._stop_requested.is_set():
            for _notification in session.notifies(timeout=1.0, stop_after=1):
                self._wake()
            session.execute("SELECT 1")  # a dead connection shows itself within the second

    def stop(self) -> None:
        self._stop_requested.set()
