"""Operations: job queue, outbox and history in one table."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.models import TenantForeignKey, TenantModel


class State(models.TextChoices):
    """Where an operation is. `transition` in projects.operations holds the arrows."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


class Operation(TenantModel):
    """A durable unit of work, written in the transaction that asked for it.

    A worker owns it while `state` is running, `fence` is the number it claimed with and `lease_expires_at` lies
    ahead; every write of a worker names its fence, so that one that lost its lease writes nothing. A step that has to
    wait goes back to queued with `run_after`. `failures` counts attempts that ended badly since the last good step;
    `unavailable_since` is when something that a step needs was first not there, until a step succeeds again.
    """

    kind = models.CharField(max_length=48)
    target_type = models.CharField(max_length=64)
    target_id = models.CharField(max_length=255)
    target_label = models.CharField(max_length=255)
    permission = models.CharField(max_length=48)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=160)
    on_behalf_of = models.CharField(max_length=160, blank=True)
    user_id = models.UUIDField()
    idempotency_key = models.CharField(max_length=128, blank=True)
    request_digest = models.CharField(max_length=64, blank=True)

    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    stage = models.CharField(max_length=120, blank=True)
    progress = models.FloatField(null=True)
    payload = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    max_failures = models.PositiveSmallIntegerField(default=5)
    unavailable_since = models.DateTimeField(null=True)

    fence = models.PositiveIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    run_after = models.DateTimeField()
    cancel_requested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "actor_id", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="projects_operation_idempotency",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in State]),
                name="projects_operation_state",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["run_after"],
                condition=models.Q(state__in=["queued", "running"]),
                name="projects_operation_due",
            ),
            models.Index(fields=["account", "-created_at"], name="projects_operation_recent"),
        ]

    @property
    def who(self) -> str:
        """The person who asked, or on whose behalf it was asked."""
        return self.on_behalf_of or self.actor_label

    @property
    def label(self) -> str:
        """How audit entries call this operation."""
        return f"{self.kind} {self.target_label}"

    @property
    def shown_state(self) -> str:
        """The state as a person means it: between two steps it waits in the queue, and is running all the same."""
        return State.RUNNING if self.state == State.QUEUED and self.started_at else self.state

    @property
    def stage_label(self) -> str:
        """The stage in the reader's language: handlers name stages in English, by messages that are translated."""
        return gettext(self.stage) if self.stage else ""

    @property
    def finished(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.state in TERMINAL


class OperationLog(TenantModel):
    """A piece of an operation's log, sealed under the account's key. `seq` orders the pieces of one operation."""

    operation = TenantForeignKey(Operation, models.CASCADE, related_name="log")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    sealed = models.BinaryField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account", "operation", "seq"], name="projects_operationlog_seq"),
        ]
