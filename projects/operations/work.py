"""Doing work: claim by compare-and-set, fence every write, end exactly once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Actor, Target
from accounts.errors import Unavailable
from accounts.models import Account, User
from accounts.tenancy import scope
from projects.holdings import holding_of
from projects.models import Operation, State
from projects.operations import log as operation_log
from projects.operations.registry import (
    Cancelled,
    Done,
    Failed,
    ended_of,
    handler_of,
    is_unattended,
    patience_of,
)
from projects.operations.submit import send

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)


class LeaseLost(Exception):
    """Another worker has taken over: stop at once, write nothing more."""


class Work:
    """A claimed operation, as its handler sees it. Every write names the fence and extends the lease."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.fence = operation.fence

    @property
    def account_id(self) -> UUID:
        """The tenant whose work this is."""
        return self.operation.account_id

    @property
    def payload(self) -> dict[str, Any]:
        """What was asked for, and what `save` has added since."""
        found: dict[str, Any] = self.operation.payload
        return found

    @property
    def cancel_requested(self) -> bool:
        """Whether a person has asked for it to stop (as of the claim or the last `refresh`)."""
        return self.operation.cancel_requested_at is not None

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Open the tenant's scope for database work."""
        with scope(self.account_id):
            yield

    def _update(self, **values: Any) -> None:
        with scope(self.account_id):
            held = Operation.objects.filter(pk=self.operation.pk, state=State.RUNNING, fence=self.fence)
            if not held.update(**values):
                raise LeaseLost
        for name, value in values.items():
            setattr(self.operation, name, value)

    def heartbeat(self) -> None:
        """Keep the lease during a long step; raises `LeaseLost` where it is gone."""
        self._update(lease_expires_at=timezone.now() + LEASE)

    def stage(self, name: str, progress: float | None = None) -> None:
        """Say what is being done now, and how much of the whole (0..1) is done."""
        self._update(stage=name, progress=progress, lease_expires_at=timezone.now() + LEASE)

    def save(self, **updates: Any) -> None:
        """Remember facts for the next step in the payload (an id that was made, a step that is behind us)."""
        self._update(payload={**self.operation.payload, **updates}, lease_expires_at=timezone.now() + LEASE)

    def log(self, text: str) -> None:
        """Append a line to the operation's log."""
        with scope(self.account_id):
            self.heartbeat()
            operation_log.append(self.operation, text if text.endswith("\n") else text + "\n")


def claim(account_id: UUID, operation_id: UUID) -> Work | None:
    """Take a due operation, or one whose worker was lost; None where somebody else has it or it has ended."""
    now = timezone.now()
    free = Q(state=State.QUEUED, run_after__lte=now) | Q(state=State.RUNNING, lease_expires_at__lt=now)
    with scope(account_id):
        rows = Operation.objects.filter(free, pk=operation_id)
        lost = Q(state=State.RUNNING)
        was_lost = rows.filter(lost).exists()
        taken = rows.update(
            state=State.RUNNING,
            fence=F("fence") + 1,
            lease_expires_at=now + LEASE,
            failures=F("failures") + (1 if was_lost else 0),
        )
        if not taken:
            return None
        operation = Operation.objects.get(pk=operation_id)
        if operation.started_at is None:
            operation.started_at = now
            operation.save(update_fields=["started_at"])
        if was_lost:
            operation_log.append(
                operation, _("The worker that ran this step was lost; another one goes on.") + "\n"
            )
    return Work(operation)


def _still_permitted(operation: Operation) -> bool:
    if not Account.objects.filter(pk=operation.account_id, state=Account.State.ACTIVE).exists():
        return False
    held = holding_of(operation.user_id)
    return held is not None and operation.permission in held.permissions


def _end(work: Work, state: str, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    now = timezone.now()
    operation = work.operation
    with work.scope():
        work._update(
            state=state,
            result=result or {},
            error=error,
            finished_at=now,
            lease_expires_at=None,
            progress=1.0 if state == State.SUCCEEDED else operation.progress,
        )
        if error:
            operation_log.append(operation, error + "\n")
        target = Target(operation.target_type, operation.target_id, operation.target_label)
        audit.record(
            f"{operation.kind}.{state}",
            target,
            outcome="ok" if state != State.FAILED else "failed",
            detail={"operation": str(operation.pk)},
        )
        ended = ended_of(operation.kind)
        if ended is not None:
            ended(operation)
    log.info("operation_ended", kind=operation.kind, operation=str(operation.pk), state=state)


def _pause(work: Work, after: float, **values: Any) -> None:
    with work.scope():
        work._update(
            state=State.QUEUED,
            run_after=timezone.now() + timedelta(seconds=after),
            lease_expires_at=None,
            **values,
        )
        send(work.account_id, work.operation.pk, after=after)


def run(account_id: UUID, operation_id: UUID) -> None:
    """Claim an operation and take one step of it."""
    work = claim(account_id, operation_id)
    if work is None:
        return
    operation = work.operation
    actor = Actor(operation.actor_kind, operation.actor_id, operation.actor_label, operation.on_behalf_of)
    # Sentences that end up on the row are in the language of whoever asked.
    language = User.objects.filter(pk=operation.user_id).values_list("language", flat=True).first() or "en"
    with audit.acting_as(actor, via="task"), translation.override(language):
        try:
            _step(work)
        except LeaseLost:
            log.warning("lease_lost", operation=str(operation.pk), kind=operation.kind)


def _step(work: Work) -> None:
    operation = work.operation
    if operation.failures >= operation.max_failures:
        # Only a lost worker is counted without being judged: a step that kills its worker must not do so forever.
        _end(
            work,
            State.FAILED,
            error=_("Given up: the worker was lost %(count)d times during this step.")
            % {"count": operation.failures},
        )
        return
    try:
        with work.scope():
            permitted = is_unattended(operation.kind) or _still_permitted(operation)
        if not permitted and not work.cancel_requested:
            raise Failed(
                _("%(who)s may no longer do this here (%(permission)s).")
                % {"who": operation.who, "permission": operation.permission}
            )
        outcome = handler_of(operation.kind)(work)
    except LeaseLost:
        raise
    except Cancelled:
        _end(work, State.CANCELLED)
    except Failed as failure:
        _end(work, State.FAILED, error=str(failure))
    except Unavailable as error:
        _wait_for(work, error)
    except Exception as error:
        _attempt_failed(work, error)
    else:
        if isinstance(outcome, Done):
            _end(work, State.SUCCEEDED, result=outcome.result)
        else:
            _pause(work, outcome.after, failures=0, unavailable_since=None)


def _wait_for(work: Work, error: Unavailable) -> None:
    """What the step needs is starting or away: that is no failed attempt, but it is not waited for without end."""
    operation = work.operation
    now = timezone.now()
    since = operation.unavailable_since or now
    if now - since > patience_of(operation.kind):
        _end(
            work,
            State.FAILED,
            error=_("Given up after %(minutes)d minutes of waiting. %(what)s")
            % {"minutes": (now - since).total_seconds() // 60, "what": str(error)},
        )
        return
    log.info("operation_waits", kind=operation.kind, operation=str(operation.pk), code=error.code)
    with work.scope():
        if operation.unavailable_since is None:
            operation_log.append(operation, str(error) + "\n")
        # Often at first, for engines are back within seconds; then every half minute.
        pause = min(max(1.0, (now - since).total_seconds() / 4), 30.0)
        _pause(work, pause, unavailable_since=since)


def _attempt_failed(work: Work, error: Exception) -> None:
    operation = work.operation
    failures = operation.failures + 1
    log.warning(
        "operation_attempt_failed",
        kind=operation.kind,
        operation=str(operation.pk),
        failures=failures,
        exc_info=error,
    )
    # Texts of unexpected errors may carry secrets: the log of the process has them redacted, the row has the type.
    what = str(error) if getattr(error, "code", None) else type(error).__name__
    if failures >= operation.max_failures:
        _end(
            work,
            State.FAILED,
            error=_("Given up after %(count)d failed attempts. The last one: %(what)s")
            % {"count": failures, "what": what},
        )
        return
    pause = min(2.0**failures, 60.0)
    with work.scope(), transaction.atomic():
        operation_log.append(
            operation,
            _("This attempt failed (%(what)s); the next one comes in %(seconds)d s.")
            % {"what": what, "seconds": pause}
            + "\n",
        )
    _pause(work, pause, failures=failures)


def due(limit: int = 200) -> list[tuple[UUID, UUID]]:
    """List what ought to run now, across accounts, oldest first: due rows, and rows whose worker was lost."""
    now = timezone.now()
    free = Q(state=State.QUEUED, run_after__lte=now) | Q(state=State.RUNNING, lease_expires_at__lt=now)
    rows = Operation.objects.get_queryset().unscoped().filter(free).order_by("run_after")
    return list(rows.values_list("account_id", "pk")[:limit])
