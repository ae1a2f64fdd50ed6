"""Where the audit log is forwarded to, and how far each receiver has it.

A project forwards its own log; the platform forwards its own or every one. Both kinds of target carry the same state:
what was acknowledged, what failed last, when it is tried next.
"""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.crypto.fields import SealedField
from accounts.ids import uuid7
from accounts.tenancy.models import TenantModel


class ForwardTarget(models.Model):
    """What every target has. Only the process that holds the lease delivers, and only what it acknowledged counts."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", _("Webhook (CloudEvents)")
        SYSLOG_TLS = "syslog-tls", _("Syslog over TLS")
        SYSLOG_TCP = "syslog-tcp", _("Syslog over TCP, in clear")
        MAIL = "mail", _("Mail (receipts only)")

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    class Every(models.TextChoices):
        NEVER = "never", _("Never")
        DAILY = "daily", _("Every day")
        WEEKLY = "weekly", _("Every week")

    class Begin(models.TextChoices):
        NOW = "now", _("From now on")
        BEGINNING = "beginning", _("From the beginning of the log")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("Name"), max_length=120)
    kind = models.CharField(_("Kind"), max_length=16, choices=Kind)
    # A URL (webhook), host:port (syslog), or addresses with commas between them (mail).
    address = models.CharField(_("Address"), max_length=2048)
    # The certificate authority that TLS is checked against, in PEM; empty: the public ones.
    authority = models.TextField(_("Certificate authority"), blank=True)
    events = models.BooleanField(_("Forward events"), default=True)
    begin = models.CharField(max_length=16, choices=Begin, default=Begin.NOW)
    receipts = models.CharField(_("Send receipts"), max_length=8, choices=Every, default=Every.NEVER)
    receipt_at = models.DateTimeField(null=True)
    receipt_sent_at = models.DateTimeField(null=True)
    state = models.CharField(_("State"), max_length=8, choices=State, default=State.ACTIVE)
    next_at = models.DateTimeField(auto_now_add=True)
    # Who delivers now: counted up with each lease, so that a delivery that was overtaken moves nothing any more.
    lease = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    alarmed_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True)
    delivered_at = models.DateTimeField(null=True)
    test_asked_at = models.DateTimeField(null=True)
    tested_at = models.DateTimeField(null=True)
    test_problem = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by_label = models.CharField(max_length=160)
    # In which letters are written to it, and what went wrong is written down: that of whoever set it up.
    language = models.CharField(max_length=8, default="en", db_default="en")

    class Meta:
        abstract = True

    @property
    def label(self) -> str:
        """How audit entries call this target."""
        return self.name

    @property
    def condition(self) -> str:
        """What pages show: paused, failing, or active."""
        if self.state == self.State.PAUSED:
            return "paused"
        return "failing" if self.failures else "active"


class AuditForward(ForwardTarget, TenantModel):
    """A target of one account's own log. `next_index` is the first leaf that it has not acknowledged."""

    secret = SealedField(null=True)
    next_index = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="projects_auditforward_name",
                violation_error_message=_("A target of this name exists already."),
            ),
        ]

    @property
    def last_index(self) -> int | None:
        """The last leaf that it has acknowledged, or that was before its time; None before the first."""
        return self.next_index - 1 if self.next_index else None


class PlatformForward(ForwardTarget):
    """A target of the platform: of its own log, or (`every_log`) of all of them. Where it stands is a row per log."""

    secret = SealedField(null=True, platform=True)
    every_log = models.BooleanField(_("Every account's log too"), default=False)
    # Set once the cursors of a target that begins “now” have been put to where the logs ended then.
    begun_at = models.DateTimeField(null=True)
    # How far behind it was when the sweep last looked: an admin does not read the logs' heads.
    waiting = models.BigIntegerField(default=0)
    oldest_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["name"],
                name="projects_platformforward_name",
                violation_error_message=_("A target of this name exists already."),
            ),
        ]


class PlatformForwardCursor(models.Model):
    """The first leaf of one log that a platform's target has not acknowledged; no row: from the log's first."""

    id = models.BigAutoField(primary_key=True)
    forward = models.ForeignKey(PlatformForward, models.CASCADE, related_name="cursors")
    log_id = models.UUIDField()
    next_index = models.BigIntegerField()
    moved_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["forward", "log_id"], name="projects_platformforwardcursor_once"),
        ]
