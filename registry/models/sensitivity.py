"""How sensitive data is, and who was let at it by name."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.models import TenantForeignKey, TenantModel
from registry.models.dataset import Dataset


class DatasetGrant(TenantModel):
    """Lets one person, or everybody of one role, at a dataset whose sensitivity asks for it."""

    dataset = TenantForeignKey(Dataset, models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    role = models.CharField(max_length=32, blank=True)
    reason = models.CharField(_("Reason"), max_length=500)
    granted_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("Until"), null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, role="")
                | models.Q(user__isnull=True) & ~models.Q(role=""),
                name="registry_datasetgrant_one_bearer",
            ),
        ]

    @property
    def bearer(self) -> str:
        """Who was let at the data: a person's name, or a role."""
        return self.user.username if self.user is not None else self.role

    @property
    def label(self) -> str:
        """How audit entries call this grant."""
        return f"{self.dataset.name}: {self.bearer}"

    @property
    def live(self) -> bool:
        """Whether it counts now."""
        return self.ended_at is None and (self.expires_at is None or self.expires_at > timezone.now())
