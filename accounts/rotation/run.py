"""A rotation from its request to its end: taken up by whoever comes next, by one process at a time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.crypto import SealError
from accounts.errors import Conflict, Invalid
from accounts.models import Account, KeyRotation, KeyState, PlatformKey
from accounts.rotation.accounts import rewrap_account, rotate_key
from accounts.rotation.census import count_values
from accounts.rotation.destroy import GRACE, destroy_unused
from accounts.rotation.roots import remaining_roots, rewrap_roots
from accounts.rotation.rows import accounts_with_keys

Kind = KeyRotation.Kind
State = KeyRotation.State
_LOCK = "key rotation"


def running() -> KeyRotation | None:
    """The rotation under way, or None."""
    return KeyRotation.objects.filter(state=State.RUNNING).first()


def begin(kind: str, *, reason: str, only: UUID | None = None) -> KeyRotation:
    """Ask for a rotation, on record; `advance` does it.

    Raises `Conflict` while one is under way, `Invalid` without a reason.
    """
    context = audit.current_context()
    if context is None:
        raise LookupError("Nobody is acting: open accounts.audit.acting_as() around a rotation.")
    if not reason.strip():
        message = _("Say why: the reason goes on record.")
        raise Invalid("key.reason", message, errors={"reason": [message]})
    rotation = KeyRotation(
        kind=kind,
        only=only,
        reason=reason.strip()[:500],
        actor_kind=context.actor.kind,
        actor_id=context.actor.id,
        actor_label=context.actor.label[:160],
    )
    try:
        with transaction.atomic():
            rotation.save(force_insert=True)
            detail = {"reason": rotation.reason, "only": str(only or "")}
            audit.record(f"key.rotate_{kind}", rotation, detail=detail)
    except IntegrityError:
        raise Conflict("key.rotating", _("Another rotation is under way. Wait until it has ended.")) from None
    return rotation


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether no other process rotates now. PostgreSQL lets go of the lock when this process or its connection dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [_LOCK])
        alone: bool = cursor.fetchone()[0]
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [_LOCK])


def advance(seconds: float = float("inf"), *, grace: timedelta = GRACE) -> KeyRotation | None:
    """Go on with the rotation under way for about so long; return it as it is then, None where there is none to do.

    Whoever asked for it is who acts. Where another process is at it, nothing is done.
    """
    with _alone() as alone:
        rotation = running()
        if rotation is None or not alone:
            return rotation
        actor = audit.Actor(rotation.actor_kind, rotation.actor_id, rotation.actor_label)
        deadline = time.monotonic() + seconds
        with audit.acting_as(actor, via="task"):
            if rotation.kind == Kind.ROOT:
                _root(rotation, deadline)
            else:
                _accounts(rotation, deadline, grace)
    rotation.refresh_from_db()
    return rotation


def _root(rotation: KeyRotation, deadline: float) -> None:
    remaining = remaining_roots()
    if not rotation.total:
        _note(rotation, total=max(remaining, 1))
    result = rewrap_roots(deadline=deadline)
    if result.rewrapped:
        _log(rotation, "roots", "", result.rewrapped)
    left = remaining_roots()
    _note(rotation, done=max(rotation.total - left, 0), rewrapped=F("rewrapped") + result.rewrapped)
    if result.finished:
        _end(rotation, result.unopened, _("%(count)d keys open under no root key that this portal has."))


def _accounts(rotation: KeyRotation, deadline: float, grace: timedelta) -> None:
    targets: list[UUID | None]
    if rotation.only is not None:
        targets = [] if rotation.done else [rotation.only]
    else:
        # The platform's key first, then the accounts beyond the last one that was finished.
        first = rotation.done == 0 and PlatformKey.objects.filter(state=KeyState.ACTIVE).exists()
        targets = [*([None] if first else []), *accounts_with_keys(rotation.after)]
    if not rotation.total:
        _note(rotation, total=max(len(targets), 1))
    for account_id in targets:
        if not _one(rotation, account_id, deadline, grace):
            return
    _end(rotation, 0, _("%(count)d values open under no key, and were left as they are."))


def _one(rotation: KeyRotation, account_id: UUID | None, deadline: float, grace: timedelta) -> bool:
    name = _name(account_id)
    try:
        version = rotate_key(account_id, since=rotation.created_at, reason=rotation.reason)
        _log(rotation, "version", name, version)
        result = rewrap_account(account_id, deadline=deadline)
    except SealError:
        # Its key was destroyed meanwhile, or does not open: nothing of it can be rotated.
        _log(rotation, "unopened", name, 0)
        _note(rotation, done=F("done") + 1, after=account_id or rotation.after, unopened=F("unopened") + 1)
        return True
    _note(rotation, rewrapped=F("rewrapped") + result.rewrapped)
    if result.rewrapped:
        _log(rotation, "rewrapped", name, result.rewrapped)
    if not result.finished:
        return False
    for old in destroy_unused(account_id, grace=grace):
        _log(rotation, "destroyed", name, old)
    count_values(account_id)
    _note(
        rotation,
        done=F("done") + 1,
        after=account_id or rotation.after,
        unopened=F("unopened") + result.unopened,
    )
    return time.monotonic() <= deadline


def _name(account_id: UUID | None) -> str:
    names = Account.objects.get_queryset().unscoped().filter(pk=account_id).values_list("name", flat=True)
    return (names.first() or "") if account_id is not None else ""


def _log(rotation: KeyRotation, what: str, of: str, count: int) -> None:
    """Add a line; which version seals is said once, though each slice of a rotation begins with it."""
    if what == "version" and any(line[1:] == [what, of, count] for line in rotation.log):
        return
    line = [timezone.now().isoformat(timespec="seconds"), what, of, count]
    _note(rotation, log=[*rotation.log, line][-KeyRotation.LONGEST_LOG :])


def _note(rotation: KeyRotation, **values: Any) -> None:
    KeyRotation.objects.filter(pk=rotation.pk, state=State.RUNNING).update(**values)
    rotation.refresh_from_db()


def _end(rotation: KeyRotation, unopened: int, complaint: str) -> None:
    """End it, on record, in one transaction."""
    unopened += rotation.unopened
    state = State.FAILED if unopened else State.SUCCEEDED
    error = complaint % {"count": unopened} if unopened else ""
    with transaction.atomic():
        ended = KeyRotation.objects.filter(pk=rotation.pk, state=State.RUNNING).update(
            state=state, finished_at=timezone.now(), unopened=unopened, error=error, done=F("total")
        )
        if ended:
            audit.record(
                f"key.rotate_{rotation.kind}.{state}",
                rotation,
                outcome="failed" if unopened else "ok",
                detail={"rewrapped": rotation.rewrapped, "unopened": unopened},
            )
