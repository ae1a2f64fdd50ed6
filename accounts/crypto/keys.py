"""The accounts' protection keys: made, and read from their rows inside the account's scope."""

import hmac
import os
import threading
import time
from collections import OrderedDict
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Max
from django.views.decorators.debug import sensitive_variables

from accounts.crypto import box
from accounts.crypto.errors import SealError
from accounts.crypto.root import account_key_context, root_key
from accounts.tenancy import current_scope, require_account
from accounts.tenancy.scope import Scope

ACTIVE = "active"
RETIRED = "retired"


class KeyCache:
    """Unwrapped account keys, for a short while: a key management service would be a network call away.

    An entry counts only for the very wrapped bytes it was made from. The row is read in each scope, so a
    destroyed key stops working in every process at once, and a key of a rolled back transaction is never
    mistaken for its successor.
    """

    def __init__(self, *, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._entries: OrderedDict[tuple[UUID, int], tuple[float, bytes, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<KeyCache of {len(self._entries)}>"

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, account_id: UUID, version: int, wrapped: bytes) -> bytes | None:
        """Return the key that `wrapped` holds, or None where it is not known or no longer fresh."""
        with self._lock:
            entry = self._entries.get((account_id, version))
            if entry is None:
                return None
            expires, known, key = entry
            if expires < time.monotonic():
                del self._entries[account_id, version]
                return None
            return key if hmac.compare_digest(known, wrapped) else None

    def put(self, account_id: UUID, version: int, wrapped: bytes, key: bytes) -> None:
        """Remember a key; forget the oldest ones beyond the bound."""
        with self._lock:
            self._entries[account_id, version] = (time.monotonic() + self._seconds, wrapped, key)
            self._entries.move_to_end((account_id, version))
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()


_known: ContextVar[tuple[Scope | None, dict[int, bytes]] | None] = ContextVar("account_keys", default=None)
cache = KeyCache(size=256, seconds=60)


@sensitive_variables("key")
def create_account_key(account_id: UUID) -> int:
    """Give an account a new random key and return its version; the one before is retired, and still opens.

    Call it inside the account's scope: with the account's opening, and for each rotation.
    """
    rows = _rows(account_id)
    version: int = (rows.aggregate(latest=Max("version"))["latest"] or 0) + 1
    key = os.urandom(box.KEY_BYTES)
    rows.filter(state=ACTIVE).update(state=RETIRED)
    _known.set(None)
    rows.create(
        version=version,
        wrapped=root_key().wrap(key, account_key_context(account_id, version)),
        state=ACTIVE,
    )
    return version


def active_key(account_id: UUID) -> tuple[int, bytes]:
    """Return version and bytes of the key that seals new values; raise `SealError` where there is none."""
    row = _rows(account_id).filter(state=ACTIVE).values_list("version", "wrapped").first()
    if row is None:
        raise SealError
    version, wrapped = row
    return version, _unwrapped(account_id, version, bytes(wrapped))


def key_of_version(account_id: UUID, version: int) -> bytes:
    """Return the bytes of one version of the account's key; raise `SealError` where there is none."""
    rows = _rows(account_id)
    known = _rows_of_scope()
    if version not in known:
        wrapped = rows.filter(version=version).values_list("wrapped", flat=True).first()
        if wrapped is None:
            raise SealError
        known[version] = bytes(wrapped)
    return _unwrapped(account_id, version, known[version])


def _rows_of_scope() -> dict[int, bytes]:
    """The wrapped keys read since this scope was opened: a hundred sealed values on a page read it once.

    Only for opening. What seals is always read afresh: after a savepoint is rolled back, its new key is
    lost.
    """
    opened = current_scope()
    known = _known.get()
    if known is None or known[0] is not opened:
        known = (opened, {})
        _known.set(known)
    return known[1]


@sensitive_variables("key")
def _unwrapped(account_id: UUID, version: int, wrapped: bytes) -> bytes:
    key = cache.get(account_id, version, wrapped)
    if key is None:
        key = root_key().unwrap(wrapped, account_key_context(account_id, version))
        cache.put(account_id, version, wrapped, key)
    return key


def _rows(account_id: UUID) -> Any:
    """The account's key rows. In another account's scope, the account is as good as unknown."""
    if require_account() != account_id:
        raise SealError
    # By name: the models of this app have sealed fields, and import this package.
    return apps.get_model("accounts", "AccountKey").objects.filter(account_id=account_id)
