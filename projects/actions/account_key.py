"""An account's own protection key: a new version of it, asked for by who may, made by a worker.

The platform rotates all accounts' keys; this is one account's, as an operation of its project. Both use the same
steps (`accounts.rotation`) and may run at once: each reads from the rows what is left to be done.
"""

import time
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts.audit import Target
from accounts.crypto import SealError
from accounts.errors import Conflict, Invalid, NotFound
from accounts.models import AccountKey, KeyState
from accounts.rotation import count_values, destroy_unused, rewrap_account, rotate_key, values_by_version
from projects import operations
from projects.doors.grant import Grant
from projects.models import Operation, State
from projects.operations.registry import Again, Done, Failed
from projects.operations.work import Work
from projects.permissions import Permission

ROTATE = "key.rotate"
_SLICE_SECONDS = 5.0


def key_versions() -> QuerySet[AccountKey]:
    """Every version that the account in scope has had, the newest first; never the keys."""
    rows: QuerySet[AccountKey] = AccountKey.objects.defer("wrapped").order_by("-version")
    return rows


def rotate_own_key(grant: Grant, reason: str, *, idempotency_key: str = "") -> Operation:
    """Ask for a new version of the account's key, and for everything to be brought under it.

    Raises `Invalid` without a reason, `Conflict` while the account's rotation is under way, `NotFound` where the key
    was destroyed.
    """
    grant.require(Permission.KEY_ROTATE)
    reason = reason.strip()[:500]
    if not reason:
        message = _("Say why: the reason goes on record.")
        raise Invalid("key.reason", message, errors={"reason": [message]})
    active = key_versions().filter(state=KeyState.ACTIVE).select_for_update(no_key=True, of=("self",)).first()
    if active is None:
        raise NotFound("key.shredded", _("The protection key of this account was destroyed."))
    under_way = Operation.objects.filter(kind=ROTATE, state__in=[State.QUEUED, State.RUNNING])
    if idempotency_key:
        under_way = under_way.exclude(actor_id=grant.actor.id, idempotency_key=idempotency_key)
    if under_way.exists():
        raise Conflict("key.rotating", _("A rotation of this key is under way. Wait until it has ended."))
    return operations.submit(
        ROTATE,
        target=Target("accountkey", str(grant.account_id), grant.project_name),
        payload={"reason": reason},
        grant=grant,
        permission=Permission.KEY_ROTATE,
        idempotency_key=idempotency_key,
    )


def advance(work: Work) -> Done | Again:
    """Make the version once, then bring the values' keys under it, a few seconds at a time."""
    account_id, asked_at = work.account_id, work.operation.created_at
    try:
        if "version" not in work.payload:
            return _make_version(work, asked_at)
        result = rewrap_account(account_id, deadline=time.monotonic() + _SLICE_SECONDS)
    except SealError:
        raise Failed(_("The protection key of this account was destroyed, or does not open.")) from None
    done = int(work.payload["rewrapped"]) + result.rewrapped
    work.save(rewrapped=done)
    if not result.finished:
        work.stage(
            noop("Wrapping the keys of values anew"), min(done / max(int(work.payload["total"]), 1), 0.99)
        )
        return Again(0)
    work.stage(noop("Counting"), 0.99)
    destroy_unused(account_id)
    count_values(account_id)
    work.log(_("%(count)d keys of values are under the new version.") % {"count": done})
    if result.unopened:
        complaint = _("%(count)d values open under no key, and were left as they are.")
        raise Failed(complaint % {"count": result.unopened})
    return Done({"version": work.payload["version"], "rewrapped": done})


def _make_version(work: Work, asked_at: datetime) -> Again:
    work.stage(noop("Making a new version"), 0.0)
    version = rotate_key(work.account_id, since=asked_at, reason=work.payload["reason"])
    with work.scope():
        counted = values_by_version(work.account_id)
    total = sum(sum(versions.values()) for versions in counted.values())
    work.log(_("Version %(version)d seals from now on.") % {"version": version})
    work.save(version=version, total=total, rewrapped=0)
    return Again(0)


def rotations_of_own_key() -> Any:
    """The account's own rotations, the newest first."""
    return Operation.objects.filter(kind=ROTATE).order_by("-created_at")


__all__ = ["ROTATE", "advance", "key_versions", "rotate_own_key", "rotations_of_own_key"]
