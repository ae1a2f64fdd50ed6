"""Bringing protection keys under the current root key, and refusing to work with a wrong one."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import OperationalError, ProgrammingError, connection

from accounts.crypto import RootKeys, SealError, root_keys
from accounts.crypto.keys import context_of, create_key
from accounts.crypto.root import keeper
from accounts.errors import PortalError
from accounts.models import AccountKey, KeyState, PlatformKey
from accounts.rotation.rows import inside, key_rows

BATCH = 100


@dataclass(slots=True)
class RootsRewrapped:
    """What one pass did; `finished` is false where its time was up before."""

    rewrapped: int = 0
    unopened: int = 0
    finished: bool = True


def rewrap_roots(*, deadline: float = float("inf")) -> RootsRewrapped:
    """Wrap every protection key under the current root key, key by key; what does not open is left and counted.

    The platform's keys come last. Each key is a transaction and a compare-and-set.
    """
    result = RootsRewrapped()
    roots = root_keys()
    current = roots.current.id
    last: UUID | None = None
    while True:
        rows = AccountKey.objects.get_queryset().unscoped()
        rows = rows.exclude(state=KeyState.DESTROYED).exclude(root=current)
        if last is not None:
            rows = rows.filter(pk__gt=last)
        found = list(rows.order_by("pk").values_list("pk", "account_id")[:BATCH])
        for pk, account_id in found:
            if time.monotonic() > deadline:
                result.finished = False
                return result
            _rewrap(roots, account_id, pk, result)
        if len(found) < BATCH:
            break
        last = found[-1][0]
    for pk in _platform_keys(current):
        _rewrap(roots, None, pk, result)
    return result


def _platform_keys(current: str) -> list[UUID]:
    rows = PlatformKey.objects.exclude(state=KeyState.DESTROYED).exclude(root=current)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _rewrap(roots: RootKeys, account_id: UUID | None, pk: UUID, result: RootsRewrapped) -> None:
    with inside(account_id):
        row = key_rows(account_id).filter(pk=pk).first()
        if row is None or row.state == KeyState.DESTROYED:
            return
        wrapped = bytes(row.wrapped)
        try:
            fresh, root = roots.rewrap(wrapped, context_of(account_id, row.version))
        except SealError:
            result.unopened += 1
            return
        result.rewrapped += (
            key_rows(account_id).filter(pk=pk, wrapped=wrapped).update(wrapped=fresh, root=root)
        )


def remaining_roots() -> int:
    """How many protection keys are not under the current root key."""
    current = root_keys().current.id
    rows = (
        AccountKey.objects.get_queryset().unscoped().exclude(state=KeyState.DESTROYED).exclude(root=current)
    )
    return int(rows.count()) + len(_platform_keys(current))


def adopt_roots() -> None:
    """See that there is a key of the platform, by which a wrong root key is told, and name the root of every key.

    Keys from before roots were named get the name of the one that opens them; what opens under none stays nameless.
    """
    roots = root_keys()
    with inside(None):
        if not PlatformKey.objects.exists():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('platform key'))")
            if not PlatformKey.objects.exists():
                create_key(None)
    nameless = AccountKey.objects.get_queryset().unscoped().filter(root="").exclude(state=KeyState.DESTROYED)
    found: list[tuple[Any, UUID | None]] = list(nameless.values_list("pk", "account_id"))
    found += [(pk, None) for pk in PlatformKey.objects.filter(root="").values_list("pk", flat=True)]
    for pk, account_id in found:
        with inside(account_id):
            row = key_rows(account_id).filter(pk=pk).first()
            root = _root_of(roots, bytes(row.wrapped), context_of(account_id, row.version)) if row else ""
            if root:
                key_rows(account_id).filter(pk=pk, root="").update(root=root)


def _root_of(roots: RootKeys, wrapped: bytes, context: bytes) -> str:
    for root in (roots.current, *roots.others):
        if root.reads(wrapped):
            try:
                root.unwrap(wrapped, context)
            except SealError:
                continue
            return root.id
    return ""


def check_root_keys() -> str | None:
    """Say in one line why this process must not start with its root keys; None if all is well.

    The check value is the platform's active key: it opens under the right root key and under no other. A database that
    cannot be asked, or has no tables yet, is no reason.
    """
    try:
        roots = root_keys()
        with connection.cursor() as cursor:
            cursor.execute("SELECT root FROM protection_key_roots() AS root")
            used = sorted({keeper(row[0]) for row in cursor.fetchall() if row[0]})
        missing = [root for root in used if not roots.knows(root)]
        if missing:
            known = ", ".join(keeper(root.id) for root in (roots.current, *roots.others))
            return (
                f"The root key is wrong: keys in the database are wrapped by {', '.join(missing)}, and this "
                f"process has {known}. Give it the right PORTAL_ROOT_KEY; during a rotation, the one before "
                "as PORTAL_ROOT_KEY_PREVIOUS."
            )
        row = PlatformKey.objects.filter(state=KeyState.ACTIVE).first()
        if row is not None:
            roots.unwrap(bytes(row.wrapped), context_of(None, row.version))
    except SealError:
        return (
            "The root key is wrong: the check value in the database does not open. PORTAL_ROOT_KEY or "
            "PORTAL_DEPLOYMENT_ID is not the one that this database was filled with."
        )
    except PortalError as error:
        reason = getattr(error, "reason", "") or f"it does not answer ({error})"
        return f"The transit engine of PORTAL_TRANSIT_URL keeps the root key, and {reason}."
    except (OperationalError, ProgrammingError):
        return None
    finally:
        connection.close()
    return None
