"""The protection keys: made, and read from their rows.

An account's key is reached inside the account's scope only. The platform's key (account None) seals what belongs to
no tenant, such as a person's second factor; every role of the portal reaches it, inside a scope or outside.
"""

import hmac
import os
import threading
import time
from collections import OrderedDict
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.crypto import box
from accounts.crypto.errors import SealError
from accounts.crypto.root import account_key_context, platform_key_context, root_keys
from accounts.tenancy import current_scope, require_account
from accounts.tenancy.scope import Scope

ACTIVE = "active"
RETIRED = "retired"
DESTROYED = "destroyed"


class KeyCache:
    """Unwrapped protection keys, for a short while: a key management service would be a network call away.

    An entry counts only for the very wrapped bytes it was made from. The row is read in each scope, so a
    destroyed key stops working in every process at once, and a key of a rolled back transaction is never
    mistaken for its successor.
    """

    def __init__(self, *, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._entries: OrderedDict[tuple[UUID | None, int], tuple[float, bytes, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<KeyCache of {len(self._entries)}>"

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, account_id: UUID | None, version: int, wrapped: bytes) -> bytes | None:
        """Return the key that `wrapped` holds, or None where it is not known or no longer fresh."""
        with self._lock:
            self._forget_stale()
            entry = self._entries.get((account_id, version))
            if entry is None:
                return None
            _expires, known, key = entry
            return key if hmac.compare_digest(known, wrapped) else None

    def put(self, account_id: UUID | None, version: int, wrapped: bytes, key: bytes) -> None:
        """Remember a key; forget the oldest ones beyond the bound."""
        with self._lock:
            self._entries[account_id, version] = (time.monotonic() + self._seconds, wrapped, key)
            self._entries.move_to_end((account_id, version))
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def _forget_stale(self) -> None:
        """Drop what is older than its time; the oldest come first."""
        now = time.monotonic()
        while self._entries:
            oldest = next(iter(self._entries))
            if self._entries[oldest][0] >= now:
                return
            del self._entries[oldest]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()


@dataclass(slots=True)
class _ScopeKeys:
    """The key rows that were read since a scope was opened: a hundred sealed values on a page read them once.

    `active` is the key that seals, with the savepoints that were open when its row was locked: rolling one of them
    back lets go of the lock, and the row is read and locked again. Once a key was made in the scope, the active one is
    read each time: after a rollback its new key is lost.
    """

    scope: Scope | None
    rows: dict[int, bytes] = field(default_factory=dict)
    active: tuple[list[Any], int, bytes] | None = None
    renewed: bool = False


_known: ContextVar[_ScopeKeys | None] = ContextVar("protection_keys", default=None)
cache = KeyCache(size=256, seconds=60)


def create_account_key(account_id: UUID) -> int:
    """Give an account a new random key and return its version; the one before is retired, and still opens.

    Call it inside the account's scope: with the account's opening, and for each rotation.
    """
    return create_key(account_id)


@sensitive_variables("key")
def create_key(account_id: UUID | None) -> int:
    """Like `create_account_key`; without an account, for the platform."""
    rows = _rows(account_id)
    version: int = (rows.aggregate(latest=Max("version"))["latest"] or 0) + 1
    key = os.urandom(box.KEY_BYTES)
    if version > 1:  # the web's role makes the first version, and may change no row of keys
        rows.filter(state=ACTIVE).update(state=RETIRED, retired_at=timezone.now())
    if account_id is not None:
        _known.set(_ScopeKeys(current_scope(), renewed=True))
    wrapped, root = root_keys().wrap(key, context_of(account_id, version))
    rows.create(version=version, wrapped=wrapped, root=root, state=ACTIVE)
    return version


def active_key(account_id: UUID | None) -> tuple[int, bytes]:
    """Return version and bytes of the key that seals new values; raise `SealError` where there is none.

    The key's row stays locked against destruction until the transaction ends (FOR KEY SHARE, as a foreign key would
    lock it): what is sealed here is seen by whoever counts the key's values before destroying it. The platform's key
    is made at its first use.
    """
    _check(account_id)
    known = _of_scope() if account_id is not None else None
    if known is not None and known.active is not None:
        savepoints, version, wrapped = known.active
        if connection.savepoint_ids[: len(savepoints)] == savepoints:
            return version, _unwrapped(account_id, version, wrapped)
    found = _lock_active(account_id)
    if found is None:
        if account_id is not None:
            raise SealError
        found = _first_platform_key()
    version, wrapped = found
    if known is not None and not known.renewed:
        known.active = (list(connection.savepoint_ids), version, wrapped)
    return version, _unwrapped(account_id, version, wrapped)


def key_of_version(account_id: UUID | None, version: int) -> bytes:
    """Return the bytes of one version of a protection key; raise `SealError` where there is none."""
    _check(account_id)
    known = _of_scope().rows if account_id is not None else {}
    if version not in known:
        kept = _rows(account_id).filter(version=version).exclude(state=DESTROYED)
        wrapped = kept.values_list("wrapped", flat=True).first()
        if wrapped is None:
            raise SealError
        known[version] = bytes(wrapped)
    return _unwrapped(account_id, version, known[version])


def _lock_active(account_id: UUID | None) -> tuple[int, bytes] | None:
    model = _rows(account_id).model
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "Seal and save in one transaction: transaction.atomic()."
        )
    owner, parameters = ("account_id = %s AND", [account_id]) if account_id is not None else ("", [])
    # Django's select_for_update knows no FOR KEY SHARE. The table's name is the model's.
    question = f'SELECT version, wrapped FROM "{model._meta.db_table}" WHERE {owner} state = %s FOR KEY SHARE'  # noqa: S608
    with connection.cursor() as cursor:
        for _attempt in range(
            3
        ):  # a row that was retired while we waited for it is none; its successor is there by then
            cursor.execute(question, [*parameters, ACTIVE])
            row = cursor.fetchone()
            if row is not None:
                return row[0], bytes(row[1])
    return None


def _first_platform_key() -> tuple[int, bytes]:
    """Make the platform's key, or find the one that another process has made meanwhile."""
    if not _rows(None).exists():
        try:
            with transaction.atomic():
                create_key(None)
        except IntegrityError:
            cache.clear()
    found = _lock_active(None)
    if found is None:
        raise SealError
    return found


def _of_scope() -> _ScopeKeys:
    opened = current_scope()
    known = _known.get()
    if known is None or known.scope is not opened:
        known = _ScopeKeys(opened)
        _known.set(known)
    return known


@sensitive_variables("key")
def _unwrapped(account_id: UUID | None, version: int, wrapped: bytes) -> bytes:
    key = cache.get(account_id, version, wrapped)
    if key is None:
        key = root_keys().unwrap(wrapped, context_of(account_id, version))
        cache.put(account_id, version, wrapped, key)
    return key


def context_of(account_id: UUID | None, version: int) -> bytes:
    """Return the associated data of one version of a protection key."""
    return platform_key_context(version) if account_id is None else account_key_context(account_id, version)


def _check(account_id: UUID | None) -> None:
    """In another account's scope, an account is as good as unknown."""
    if account_id is not None and require_account() != account_id:
        raise SealError


def _rows(account_id: UUID | None) -> Any:
    """The key rows of an account, or the platform's."""
    # By name: the models of this app have sealed fields, and import this package.
    if account_id is None:
        return apps.get_model("accounts", "PlatformKey").objects.all()
    _check(account_id)
    return apps.get_model("accounts", "AccountKey").objects.filter(account_id=account_id)
