"""Asking for work: the row is written in the caller's transaction; a worker is woken once it has committed."""

import hashlib
import json
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target
from accounts.errors import Conflict, Unprocessable
from projects.doors.grant import Grant
from projects.models import Operation, State
from projects.operations.registry import retry_of

log = structlog.get_logger(__name__)


def _digest(kind: str, target: Target, payload: dict[str, Any]) -> str:
    text = json.dumps([kind, target.type, target.id, payload], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def earlier(grant: Grant, idempotency_key: str, digest: str) -> Operation | None:
    """Find what the same actor asked for under the same key.

    Raises `Unprocessable` where it asked for something else.
    """
    if not idempotency_key:
        return None
    found: Operation | None = Operation.objects.filter(
        actor_id=grant.actor.id, idempotency_key=idempotency_key
    ).first()
    if found is not None and found.request_digest != digest:
        raise Unprocessable(
            "idempotency.reused",
            _("The Idempotency-Key “%(key)s” was used for another request. Use a new one.")
            % {"key": idempotency_key},
        )
    return found


def submit(
    kind: str,
    *,
    target: models.Model | Target,
    payload: dict[str, Any],
    grant: Grant,
    permission: str,
    idempotency_key: str = "",
    request: dict[str, Any] | None = None,
) -> Operation:
    """Write an operation down, in the open scope and transaction, and wake a worker on commit.

    `permission` is checked again, for the person behind `grant`, whenever a step runs. The same `idempotency_key`
    from the same actor gives the same operation; with a different `request` (default: kind, target, payload) it
    raises `Unprocessable`.
    """
    about = Target.of(target) if isinstance(target, models.Model) else target
    digest = _digest(kind, Target("", "", "") if request else about, request or payload)
    found = earlier(grant, idempotency_key, digest)
    if found is not None:
        return found
    operation = Operation(
        kind=kind,
        target_type=about.type,
        target_id=about.id,
        target_label=about.label,
        permission=permission,
        actor_kind=grant.actor.kind,
        actor_id=grant.actor.id,
        actor_label=grant.actor.label,
        on_behalf_of=grant.actor.on_behalf_of,
        user_id=grant.user_id,
        idempotency_key=idempotency_key,
        request_digest=digest,
        payload=payload,
        run_after=timezone.now(),
    )
    try:
        with transaction.atomic():
            operation.save(force_insert=True)
    except IntegrityError:
        # Two requests with one key at the same moment: the other one won.
        raced = earlier(grant, idempotency_key, digest)
        if raced is None:
            raise
        return raced
    audit.record(f"{kind}.requested", about, detail={"operation": str(operation.pk)})
    send(operation.account_id, operation.pk)
    return operation


def send(account_id: UUID, operation_id: UUID, *, after: float = 0) -> None:
    """Tell a worker, on commit. A lost message loses nothing: the sweep finds the row."""
    from projects.tasks import run_operation

    def wake_worker() -> None:
        try:
            run_operation.apply_async(
                (str(account_id), str(operation_id)), countdown=after or None, retry=False
            )
        except Exception as error:  # the broker is down: the row stays due, and the sweep will find it
            log.warning("wake_up_not_sent", operation=str(operation_id), error=type(error).__name__)

    transaction.on_commit(wake_worker)


def wake(operation: Operation) -> None:
    """Make a waiting operation due now, because what it waits for has happened."""
    Operation.objects.filter(pk=operation.pk, state=State.QUEUED).update(run_after=timezone.now())
    send(operation.account_id, operation.pk)


def cancel(operation: Operation, grant: Grant) -> Operation:
    """Ask for an operation to stop. Its handler undoes what was done, and ends it.

    Raises `Conflict` where it has ended already.
    """
    now = timezone.now()
    asked = Operation.objects.filter(pk=operation.pk, state__in=[State.QUEUED, State.RUNNING])
    if not asked.update(cancel_requested_at=Coalesce("cancel_requested_at", now), run_after=now):
        raise Conflict(
            "operation.finished",
            _("“%(label)s” has ended already: there is nothing left to cancel.") % {"label": operation.label},
        )
    audit.record(f"{operation.kind}.cancel", operation)
    send(operation.account_id, operation.pk)
    operation.refresh_from_db()
    return operation


def retry(
    operation: Operation, grant: Grant, payload: dict[str, Any] | None = None, *, idempotency_key: str = ""
) -> Operation:
    """Ask again for what has failed or was cancelled, as a new operation. Raises `Conflict` while it is under way.

    Needs the permission that asking for it the first time needed.
    """
    grant.require(operation.permission)
    if operation.state not in (State.FAILED, State.CANCELLED):
        raise Conflict(
            "operation.not_failed",
            _("Only what has failed or was cancelled can be retried; “%(label)s” is %(state)s.")
            % {"label": operation.label, "state": operation.get_state_display()},
        )
    own_way = retry_of(operation.kind)
    if own_way is not None:
        return own_way(operation, grant)
    return submit(
        operation.kind,
        target=Target(operation.target_type, operation.target_id, operation.target_label),
        payload=operation.payload,
        grant=grant,
        permission=operation.permission,
        idempotency_key=idempotency_key,
    )
