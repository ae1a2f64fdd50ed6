"""Giving an account a new protection key, and bringing its data keys under it: 32 bytes a value, never the content."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from accounts import audit
from accounts.crypto import Place, SealError
from accounts.crypto.columns import SealedColumn, sealed_columns
from accounts.crypto.keys import active_key, create_key, key_of_version
from accounts.crypto.sealing import ProtectionKey, key_version, wrapped_length
from accounts.models import KeyState
from accounts.rotation.rows import inside, key_rows

BATCH = 200
# No wrapped key of any scheme is longer.
HEAD_BYTES = 128


@dataclass(slots=True)
class Rewrapped:
    """What one pass over an account did; `finished` is false where its time was up before."""

    rewrapped: int = 0
    unopened: int = 0
    finished: bool = True


def rotate_key(account_id: UUID | None, *, since: datetime, reason: str = "") -> int:
    """Give the account a new key unless its active one is younger than `since`; return the active version.

    Calling it again with the same `since` changes nothing. Raises `SealError` where there is no key to rotate.
    """
    with inside(account_id):
        # Locked, so that two runs at once make one key; not against those who seal (FOR KEY SHARE).
        rows = key_rows(account_id).select_for_update(no_key=True).filter(state=KeyState.ACTIVE)
        active = rows.only("version", "created_at").first()
        if active is None:
            raise SealError
        version: int = active.version
        if active.created_at >= since:
            return version
        version = create_key(account_id)
        made = key_rows(account_id).get(version=version)
        audit.record("key.rotate", made, detail={"version": version, "reason": reason})
        return version


def rewrap_account(account_id: UUID | None, *, deadline: float = float("inf")) -> Rewrapped:
    """Wrap every data key of an account (None: of the platform) under its active key, batch by batch.

    Each batch is a transaction, and each row a compare-and-set: a value that a writer replaces meanwhile is the
    writer's. What does not open stays as it is and is counted. `deadline` is of `time.monotonic`.
    """
    result = Rewrapped()
    for column in sealed_columns(platform=account_id is None):
        last: Any = None
        while True:
            if time.monotonic() > deadline:
                result.finished = False
                return result
            with inside(account_id):
                version, key = active_key(account_id)
                rows = list(_stale(column, account_id, version, last))
                for row in rows:
                    _rewrap(column, account_id, row, ProtectionKey(version, key), result)
            if len(rows) < BATCH:
                break
            last = rows[-1][0]
    return result


def _stale(
    column: SealedColumn, account_id: UUID | None, version: int, last: Any
) -> Iterator[tuple[Any, bytes, int]]:
    """The next rows whose data key is under another version: primary key, head of the bytes, version of the value."""
    name = connection.ops.quote_name
    key, sealed = name(column.key_column), name(column.column)
    counted = name(column.version_column) if column.version_column else "0"
    conditions, parameters = [f"substring({sealed} from 2 for 4) <> %s"], [version.to_bytes(4, "big")]
    where: list[Any] = [*parameters]
    if account_id is not None:
        conditions.append("account_id = %s")
        where.append(account_id)
    if last is not None:
        conditions.append(f"{key} > %s")
        where.append(last)
    query = (
        f"SELECT {key}, substring({sealed} for {HEAD_BYTES}), {counted} FROM {name(column.table)} "  # noqa: S608
        f"WHERE {' AND '.join(conditions)} ORDER BY {key} LIMIT {BATCH}"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, where)
        for pk, head, value_version in cursor.fetchall():
            yield pk, bytes(head), value_version


def _rewrap(
    column: SealedColumn,
    account_id: UUID | None,
    row: tuple[Any, bytes, int],
    new: ProtectionKey,
    result: Rewrapped,
) -> None:
    pk, head, value_version = row
    place = Place(account_id, column.model, pk, column.field, value_version)
    try:
        wrapped = head[: wrapped_length(head)]
        old_version = key_version(wrapped)
        old = ProtectionKey(old_version, key_of_version(account_id, old_version))
        replacement = new.wrap(old.unwrap(wrapped, place, column.purpose), place, column.purpose)
    except SealError:
        result.unopened += 1
        return
    name = connection.ops.quote_name
    sealed = name(column.column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {name(column.table)} SET {sealed} = %s || substring({sealed} from %s) "  # noqa: S608
            f"WHERE {name(column.key_column)} = %s AND substring({sealed} for %s) = %s",
            [replacement, len(wrapped) + 1, pk, len(wrapped), wrapped],
        )
        result.rewrapped += cursor.rowcount
