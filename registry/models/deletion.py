"""What was asked to be deleted of the project's data, and what is left of it: a signed statement."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.models import TenantForeignKey, TenantModel
from projects.models import ApprovalRequest, Operation
from registry.models.dataset import Dataset, DatasetVersion


class DatasetDeletion(TenantModel):
    """The deletion of one sealed version, or with `version` None of a whole dataset.

    waiting (where a second person decides) → deleting (`begun_at`: from here on nobody reads it) → deleted. `body` is
    the statement that was signed (JSON); `signature` is Ed25519 in hex, by the audit log's key `key`.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        EXPIRED = "expired", _("Expired")
        DELETING = "deleting", _("Deleting")
        DELETED = "deleted", _("Deleted")

    dataset = TenantForeignKey(Dataset, models.PROTECT, related_name="deletions")
    version = TenantForeignKey(DatasetVersion, models.PROTECT, related_name="deletions", null=True)
    reason = models.CharField(_("Reason"), max_length=1000)
    request = TenantForeignKey(ApprovalRequest, models.PROTECT, related_name="dataset_deletions", null=True)
    operation = TenantForeignKey(Operation, models.PROTECT, related_name="dataset_deletions", null=True)
    asked_by_label = models.CharField(max_length=160)
    decided_by_label = models.CharField(max_length=160, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    begun_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    body = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    key = models.CharField(max_length=64, blank=True)
    signature = models.CharField(max_length=128, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "version"],
                condition=models.Q(begun_at__isnull=False, version__isnull=False),
                name="registry_datasetdeletion_version_once",
            ),
            models.UniqueConstraint(
                fields=["account", "dataset"],
                condition=models.Q(begun_at__isnull=False, version__isnull=True),
                name="registry_datasetdeletion_dataset_once",
            ),
            models.CheckConstraint(
                condition=models.Q(finished_at=None, body="")
                | models.Q(begun_at__isnull=False) & ~models.Q(body=""),
                name="registry_datasetdeletion_proven",
            ),
        ]

    @property
    def label(self) -> str:
        """What is deleted, as audit entries and confirmations call it: `wafers@3`, or `wafers`."""
        return f"{self.dataset.name}@{self.version.number}" if self.version is not None else self.dataset.name

    @property
    def state(self) -> str:
        """How far it has come."""
        if self.finished_at is not None:
            return self.State.DELETED
        if self.begun_at is not None:
            return self.State.DELETING
        return str(self.request.state) if self.request is not None else self.State.WAITING
