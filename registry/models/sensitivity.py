"""How sensitive data is, and who was let at it by name."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.models import TenantForeignKey, TenantModel
from projects.models import Robot
from registry.models.dataset import Dataset


class DatasetGrant(TenantModel):
    """Lets one person, one robot, or everybody of one role, at a dataset whose sensitivity asks for it."""

    dataset = TenantForeignKey(Dataset, models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    robot = TenantForeignKey(Robot, models.PROTECT, related_name="+", null=True)
    role = models.CharField(max_length=32, blank=True)
    reason = models.CharField(_("Reason"), max_length=500)
    granted_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("Until"), null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, robot=None, role="")
                | models.Q(user=None, robot__isnull=False, role="")
                | models.Q(user=None, robot=None) & ~models.Q(role=""),
                name="registry_datasetgrant_bearer",
            ),
        ]

    @property
    def bearer(self) -> str:
        """Who was let at the data: a person's or a robot's name, or a role."""
        if self.user is not None:
            return str(self.user.username)
        return self.robot.name if self.robot is not None else self.role

    @property
    def bearer_kind(self) -> str:
        """What was let at the data: person, robot or role."""
        if self.user_id is not None:
            return "person"
        return "robot" if self.robot_id is not None else "role"

    @property
    def label(self) -> str:
        """How audit entries call this grant."""
        return f"{self.dataset.name}: {self.bearer}"

    @property
    def live(self) -> bool:
        """Whether it counts now."""
        return self.ended_at is None and (self.expires_at is None or self.expires_at > timezone.now())
