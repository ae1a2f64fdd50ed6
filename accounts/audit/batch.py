"""Reads on record without a transaction each: group commit. A read is answered once its record is committed.

Requests hand their row to the process's one writer and wait. The writer takes everything that has gathered since its
last commit and inserts it at once, on a connection of its own (waiting for one of the pool's, while holding one, could
wait for ever). Under load many reads share a commit; a lone read waits for just its own. Where the log takes no row,
or takes too long, or more rows wait than may, every waiting read is refused: nothing is answered on credit.
"""

import json
import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import structlog
from django.db import connections
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit.record import Target, current_context
from accounts.errors import Unavailable
from accounts.ids import uuid7

log = structlog.get_logger(__name__)

LIMIT = 5_000
PATIENCE_SECONDS = 6.0
# A refresh of what is on somebody's screen is the same reading for so long.
REFRESH_SECONDS = 60.0
_REMEMBERED = 20_000
# The writer gives up before those who wait do.
_SETTINGS = (
    "SET lock_timeout = '2s'; SET statement_timeout = '4s'; SET idle_in_transaction_session_timeout = '10s'"
)
_COLUMNS = (
    ("id", "uuid"), ("at", "timestamptz"), ("account_id", "uuid"), ("actor_kind", "text"), ("actor_id", "text"),
    ("actor_label", "text"), ("on_behalf_of", "text"), ("action", "text"), ("target_type", "text"),
    ("target_id", "text"), ("target_label", "text"), ("outcome", "text"), ("via", "text"), ("ip", "text"),
    ("user_agent", "text"), ("request_id", "text"), ("detail", "jsonb"),
)  # fmt: skip
# One statement sets the tenant's scope and inserts: row level security takes each tenant's rows in that tenant's scope
# alone, and looks at a row once both are there. All rows are one parameter: adapting seventeen arrays costs more than
# all the rest. An insert that is repeated after a lost connection finds its own rows, should the first one have been
# committed.
_INSERT = (
    f"INSERT INTO accounts_auditevent ({', '.join(name for name, _type in _COLUMNS)})"  # noqa: S608
    " SELECT rows.* FROM (SELECT set_config('portal.account', %s, true)) AS scope,"
    f" jsonb_to_recordset(%s::jsonb) AS rows({', '.join(f'{name} {kind}' for name, kind in _COLUMNS)})"
    " ON CONFLICT DO NOTHING"
)
Row = dict[str, Any]


class Waiting(NamedTuple):
    """A row, and what tells the request that it is committed."""

    row: Row
    done: "Future[None]"


def _unavailable() -> Unavailable:
    return Unavailable(
        "audit.unavailable",
        _(
            "This cannot be put on record now, so it is not shown. Try again; if it stays so, tell your admin."
        ),
        retry_after=3,
    )


class Writer:
    """One per process: a bounded buffer, a thread that empties it, a database connection."""

    def __init__(self, limit: int = LIMIT, patience: float = PATIENCE_SECONDS) -> None:
        self._limit = limit
        self._patience = patience
        self._ready = threading.Condition()
        self._buffer: list[Waiting] = []
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._connection: psycopg.Connection[Any] | None = None
        self._of: tuple[Any, ...] = ()

    def write(self, row: Row) -> None:
        """Return once the row is committed; raise `Unavailable` where it is not."""
        done: Future[None] = Future()
        with self._ready:
            if len(self._buffer) >= self._limit:
                raise _unavailable()
            self._start()
            self._buffer.append(Waiting(row, done))
            self._ready.notify()
        try:
            done.result(timeout=self._patience)
        except (psycopg.Error, OSError, TooLate) as error:
            raise _unavailable() from error

    def _start(self) -> None:
        """Start the thread, also in a process that was forked from one that had it."""
        if self._pid != os.getpid() or self._thread is None or not self._thread.is_alive():
            if self._pid != os.getpid():
                self._connection, self._buffer = None, []
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._ready:
                while not self._buffer:
                    self._ready.wait()
                taken, self._buffer = self._buffer, []
            try:
                self._commit([one.row for one in taken])
            except Exception as error:
                log.warning("audit_reads_refused", count=len(taken), error=type(error).__name__)
                self._drop()
                recent.clear()
                failure = error if isinstance(error, psycopg.Error) else OSError(type(error).__name__)
                for one in taken:
                    one.done.set_exception(failure)
            else:
                for one in taken:
                    one.done.set_result(None)

    def _commit(self, rows: list[Row]) -> None:
        """Insert and commit; a connection that broke since it was last used is replaced once."""
        fresh = self._connect()
        try:
            self._insert(rows)
        except psycopg.OperationalError:
            if fresh or (self._connection is not None and not self._connection.broken):
                raise
            self._drop()
            self._connect()
            self._insert(rows)

    def _insert(self, rows: list[Row]) -> None:
        accounts: dict[UUID, list[Row]] = {}
        for row in rows:
            accounts.setdefault(row["account_id"], []).append(row)
        statements = [(str(account_id), json.dumps(own, default=str)) for account_id, own in accounts.items()]
        assert self._connection is not None
        if len(statements) == 1:  # a transaction of its own, in one round trip
            self._connection.execute(_INSERT, statements[0])
            return
        with self._connection.transaction(), self._connection.pipeline():
            for values in statements:
                self._connection.execute(_INSERT, values)

    def _connect(self) -> bool:
        """Have a connection to where Django's settings point now; return whether it is a new one."""
        django = connections["default"]
        entry = django.settings_dict
        target = (entry["NAME"], entry["USER"], entry["HOST"], entry["PORT"], entry["OPTIONS"].get("options"))
        if self._connection is not None and not self._connection.closed and target == self._of:
            return False
        self._drop()
        parameters = django.get_connection_params()
        parameters.pop("cursor_factory", None)
        parameters |= {"connect_timeout": 3, "application_name": "portal-audit", "prepare_threshold": 2}
        self._connection = psycopg.connect(**parameters, autocommit=True)
        self._connection.execute(_SETTINGS)
        self._of = target
        return True

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Recent:
    """Readings of the last minute, by key: only for refreshes of what is on the screen; bounded."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: tuple[str, ...]) -> bool:
        with self._lock:
            return time.monotonic() - self._seen.get(key, -REFRESH_SECONDS) < REFRESH_SECONDS

    def add(self, key: tuple[str, ...]) -> None:
        """Remember a reading, once its record is committed."""
        with self._lock:
            self._seen[key] = time.monotonic()
            self._seen.move_to_end(key)
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)

    def clear(self) -> None:
        """Forget all: the log takes no rows, and nothing may be shown on the strength of an earlier one."""
        with self._lock:
            self._seen.clear()


writer = Writer()
recent = Recent()


def record_read(
    action: str,
    account_id: UUID,
    target: Target,
    *,
    path: str,
    refresh: bool = False,
    detail: dict[str, Any] | None = None,
) -> None:
    """Put a reading of a tenant's data on record, committed, outside the caller's transaction.

    Call it after the reading's own transaction has ended, and answer only once it returns. A `refresh` of the same
    address by the same actor counts once a minute. `detail` takes the place of the path. Raises `Unavailable` where
    the log takes no row, `LookupError` where nobody said who acts.
    """
    context = current_context()
    if context is None:
        raise LookupError(f"Nobody is acting: open accounts.audit.acting_as() around {action!r}.")
    actor = context.actor
    key = (str(account_id), actor.kind, actor.id, action, path)
    if refresh and key in recent:
        return
    # A NUL may come percent-encoded in an address; PostgreSQL takes it in no text.
    shown = path.replace("\x00", "\ufffd")[:500]
    writer.write(
        {
            "id": uuid7(),
            "at": timezone.now(),
            "account_id": account_id,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_label": actor.label[:160],
            "on_behalf_of": actor.on_behalf_of[:160],
            "action": action,
            "target_type": target.type,
            "target_id": target.id[:255],
            "target_label": target.label[:255],
            "outcome": "ok",
            "via": context.via,
            "ip": context.ip[:45],
            "user_agent": context.user_agent[:255].replace("\x00", ""),
            "request_id": context.request_id[:64],
            "detail": actor.told(detail or {"path": shown}),
        }
    )
    context.recorded += 1
    if refresh:
        recent.add(key)
