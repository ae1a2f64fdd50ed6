"""Aliases that do not move without a second person, and the requests to move them."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.models import TenantForeignKey, TenantModel
from projects.models import ApprovalRequest, Operation


class ProtectedAlias(TenantModel):
    """An alias that an approved promotion alone sets, moves and removes; of one model, or of all (`model` empty)."""

    alias = models.CharField(_("Alias"), max_length=63)
    model = models.CharField(_("Model"), max_length=256, blank=True)
    created_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "alias", "model"], name="registry_protectedalias_once"
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call it."""
        return f"{self.model or '*'}@{self.alias}"


class Promotion(TenantModel):
    """One request to move a protected alias, as it was asked: nothing of it changes afterwards but `operation`.

    `version` is where the alias shall point, None to remove it; `from_version` where it pointed, None for nowhere.
    `evidence` is what the decider saw, and `run_id` and `source` hold the version to what it was then. How it was
    decided is its request's, and what became of it its operation's.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        EXPIRED = "expired", _("Expired")
        MOVING = "moving", _("Moving")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    model = models.CharField(_("Model"), max_length=256)
    alias = models.CharField(_("Alias"), max_length=63)
    version = models.PositiveIntegerField(_("Version"), null=True)
    from_version = models.PositiveIntegerField(null=True)
    run_id = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=1000, blank=True)
    evidence = models.JSONField(default=dict)
    reason = models.CharField(_("Reason"), max_length=1000)
    request = TenantForeignKey(ApprovalRequest, models.PROTECT, related_name="promotions")
    operation = TenantForeignKey(Operation, models.PROTECT, related_name="promotions", null=True)
    asked_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["account", "model", "-created_at"], name="registry_promotion_new"),
        ]

    @property
    def label(self) -> str:
        """How audit entries call it."""
        return f"{self.model}@{self.alias} → {f'v{self.version}' if self.version else '–'}"

    @property
    def state(self) -> str:
        """How far it has come."""
        if self.request.state != ApprovalRequest.State.APPROVED:
            return str(self.request.state)
        if self.operation is None or not self.operation.finished:
            return self.State.MOVING
        return self.State.DONE if self.operation.state == "succeeded" else self.State.FAILED

    @property
    def state_label(self) -> str:
        """The state in words."""
        return str(dict(self.State.choices)[self.State(self.state)])

    @property
    def failure(self) -> str:
        """Why the alias was not moved although it was approved; empty where it was."""
        return str(self.operation.error) if self.operation is not None else ""
