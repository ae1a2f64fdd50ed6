"""Endpoints: models that answer."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.models import TenantForeignKey, TenantModel
from registry.models.training import NAME


class Endpoint(TenantModel):
    """A served model under a stable name. `active` is the revision that answers now."""

    class Desired(models.TextChoices):
        RUNNING = "running", _("Running")
        STOPPED = "stopped", _("Stopped")

    name = models.CharField(_("Name"), max_length=63, validators=[NAME])
    description = models.TextField(_("Description"), blank=True, max_length=2000)
    desired = models.CharField(max_length=16, choices=Desired, default=Desired.RUNNING)
    active = TenantForeignKey("registry.Revision", models.SET_NULL, null=True, related_name="+")
    created_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="registry_endpoint_name",
                violation_error_message=_("An endpoint of this name exists already."),
            )
        ]

    @property
    def label(self) -> str:
        """How audit entries call this endpoint."""
        return self.name


class Revision(TenantModel):
    """One model version with its runtime, deployed to an endpoint once and never changed."""

    class State(models.TextChoices):
        PENDING = "pending", _("Starting")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")
        RETIRED = "retired", _("Retired")

    endpoint = TenantForeignKey(Endpoint, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    model_name = models.CharField(_("Model"), max_length=255)
    model_version = models.PositiveIntegerField(_("Version"))
    run_id = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    reason = models.TextField(blank=True)
    operation_id = models.UUIDField(null=True)
    workload_id = models.UUIDField(null=True)
    user_id = models.UUIDField()
    created_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account", "endpoint", "number"], name="registry_revision_number")
        ]

    @property
    def label(self) -> str:
        """How audit entries call this revision."""
        return f"{self.endpoint.name} r{self.number} ({self.model_name} v{self.model_version})"
