"""What seals the audit log: checkpoints, the keys that sign them, disposal records, results of verification.

Two more tables have no model, for they are read and written in bulk alone (`accounts.audit`): `accounts_auditleaf`,
the index and hash of each sealed row, and `accounts_auditpending`, the rows that wait to be sealed.
"""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.models.audit import AppendOnlyQuerySet
from accounts.tenancy.scope import ACCOUNT, PLATFORM


class AuditCheckpoint(models.Model):
    """A signed statement of one log's size and root. `log_id` is the account's id, or nil for the platform's log.

    `body` is what is signed; the columns repeat from it what queries need. `frontier` holds the roots of the tree's
    perfect subtrees, from which the next checkpoint goes on; they give the signed root.
    """

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PLATFORM})

    id = models.BigAutoField(primary_key=True)
    log_id = models.UUIDField()
    sequence = models.BigIntegerField()
    size = models.BigIntegerField()
    at = models.DateTimeField()
    body = models.TextField()
    signature = models.BinaryField()
    frontier = models.BinaryField()

    objects = AppendOnlyQuerySet["AuditCheckpoint"].as_manager()

    class Meta:
        base_manager_name = "objects"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["log_id", "sequence"], name="accounts_auditcheckpoint_sequence"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["log_id", "size"], name="accounts_auditcheckpoint_size"),
        ]


class AuditHead(models.Model):
    """The newest checkpoint of each log, kept for the next global checkpoint; verification compares it with both."""

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PLATFORM})

    log_id = models.UUIDField(primary_key=True)
    sequence = models.BigIntegerField()
    size = models.BigIntegerField()
    root = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    objects = AppendOnlyQuerySet["AuditHead"].as_manager()

    class Meta:
        base_manager_name = "objects"


class AuditGlobal(models.Model):
    """A global checkpoint: which logs have moved on since the one before, and the root over all heads."""

    readable_in: ClassVar[frozenset[str]] = frozenset({PLATFORM})

    sequence = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    body = models.TextField()
    signature = models.BinaryField()

    objects = AppendOnlyQuerySet["AuditGlobal"].as_manager()

    class Meta:
        base_manager_name = "objects"


class AuditKey(models.Model):
    """A public key that signs checkpoints, its statement, and the signatures of it and of the key before it."""

    fingerprint = models.CharField(primary_key=True, max_length=64)
    sequence = models.BigIntegerField(unique=True)
    public = models.BinaryField()
    body = models.TextField()
    signature = models.BinaryField()
    previous_signature = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["sequence"]


class AuditDisposal(models.Model):
    """A signed record of what one log loses with a month that is to be dropped: how many rows, and their digest."""

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PLATFORM})

    id = models.BigAutoField(primary_key=True)
    log_id = models.UUIDField()
    partition = models.CharField(max_length=63)
    until = models.DateTimeField()
    # The event that announces it; the month is dropped only once that event is sealed.
    event_id = models.UUIDField()
    body = models.TextField()
    signature = models.BinaryField()
    at = models.DateTimeField()

    objects = AppendOnlyQuerySet["AuditDisposal"].as_manager()

    class Meta:
        base_manager_name = "objects"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["log_id", "partition"], name="accounts_auditdisposal_once"),
        ]


class AuditVerification(models.Model):
    """One verification: of one log, or (`log_id` is null) of all logs and the global chain."""

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PLATFORM})

    class State(models.TextChoices):
        """Where it stands."""

        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    log_id = models.UUIDField(null=True)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    requested_by = models.CharField(max_length=160)
    requested_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    progress = models.FloatField(default=0)
    rows = models.BigIntegerField(default=0)
    checkpoints = models.BigIntegerField(default=0)
    findings = models.JSONField(default=list)

    objects = AppendOnlyQuerySet["AuditVerification"].as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering: ClassVar[list[str]] = ["-requested_at", "-id"]

    @property
    def well(self) -> bool:
        """Whether it has ended and found nothing."""
        return self.state == self.State.FINISHED and not self.findings
